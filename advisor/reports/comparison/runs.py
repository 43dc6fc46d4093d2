"""Several runs next to each other: their settings, their figures, and the differences with intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.reports import wording
from advisor.reports.charts.model import Table
from advisor.reports.document.classes import class_figures
from advisor.reports.document.simulation import (
    DIFFERENCES,
    SHARES,
    difference_words,
    figure_words,
    results_table,
)
from advisor.reports.wording import designs_of, style_name
from core.numbers import MISSING, count, duration, number, percent
from simulator.result import DesignResult, Interval, Result
from simulator.scenario import Scenario

LETTERS = "ABCDEF"
FEWEST_RUNS, MOST_RUNS = 2, len(LETTERS)
RUN_SYMBOLS = {
    "circle": "M28 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "square": "M28 2h8v8h-8z",
    "diamond": "M32 1l5 5-5 5-5-5z",
    "triangle-up": "M32 1l5 9h-10z",
    "cross": "M30.5 1h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    "hourglass": "M27 1h10l-10 10h10z",
}
"""Along a run's lines, by plotly's names, with their outlines around 32, 6; the dash of a line is its design's."""


@dataclass(frozen=True)
class ComparedRun:
    """`recording` is the name of its trace, if its arrivals are recorded ones."""

    place: int
    name: str
    scenario: Scenario
    result: Result
    recording: str = ""

    @property
    def letter(self) -> str:
        return LETTERS[self.place]

    @property
    def symbol(self) -> str:
        return list(RUN_SYMBOLS)[self.place]

    @property
    def symbol_path(self) -> str:
        return RUN_SYMBOLS[self.symbol]

    def design(self, style: str) -> DesignResult | None:
        return dict(wording.designs_of(self.result)).get(style)


def styles_of(runs: Sequence[ComparedRun]) -> tuple[str, ...]:
    return tuple(style for style in wording.STYLES if any(run.design(style) for run in runs))


def with_design(runs: Sequence[ComparedRun], style: str) -> list[tuple[ComparedRun, DesignResult]]:
    return [(run, design) for run in runs if (design := run.design(style)) is not None]


MUCH_LONGER = 5.0
"""On a shared axis of time a run of a smaller part of its length is hardly seen."""


def length_warning(runs: Sequence[ComparedRun]) -> str:
    """Empty unless one run lasts far longer than another."""
    ends_s = [
        (
            max(
                (design.series.t_s[-1] for _, design in wording.designs_of(run.result) if design.series.t_s),
                default=0.0,
            ),
            run,
        )
        for run in runs
    ]
    (shortest_s, shortest), (longest_s, longest) = (pick(ends_s, key=lambda end: end[0]) for pick in (min, max))
    if shortest_s <= 0 or longest_s < MUCH_LONGER * shortest_s:
        return ""
    return (
        f"{longest.letter} lasts {duration(longest_s)} and {shortest.letter} {duration(shortest_s)}: on the shared axis of time "
        f"{shortest.letter} is hardly seen. Zoom into its part, or read its queue and calls on its own page; latency and figures compare as they are."
    )


ABSENT = "–"
WHOLE = "all of it"
NOTHING: Mapping[str, str] = {
    "deadline_s": "no deadline",
    "synchronous.backlog": "unbounded",
    "synchronous.client_timeout_s": "never",
    "synchronous.inline_retries": "as the retries",
    "event_driven.max_queue": "unbounded",
    "event_driven.expires_s": "never",
}
"""What an empty setting means; anywhere else it is no limit, or not used."""
LIMIT_PREFIX = "provider."


@dataclass(frozen=True)
class Setting:
    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def settings_of(runs: Sequence[ComparedRun]) -> tuple[Setting, ...]:
    each = [_flat(run) for run in runs]
    paths = dict.fromkeys(path for one in each for path in one)
    names = [_name(path) for path in paths]
    settings = [Setting(_told_apart(path, names), tuple(_words(path, one) for one in each)) for path in paths]
    engine = [
        Setting("Engine", tuple(run.result.engine for run in runs)),
        Setting("Part that was run", tuple(run.result.live.window if run.result.live else WHOLE for run in runs)),
        Setting("Speed", tuple(f"{number(run.result.live.speed)}x" if run.result.live else ABSENT for run in runs)),
        Setting(
            "Arrivals over", tuple(duration(run.result.live.seconds) if run.result.live else ABSENT for run in runs)
        ),
        Setting("Workers", tuple(run.result.live.workers if run.result.live else ABSENT for run in runs)),
        Setting("Replications", tuple(count(run.result.replications) for run in runs)),
    ]
    return (*engine, *settings)


def _flat(run: ComparedRun) -> dict[str, Any]:
    settings = dict(_leaves(run.scenario.model_dump(exclude={"schema_"}), ""))
    if run.recording:
        settings["arrivals.trace"] = run.recording
    return settings


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        return [leaf for name, part in value.items() for leaf in _leaves(part, f"{path}.{name}" if path else str(name))]
    return [(path, value)]


def _told_apart(path: str, names: Sequence[str]) -> str:
    """A share and a time may have the same name without their unit."""
    name = _name(path)
    return f"{name} time" if names.count(name) > 1 and path.endswith("_s") else name


def _name(path: str) -> str:
    *parents, leaf = path.split(".")
    where = " ".join(parents).replace("_", " ").replace("event driven", "event-driven")
    words = wording.without_unit(leaf)
    return wording.capitalised(f"{where}: {words}" if where else words)


def _words(path: str, settings: Mapping[str, Any]) -> str:
    if path not in settings:
        return ABSENT
    return _value(path, settings[path])


def _value(path: str, value: Any) -> str:
    if value is None:
        return NOTHING.get(path, "no limit" if path.startswith(LIMIT_PREFIX) else "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, Mapping | list | tuple):
        return wording.listed([_part(part) for part in value]) or "none"
    if path == "seed":
        return str(value)
    if path.startswith("event_driven.queues."):
        return percent(value)
    if float(value).is_integer() and not wording.UNIT_OF_NAME.search(path):
        return count(value)
    return wording.value_by_name(path, value)


def _part(part: Any) -> str:
    if isinstance(part, Mapping):
        return ", ".join(_value(name, value) for name, value in part.items())
    return _value("_s", part) if isinstance(part, int | float) else str(part)


@dataclass(frozen=True)
class DifferenceCell:
    """A difference in words; `telling` if its interval leaves out zero."""

    text: str
    telling: bool = False


@dataclass(frozen=True)
class DifferenceRow:
    name: str
    cells: tuple[DifferenceCell, ...]


@dataclass(frozen=True)
class Differences:
    title: str
    headers: tuple[str, ...]
    rows: tuple[DifferenceRow, ...]


def figures_of(runs: Sequence[ComparedRun], style: str) -> Table:
    runs = [run for run, _ in with_design(runs, style)]
    each = [_column(run, style) for run in runs]
    names = _merged([list(column) for column in each])
    rows = tuple((name, *(column.get(name, _left_out(name, column)) for column in each)) for name in names)
    return Table((style_name(style), *(run.letter for run in runs)), rows)


def _merged(lists: Sequence[Sequence[str]]) -> list[str]:
    """Every name once; one that an earlier list does not have comes after its predecessor."""
    merged: list[str] = []
    for names in lists:
        place = 0
        for name in names:
            if name in merged:
                place = merged.index(name) + 1
            else:
                merged.insert(place, name)
                place += 1
    return merged


def _left_out(name: str, column: Mapping[str, str]) -> str:
    """A run's own table leaves out the losses that did not occur in it. A dash if it has no such class."""
    of_class, is_loss, _ = name.rpartition("of these")
    return "0 (0 %)" if is_loss and (not of_class or f"{of_class}jobs offered" in column) else MISSING


def _column(run: ComparedRun, style: str) -> dict[str, str]:
    place = [name for name, _ in designs_of(run.result)].index(style) + 1
    return {row[0]: row[place] for row in results_table(run.result).rows} | _of_classes(run, style)


def _of_classes(run: ComparedRun, style: str) -> dict[str, str]:
    design = dict(designs_of(run.result))[style]
    return {
        f"{figures.name}: {wording.uncapitalised(name)}": words
        for figures in class_figures({style: design}, run.scenario)
        for name, words in figures.table.rows
    }


def between_designs(runs: Sequence[ComparedRun]) -> Differences:
    """Event-driven minus synchronous in each run, paired by replication."""
    rows = [
        DifferenceRow(words, tuple(_cell(name, run.result.difference.get(name)) for run in runs))
        for name, words in DIFFERENCES.items()
        if any(name in run.result.difference for run in runs)
    ]
    return Differences("Event-driven minus synchronous", tuple(run.letter for run in runs), tuple(rows))


def between_runs(runs: Sequence[ComparedRun], style: str) -> Differences:
    """Each run minus the first, the runs taken as independent of each other."""
    (first, less), *others = with_design(runs, style)
    rows = []
    for name, words in DIFFERENCES.items():
        cells = tuple(_cell_between(name, less, more) for _, more in others)
        if any(cell.text != MISSING for cell in cells):
            rows.append(DifferenceRow(words, cells))
    headers = tuple(f"{run.letter} − {first.letter}" for run, _ in others)
    return Differences(style_name(style), headers, tuple(rows))


def difference(name: str, less: DesignResult, more: DesignResult) -> Interval | None:
    """`more` minus `less`, from the 95 % interval of each; None if one has no interval.

    The bounds are recovered from those of the two parts, so that a lopsided interval stays one (MOVER: Zou and Donner,
    Statistics in Medicine 27, 2008).
    """
    a, b = less.figure(name), more.figure(name)
    if a is None or b is None or name not in less.intervals or name not in more.intervals:
        return None
    (low_a, high_a), (low_b, high_b) = less.intervals[name], more.intervals[name]
    mean = b - a
    return Interval(
        mean=mean, low=mean - math.hypot(b - low_b, high_a - a), high=mean + math.hypot(high_b - b, a - low_a)
    )


def _cell(name: str, interval: Interval | None) -> DifferenceCell:
    if interval is None:
        return DifferenceCell(MISSING)
    return DifferenceCell(difference_words(name, interval), interval.low > 0 or interval.high < 0)


def _cell_between(name: str, less: DesignResult, more: DesignResult) -> DifferenceCell:
    interval = difference(name, less, more)
    if interval is not None:
        return _cell(name, interval)
    a, b = less.figure(name), more.figure(name)
    return DifferenceCell(MISSING if a is None or b is None else _alone(name, b - a))


def _alone(name: str, value: float) -> str:
    return number(100 * value, "points") if name in SHARES else figure_words(name, value)
