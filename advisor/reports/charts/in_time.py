"""The shares of results in time of all designs against the share that is wanted: the picture of a report's first page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from advisor.advice.contract import Evidence
from advisor.reports import wording
from advisor.reports.charts.latency import latency
from advisor.reports.charts.model import Axis, Bars, Chart, Deadline, Table
from core.numbers import MISSING, duration, listed, share, share_interval
from simulator.result import Result
from simulator.scenario import Scenario


@dataclass(frozen=True)
class InTime:
    """Shares from 0 to 1; the bounds are of a 95 % interval."""

    good_share: float
    low: float
    high: float


def report_picture(evidence: Evidence | None, result: Result | None, scenario: Scenario | None) -> Chart | None:
    """Of the long run if there is one, else of the evidence. Without a deadline: the latencies of the run."""
    if result is not None and scenario is not None:
        if scenario.deadline_s is None:
            return replace(latency(result, scenario), id="picture")
        within = None if isinstance(scenario.deadline_s, Mapping) else scenario.deadline_s
        return in_time(_of_run(result), 1 - scenario.tolerated_miss_percent / 100, within)
    if evidence is None:
        return None
    places = list(wording.STYLES)
    shares: dict[str, InTime] = {
        style: InTime(one.good_share, one.low, one.high)
        for style, one in sorted(evidence.styles.items(), key=lambda item: places.index(item[0]))
    }
    return in_time(shares, evidence.wanted_share, evidence.deadline_s)


def _of_run(result: Result) -> Mapping[str, InTime]:
    return {
        style: InTime(design.good_share, *design.intervals.get("good_share", (design.good_share, design.good_share)))
        for style, design in wording.designs_of(result)
    }


def in_time(shares: Mapping[str, InTime], wanted_share: float, deadline_s: float | None) -> Chart:
    """`deadline_s` None: each class has its own."""
    within = "its deadline" if deadline_s is None else duration(deadline_s)
    parts = listed([f"{share(one.good_share)} {wording.design_name(style)}" for style, one in shares.items()])
    title = f"Within {within}: {parts}; {share(wanted_share)} wanted"
    rows = [
        (wording.style_name(style), share(one.good_share), _interval(one), share(wanted_share))
        for style, one in shares.items()
    ]
    return Chart(
        id="in-time",
        title=title,
        alt=f"{title}. Bars of the share of results in time of each design, with an upright line at the share wanted.",
        x=Axis("Results in time (% of requests)", "%", low=0.0, high=100.0),
        y=Axis("Results in time", ""),
        groups=("In time",),
        bars=tuple(
            Bars(
                wording.style_name(style),
                style,
                (100 * one.good_share,),
                (share(one.good_share),),
                (100 * one.low, 100 * one.high),
            )
            for style, one in shares.items()
        ),
        deadlines=(Deadline(100 * wanted_share, f"{share(wanted_share)} wanted"),),
        table=Table(("Design", "In time", "95 % interval", "Wanted"), tuple(rows)),
    )


def _interval(one: InTime) -> str:
    return MISSING if one.low == one.high else share_interval(one.good_share, one.low, one.high)
