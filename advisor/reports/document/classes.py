"""What a run found for each class of jobs: a table a class, the designs side by side, and sentences."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from advisor.reports import wording
from advisor.reports.charts.model import Table
from advisor.reports.document.blocks import Block, ItemList, ListItem, cell, table_block
from core.numbers import MISSING, count, duration, share, share_interval
from simulator.class_conclusions import class_deadline_s
from simulator.result import ClassResult, DesignResult, Result
from simulator.scenario import Scenario

TIMES = (
    ("wait", (("mean", "mean"), ("p95", "p95"), ("max", "largest"))),
    ("latency", (("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("max", "largest"))),
)


@dataclass(frozen=True)
class ClassFigures:
    """One class in every design; `deadline` is its own in words, if it has one."""

    name: str
    deadline: str
    table: Table

    @property
    def caption(self) -> str:
        return f"Class {self.name}, {self.deadline}"


def class_figures(designs: Mapping[str, DesignResult], scenario: Scenario) -> tuple[ClassFigures, ...]:
    """None if all jobs are of one class. `designs` are named as the columns are."""
    names = dict.fromkeys(name for design in designs.values() for name in design.classes)
    if len(names) < 2:
        return ()
    return tuple(ClassFigures(name, _deadline(scenario, name), _table(name, designs)) for name in names)


def _deadline(scenario: Scenario, name: str) -> str:
    deadline_s = class_deadline_s(scenario, name)
    return "no deadline" if deadline_s is None else f"deadline {duration(deadline_s)}"


def _table(name: str, designs: Mapping[str, DesignResult]) -> Table:
    own = [(design.classes[name], _is_stable(design, name)) for design in designs.values()]
    classes = [one for one, _ in own]
    rows = [("Jobs offered", *(count(one.offered) for one in classes)), *_outcome_rows(classes)]
    rows.append(("Good share", *map(_good_share, classes)))
    for of, figures in TIMES:
        if any(_times(one, of) for one in classes):
            rows += [
                (f"{wording.capitalised(of)}, {words}", *(_time(one, of, figure, stable=stable) for one, stable in own))
                for figure, words in figures
            ]
        elif not any(stable for _, stable in own):
            rows.append((wording.capitalised(of), *("no steady state" for _ in own)))
        elif of == "wait":
            rows.append(("Wait, mean", *(duration(one.wait_mean_s) for one in classes)))
    return Table(("Figure", *designs), tuple(tuple(cell(text) for text in row) for row in rows))


def _is_stable(design: DesignResult, name: str) -> bool:
    stable = design.classes[name].stable
    return design.stable if stable is None else stable


def _good_share(own: ClassResult) -> str:
    if not own.offered:
        return MISSING
    bounds = own.intervals.get("good_share")
    return share(own.good_share) if bounds is None else share_interval(own.good_share, *bounds)


def _outcome_rows(classes: Iterable[ClassResult]) -> list[tuple[str, ...]]:
    """The losses that occur; results of before have no outcomes of a class."""
    rows = []
    for name, words in wording.OUTCOMES.items():
        jobs = [getattr(one, name) for one in classes]
        if name != "good" and any(jobs):
            shares = (
                f"{count(lost)} ({share(lost / one.offered if one.offered else 0.0)})"
                for lost, one in zip(jobs, classes, strict=True)
            )
            rows.append((f"of these {words}", *shares))
    return rows


def _times(own: ClassResult, of: str) -> bool:
    return any(value is not None for value in getattr(own, f"{of}_s").model_dump().values())


def _time(own: ClassResult, of: str, figure: str, *, stable: bool) -> str:
    if not stable:
        return "no steady state"
    if not own.offered:
        return MISSING
    return duration(
        getattr(getattr(own, f"{of}_s"), figure), missing=wording.NOT_REACHED if of == "latency" else MISSING
    )


def class_blocks(result: Result, scenario: Scenario) -> tuple[Block, ...]:
    figures = class_figures({wording.style_name(style): one for style, one in wording.designs_of(result)}, scenario)
    if not figures:
        return ()
    sentences = [*class_verdict_sentences(result, scenario), *worst_wait_sentences(result)]
    return (
        *([ItemList(tuple(map(ListItem, sentences)))] if sentences else []),
        *map(class_block, figures),
    )


def class_block(figures: ClassFigures) -> Block:
    return table_block(figures.table.headers, figures.table.rows, figures.caption)


def class_verdict_sentences(result: Result, scenario: Scenario) -> tuple[str, ...]:
    return tuple(
        f"Class {name}, deadline {duration(class_deadline_s(scenario, name))}: {_verdict(result, verdict)}."
        for name, verdict in result.class_verdicts.items()
    )


def _verdict(result: Result, verdict: str | list[str]) -> str:
    if isinstance(verdict, list):
        names = wording.listed([wording.design_name(style) for style in verdict])
        return f"the {names} designs {'both' if len(verdict) == 2 else 'all'} meet it"
    match verdict:
        case "neither":
            return f"{'neither' if result.hybrid is None else 'no'} design meets it"
        case "unresolved":
            return "not resolved, the interval of a design straddles what is wanted"
    return f"only the {wording.design_name(verdict)} design meets it"


def worst_wait_sentences(result: Result) -> tuple[str, ...]:
    """The classes' worst waits in each design that has more than one, the longest first."""
    sentences = []
    for style, design in wording.designs_of(result):
        waits = sorted(
            ((one.wait_s.max, name) for name, one in design.classes.items() if one.wait_s.max is not None), reverse=True
        )
        if len(waits) > 1:
            (longest_s, first), *others = waits
            rest = wording.listed([f"{name} {duration(seconds)}" for seconds, name in others])
            sentences.append(f"{wording.style_name(style)}: {first} waits at worst {duration(longest_s)}, {rest}.")
    return tuple(sentences)


def starved_sentences(result: Result) -> tuple[str, ...]:
    return tuple(wording.starved_sentence(starved) for starved in result.starved)
