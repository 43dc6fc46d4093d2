"""Flips: for every answer, the nearest other value at which style, strength, delivery or feasibility changes. Found by search, one pass for all."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from advisor.advice.answer_vectors import (
    ENCODED,
    HOP_VECTORS,
    OF_THE_BROKER,
    SIMULATED_ONLY,
    WITHOUT,
    AnswerVectors,
    NumberVector,
    encoded,
    hop_limits,
)
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.contract import Flip, FlipOutcome
from advisor.advice.evaluation import Codes, Decisions, Evaluation, decide
from advisor.advice.variations import moved_along, reach, starting_number
from core.paths import value_at
from simulator.scenario import Hop

_STEPS = 48
"""Values tried towards each bound, dense near the answer and sparse far from it."""
_EVERY_INTEGER = 32
"""Integers no farther than this are all tried."""
_PARTS = 16
"""Into how many parts a bracket is cut at each pass."""
_PASSES = 9
"""Passes of refinement: 16^-9 of the first bracket."""
_NICE = 5e-4
"""A threshold is rounded, away from the answer, by no more than this."""
_SMALL, _SMALLEST = 1e-6, 1e-3
"""From zero, the search begins at this part of the bound, or at a thousandth where that is less."""


@dataclass
class _Probe:
    """Values to try for one answer, the nearest first; choices as they are written in `given`."""

    path: str
    values: NumberVector
    given: list[Any] | None = None
    vectors: Mapping[str, NumberVector] | None = None
    """What the values change, if not the field's own vector."""


@dataclass(frozen=True)
class _DecidedProbe:
    """A probe with its rows of the decisions of many."""

    probe: _Probe
    decisions: Decisions
    start: int

    @property
    def keys(self) -> Codes:
        return self.decisions.key[self.start : self.start + len(self.probe.values)]

    def outcome(self, row: int) -> FlipOutcome:
        style, strength, method = self.decisions.outcome(self.start + row)
        feasible = bool(self.decisions.feasible[self.start + row])
        return FlipOutcome(style=style, strength=strength, delivery=method, feasible=feasible)


Decide = Callable[[AnswerVectors], Decisions]


def find_flips(evaluation: Evaluation, decide_rows: Decide = decide) -> tuple[Flip, ...]:
    """Those of style come first, then those of delivery and of strength, the nearest of each first."""
    answers, base, now = evaluation.answers, evaluation.vectors, decide_rows(evaluation.vectors)
    weighed = [path for path in ENCODED if path not in SIMULATED_ONLY | OF_THE_BROKER]
    numeric = [probe for path in weighed if LEAVES[path].numeric for probe in _directions(path, evaluation)]
    listed = [_choices(answers, path) for path in weighed if not LEAVES[path].numeric] + [_hops(answers)]
    decided = _decide_probes(base, [probe for probe in (*numeric, *listed) if len(probe.values)], decide_rows)
    flips = [
        _flip(answers, one.probe.path, one.probe.given[row], one.outcome(int(row)))
        for one in decided
        if one.probe.given is not None
        for row in np.flatnonzero(one.keys != now.key[0])
    ]
    flips += _thresholds(evaluation, [one for one in decided if one.probe.given is None], int(now.key[0]), decide_rows)
    return tuple(sorted(flips, key=lambda flip: rank(flip, _outcome_now(now))))


def _decide_probes(base: AnswerVectors, probes: list[_Probe], decide_rows: Decide) -> list[_DecidedProbe]:
    """One pass over every value of every probe."""
    if not probes:
        return []
    starts = [int(start) for start in np.cumsum([0, *(len(probe.values) for probe in probes)])]
    vectors = {path: np.repeat(vector, starts[-1]) for path, vector in base.items()}
    for start, probe in zip(starts, probes, strict=False):
        for path, values in (probe.vectors or moved_along(probe.path, probe.values, base)).items():
            vectors[path][start : start + len(probe.values)] = values
    decisions = decide_rows(vectors)
    return [_DecidedProbe(probe, decisions, start) for start, probe in zip(starts, probes, strict=False)]


def _directions(path: str, evaluation: Evaluation) -> list[_Probe]:
    if path in WITHOUT and value_at(evaluation.answers, path) is None:
        return []
    low, high = reach(path, evaluation.vectors)
    now = starting_number(path, evaluation.answers)
    integer = LEAVES[path].kind == "integer"
    if math.isinf(now):
        return [_Probe(path, _spread(high, low, integer, ends=True))]
    bounds = [bound for bound in (low, high) if (bound > now) == (bound == high)]
    return [_Probe(path, _spread(now, bound, integer)) for bound in bounds]


def _spread(start: float, bound: float, integer: bool, *, ends: bool = False) -> NumberVector:
    if start == bound:
        return np.array([])
    tiny = min(_SMALLEST, _SMALL * max(start, bound))
    near, far = start or tiny, bound or tiny
    values = near * (far / near) ** (np.arange(0, _STEPS + 1) / _STEPS) ** 2.5
    values = np.append(values[:-1], [far, bound] if bound == 0 else [bound])
    if start > 0 and not ends:
        values = values[1:]
    if not integer:
        return values
    side = 1 if bound > start else -1
    every = start + side * np.arange(0 if ends else 1, _EVERY_INTEGER + 1)
    whole = np.unique(np.round(np.concatenate([every, values])))
    whole = whole[(whole >= min(start, bound)) & (whole <= max(start, bound))]
    whole = whole if ends else whole[whole != start]
    return whole if side > 0 else whole[::-1]


def _choices(answers: Answers, path: str) -> _Probe:
    now = value_at(answers, path)
    others = [value for value in (LEAVES[path].choices or (False, True)) if value != now]
    return _Probe(path, np.array([encoded(path, value) for value in others]), others)


def _hops(answers: Answers) -> _Probe:
    """The hops without each of them in turn, and without any."""
    hops = list(answers.synchronous.hops)
    fewer = [hops[:place] + hops[place + 1 :] for place in range(len(hops))] if len(hops) > 1 else []
    fewer = [*fewer, []] if hops else []
    limits = [hop_limits(left) for left in fewer]
    vectors = {name: np.array([limit[name] for limit in limits]) for name in HOP_VECTORS}
    return _Probe("synchronous.hops", np.zeros(len(fewer)), [_written(left) for left in fewer], vectors)


def _written(hops: Iterable[str | Hop]) -> list[Any]:
    return [hop if isinstance(hop, str) else hop.model_dump() for hop in hops]


@dataclass
class _Bracket:
    path: str
    old: float
    new: float

    @property
    def integer(self) -> bool:
        return LEAVES[self.path].kind == "integer"

    def cut(self) -> NumberVector:
        if self.integer:
            side = 1 if self.new > self.old else -1
            gap = abs(self.new - self.old)
            return self.old + side * np.unique(np.ceil(gap * np.arange(1, _PARTS + 1) / _PARTS))
        parts = np.arange(1, _PARTS + 1) / _PARTS
        if min(self.old, self.new) <= 0:  # zero, and the smallest value that is not zero
            return np.array([self.new])
        return np.append((self.old * (self.new / self.old) ** parts)[:-1], self.new)

    def beyond(self) -> float:
        """The new value, past the last bits that depend on how many rows are worked out at once."""
        if self.integer:
            return self.new
        low, high = LEAVES[self.path].low or 0.0, LEAVES[self.path].high or math.inf
        return min(high, max(low, self.new * (1 + math.copysign(1e-9, self.new - self.old))))

    def narrowed(self, values: NumberVector, differs: np.ndarray[Any, np.dtype[np.bool_]]) -> "_Bracket":
        first = int(np.argmax(differs))
        return _Bracket(self.path, self.old if first == 0 else float(values[first - 1]), float(values[first]))


def _thresholds(evaluation: Evaluation, decided: list[_DecidedProbe], key: int, decide_rows: Decide) -> list[Flip]:
    """The first change along each probe, narrowed to the threshold and rounded for reading."""
    base = evaluation.vectors
    brackets = [_first_bracket(one, evaluation.answers, key) for one in decided if np.any(one.keys != key)]
    for _ in range(_PASSES):
        cuts = _decide_probes(base, [_Probe(bracket.path, bracket.cut()) for bracket in brackets], decide_rows)
        brackets = [
            bracket.narrowed(cut.probe.values, cut.keys != key) for bracket, cut in zip(brackets, cuts, strict=True)
        ]
    rounded = [_Probe(bracket.path, np.array([bracket.beyond(), *_nice(bracket)])) for bracket in brackets]
    return [_rounded(evaluation.answers, one) for one in _decide_probes(base, rounded, decide_rows)]


def _first_bracket(decided: _DecidedProbe, answers: Answers, key: int) -> _Bracket:
    probe, first = decided.probe, int(np.argmax(decided.keys != key))
    old = float(probe.values[first - 1]) if first else starting_number(probe.path, answers)
    return _Bracket(probe.path, old if math.isfinite(old) else float(probe.values[0]), float(probe.values[first]))


def _rounded(answers: Answers, decided: _DecidedProbe) -> Flip:
    """The threshold with as few digits as decide the same."""
    path, keys = decided.probe.path, decided.keys
    same = np.flatnonzero(keys == keys[0])
    row = int(same[1]) if len(same) > 1 else 0
    value = float(decided.probe.values[row])
    return _flip(answers, path, round(value) if LEAVES[path].kind == "integer" else value, decided.outcome(row))


def _nice(bracket: _Bracket) -> list[float]:
    """The threshold rounded to one digit, two, and so on, as far as that is close enough: as it is (it may be a round number), or away."""
    if bracket.integer or bracket.new == 0:
        return []
    up = bracket.new > bracket.old
    low, high = LEAVES[bracket.path].low or 0.0, LEAVES[bracket.path].high or math.inf
    rounder = []
    for digits in range(1, 7):
        unit = 10.0 ** (math.floor(math.log10(bracket.new)) + 1 - digits)
        steps = bracket.new / unit
        away = math.ceil(steps) if up else math.floor(steps)
        values = [float(f"{whole * unit:.12g}") for whole in (round(steps), away)]
        rounder += [value for value in values if abs(value / bracket.new - 1) <= _NICE and low <= value <= high]
    return rounder


def _flip(answers: Answers, path: str, to: Any, becomes: FlipOutcome) -> Flip:
    now = value_at(answers, path)
    return Flip(field=path, from_=_written(now) if path == "synchronous.hops" else now, to=to, becomes=becomes)


def _outcome_now(now: Decisions) -> FlipOutcome:
    style, strength, method = now.outcome()
    return FlipOutcome(style=style, strength=strength, delivery=method, feasible=bool(now.feasible[0]))


def rank(flip: Flip, now: FlipOutcome) -> tuple[int, float, str]:
    """The order of flips: of style and feasibility, of delivery, of strength; the nearest of each first."""
    if flip.becomes.style != now.style or flip.becomes.feasible != now.feasible:
        return 0, distance(flip), flip.field
    return 1 if flip.becomes.delivery != now.delivery else 2, distance(flip), flip.field


def distance(flip: Flip) -> float:
    """How far a flip is from the answer: the factor between the two as a logarithm; one for a choice."""
    if isinstance(flip.from_, bool) or not isinstance(flip.from_, int | float) or not isinstance(flip.to, int | float):
        return 1.0
    if flip.from_ <= 0 or flip.to <= 0:
        return 2.0
    return abs(math.log(flip.to / flip.from_))
