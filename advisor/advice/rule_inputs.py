"""The answers that each rule depends on: one answer is changed at a time, and what the rule weighs and cites is compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from advisor.advice.answer_vectors import ENCODED, HOP_VECTORS, INTERVAL_VECTORS, AnswerVectors, NumberVector
from advisor.advice.answers import LEAVES
from advisor.advice.evaluation import Evaluation
from advisor.advice.facts import FactVectors, PointFacts, facts_of
from advisor.advice.rules import RULES, Rule
from advisor.advice.variations import ALONE, moved_along

MOST_INPUTS = 5
"""A reason names at most this many answers."""
_FACTOR = 2.0
"""By how much a number is changed."""
_FAINT = 0.02
"""A change of a fact by less than this part is ignored."""
_HOPS, _INTERVALS = "synchronous.hops", "failures.retry_intervals_s"


def rule_inputs(evaluation: Evaluation, rules: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """For each rule the paths of the answers that change what it weighs or cites, those that change it most first."""
    wanted = set(rules)
    changes = tuple(_changes(evaluation))
    facts = facts_of(_vectors(evaluation.vectors, changes))
    paths = [change.path for change in changes]
    return {rule.id: _inputs(rule, evaluation.point, facts, paths) for rule in RULES if rule.id in wanted}


def _inputs(rule: Rule, point: PointFacts, facts: FactVectors, paths: list[str]) -> tuple[str, ...]:
    compared = [rule.when(facts), rule.weight(facts), *(attrgetter(fact)(facts) for fact in rule.cited(point))]
    moves = np.max([_moves(values) for values in compared], axis=0)
    most: dict[str, float] = {}
    for path, move in zip(paths, moves, strict=True):
        most[path] = max(float(move), most.get(path, 0.0))
    order = sorted(most, key=lambda path: -most[path])
    return tuple(path for path in order[:MOST_INPUTS] if most[path] > _FAINT)


def _moves(values: NumberVector) -> NumberVector:
    """By what part each change moves a fact from its first row; at most wholly."""
    numbers = values.astype(np.float64)
    now, then = numbers[0], numbers[1:]
    same = (then == now) | (np.isnan(then) & np.isnan(now))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.abs(then - now) / np.maximum(np.abs(now), np.abs(then))
    return np.where(same, 0.0, np.where(np.isfinite(part), part, 1.0))


@dataclass(frozen=True)
class _Change:
    path: str
    vectors: Mapping[str, NumberVector]


def _changes(evaluation: Evaluation) -> Iterator[_Change]:
    """Every answer doubled (or halved, if that is too much), every flag flipped, every other choice, and no hops."""
    base = evaluation.vectors
    for path in ENCODED:
        for value in _others(path, float(base[path][0])):
            yield _Change(path, moved_along(path, np.array([value]), base, ALONE.get(path, frozenset())))
    yield _Change(_HOPS, {name: np.array([30.0 if np.isinf(base[name][0]) else np.inf]) for name in HOP_VECTORS})
    if evaluation.answers.failures.retry_intervals_s is not None:
        yield _Change(_INTERVALS, {name: _FACTOR * base[name] for name in INTERVAL_VECTORS})


def _others(path: str, now: float) -> list[float]:
    leaf = LEAVES[path]
    if leaf.kind == "flag":
        return [1.0 - now]
    if leaf.kind == "choice":
        return [float(choice) for choice in range(len(leaf.choices)) if choice != now]
    if not np.isfinite(now):
        return []
    more = max(now * _FACTOR, now + 1) if leaf.kind == "integer" or now == 0 else now * _FACTOR
    return [more if leaf.high is None or more <= leaf.high else now / _FACTOR]


def _vectors(base: AnswerVectors, changes: tuple[_Change, ...]) -> AnswerVectors:
    """The first row is the answers, each other row one change of them."""
    vectors = {path: np.repeat(vector, len(changes) + 1) for path, vector in base.items()}
    for row, change in enumerate(changes, start=1):
        for name, value in change.vectors.items():
            vectors[name][row] = value[0]
    return vectors
