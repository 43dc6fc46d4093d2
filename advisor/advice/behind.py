"""Which answers stand behind each reason: found by changing one at a time and watching what the rule weighs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from advisor.advice.answers import LEAVES, Answers
from advisor.advice.columns import ENCODED, HOP_COLUMNS, INTERVAL_COLUMNS, Columns, Floats, columns_of
from advisor.advice.facts import Facts, Point, facts_of
from advisor.advice.rules import RULES, Rule
from advisor.advice.variations import ALONE, moved_along

MOST = 5
"""No reason names more answers than this."""
FACTOR = 2.0
"""By how much a number is changed."""
FAINT = 0.02
"""What moves a fact by less than this part does not stand behind it."""
HOPS, INTERVALS = "synchronous.hops", "failures.retry_intervals_s"


def answers_behind(answers: Answers, rules: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """For each rule the paths of the answers that move what it weighs, those that move it most first."""
    wanted = set(rules)
    changes = tuple(_changes(answers))
    facts = facts_of(_columns(answers, changes))
    paths = [change.path for change in changes]
    point = Point(facts, answers)
    return {rule.id: _behind(rule, facts, point, paths) for rule in RULES if rule.id in wanted}


def _behind(rule: Rule, facts: Facts, point: Point, paths: list[str]) -> tuple[str, ...]:
    """Whether it fires, how much it weighs, and the figures it speaks of: what moves any of these."""
    watched = [rule.when(facts), rule.weight(facts), *(getattr(facts, name) for name in _said(rule, point))]
    moves = np.max([_moves(values) for values in watched], axis=0)
    most: dict[str, float] = {}
    for path, move in zip(paths, moves, strict=True):
        most[path] = max(float(move), most.get(path, 0.0))
    order = sorted(most, key=lambda path: -most[path])
    return tuple(path for path in order[:MOST] if most[path] > FAINT)


def _moves(values: Floats) -> Floats:
    """By what part each change moves a fact from its first row; at most wholly."""
    numbers = values.astype(np.float64)
    now, then = numbers[0], numbers[1:]
    same = (then == now) | (np.isnan(then) & np.isnan(now))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.abs(then - now) / np.maximum(np.abs(now), np.abs(then))
    return np.where(same, 0.0, np.where(np.isfinite(part), part, 1.0))


class _Watched:
    """A point's facts, which remember which of them were looked at."""

    def __init__(self, point: Point, seen: set[str]) -> None:
        self._point, self._seen = point, seen

    def __getattr__(self, name: str) -> Any:
        self._seen.add(name)
        return getattr(self._point, name)


def _said(rule: Rule, point: Point) -> set[str]:
    """The facts of which a rule's sentence speaks."""
    seen: set[str] = set()
    rule.sentence(_Watched(point, seen))  # type: ignore[arg-type]
    return seen - {"answers"}


@dataclass(frozen=True)
class _Change:
    """One answer changed: its path, and the columns that are then different."""

    path: str
    columns: Mapping[str, Floats]


def _changes(answers: Answers) -> Iterator[_Change]:
    """Every answer doubled (or halved, where that is too much), every flag turned, every other choice; the way without its hops."""
    base = columns_of(answers)
    for path in ENCODED:
        for value in _others(path, float(base[path][0])):
            yield _Change(path, moved_along(path, np.array([value]), base, ALONE.get(path, frozenset())))
    yield _Change(HOPS, {name: np.array([30.0 if np.isinf(base[name][0]) else np.inf]) for name in HOP_COLUMNS})
    if answers.failures.retry_intervals_s is not None:
        yield _Change(INTERVALS, {name: FACTOR * base[name] for name in INTERVAL_COLUMNS})


def _others(path: str, now: float) -> list[float]:
    leaf = LEAVES[path]
    if leaf.kind == "flag":
        return [1.0 - now]
    if leaf.kind == "choice":
        return [float(choice) for choice in range(len(leaf.choices)) if choice != now]
    if not np.isfinite(now):
        return []
    more = max(now * FACTOR, now + 1) if leaf.kind == "integer" or now == 0 else now * FACTOR
    return [more if leaf.high is None or more <= leaf.high else now / FACTOR]


def _columns(answers: Answers, changes: tuple[_Change, ...]) -> Columns:
    """Columns whose first row is the answers, and each other one a change of them."""
    columns = {path: np.repeat(column, len(changes) + 1) for path, column in columns_of(answers).items()}
    for row, change in enumerate(changes, start=1):
        for name, value in change.columns.items():
            columns[name][row] = value[0]
    return columns
