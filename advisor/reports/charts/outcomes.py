from collections.abc import Sequence

from advisor.reports import wording
from advisor.reports.charts.model import Axis, Bars, Chart, Designs, Table
from core.numbers import count, share
from simulator.result import DesignResult, Result

NOT_MEASURED = {"kernel": ("undecided", "lost"), "live": ("undecided",)}
"""Outcomes that, where there are none, most runs of that engine could not have had: left out then."""
LOSSES = tuple(name for name in wording.OUTCOMES if name not in ("good", "undecided"))


def outcomes(result: Result) -> Chart:
    designs = tuple(wording.designs_of(result))
    seen = [name for name in wording.OUTCOMES if name == "good" or any(getattr(design, name) for _, design in designs)]
    title = _finding(designs)
    return Chart(
        id="outcomes",
        title=title,
        alt=f"{title}. Bars of the share of offered jobs by outcome, all replications.",
        x=Axis("Share of offered jobs (%)", "%", low=0.0, high=100.0),
        y=Axis("Outcome", ""),
        groups=tuple(wording.OUTCOMES[name] for name in seen),
        bars=tuple(share_bars(style, [_share(design, name) for name in seen]) for style, design in designs),
        table=_table(designs, frozenset(NOT_MEASURED[result.engine])),
    )


def share_bars(style: str, shares: Sequence[float | None]) -> Bars:
    percents, words = tuple(100 * (part or 0.0) for part in shares), tuple(map(share, shares))
    return Bars(wording.style_name(style), style, percents, words)


def _share(design: DesignResult, name: str) -> float:
    return float(getattr(design, name) / design.offered) if design.offered else 0.0


def _finding(designs: Designs) -> str:
    good = wording.listed(
        [f"{share(_share(design, 'good'))} {wording.design_name(style)}" for style, design in designs]
    )
    worst = max(
        ((_share(design, name), name, style) for style, design in designs for name in LOSSES), key=lambda loss: loss[0]
    )
    if worst[0] == 0:
        return "Every job ends good in " + ("both designs" if len(designs) == 2 else "every design")
    part, name, style = worst
    return f"Good: {good}; the largest loss: {share(part)} {wording.OUTCOMES[name]} ({wording.design_name(style)})"


def _table(designs: Designs, not_measured: frozenset[str]) -> Table:
    rows = [("offered", *(count(design.offered) for _, design in designs))]
    for name, words in wording.OUTCOMES.items():
        if name in not_measured and not any(getattr(design, name) for _, design in designs):
            continue
        figures = [f"{count(getattr(design, name))} ({share(_share(design, name))})" for _, design in designs]
        rows.append((words, *figures))
    return Table(("Jobs", *(wording.style_name(style) for style, _ in designs)), tuple(rows))
