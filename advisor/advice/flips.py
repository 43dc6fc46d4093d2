"""Flips: for every answer, the nearest other value at which style, strength, delivery or feasibility changes. Found by search, one pass for all."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from advisor.advice.answer_vectors import ENCODED, HOP_VECTORS, AnswerVectors, Floats, encoded, hop_limits
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.contract import Flip, Outcome
from advisor.advice.evaluation import Codes, Decisions, Evaluation, decide
from advisor.advice.variations import moved_along, reach, starting_number
from core.paths import value_at

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
class Probe:
    path: str
    values: Floats
    given: list[Any]
    """The values as they would be written, one for each of `values`."""
    columns: dict[str, Floats] = field(default_factory=dict)
    """What to override, where it isn't the field's own column."""

    def overridden(self, base: AnswerVectors) -> dict[str, Floats]:
        return self.columns or moved_along(self.path, self.values, base)


def flips_of(evaluation: Evaluation) -> tuple[Flip, ...]:
    answers, base, now = evaluation.answers, evaluation.vectors, evaluation.decisions
    numeric = [probe for path in ENCODED if LEAVES[path].numeric for probe in _directions(path, base)]
    listed = [_choices(answers, path) for path in ENCODED if not LEAVES[path].numeric] + [_hops(answers)]
    probes = [probe for probe in (*numeric, *listed) if len(probe.values)]
    decided = _decided(base, probes)
    found = [
        flip for probe in listed if len(probe.values) for flip in _changed_choices(answers, probe, decided, probes, now)
    ]
    found += _thresholds(answers, base, now, [probe for probe in numeric if len(probe.values)], decided, probes)
    return tuple(flip for _, flip in sorted(((_rank(flip, now), flip) for flip in found), key=lambda pair: pair[0]))


@dataclass(frozen=True)
class _Decided:
    decisions: Decisions
    starts: list[int]

    def keys(self, place: int, probe: Probe) -> Codes:
        return self.decisions.key[self.starts[place] : self.starts[place] + len(probe.values)]

    def outcome(self, place: int, row: int) -> Outcome:
        at = self.starts[place] + row
        style, strength, method = self.decisions.outcome(at)
        return Outcome(style=style, strength=strength, delivery=method, feasible=bool(self.decisions.feasible[at]))


def _decided(base: AnswerVectors, probes: list[Probe]) -> _Decided:
    starts = list(np.cumsum([0, *(len(probe.values) for probe in probes)]))
    columns = {path: np.repeat(column, starts[-1]) for path, column in base.items()}
    for start, probe in zip(starts, probes, strict=False):
        for path, values in probe.overridden(base).items():
            columns[path][start : start + len(probe.values)] = values
    return _Decided(decide(columns), starts)


def _directions(path: str, base: AnswerVectors) -> Iterable[Probe]:
    low, high = reach(path, base)
    now = starting_number(path, base)
    integer = LEAVES[path].kind == "integer"
    if math.isinf(now):
        return [Probe(path, values := _spread(high, low, integer, ends=True), list(values))]
    return [
        Probe(path, values, list(values))
        for bound in (low, high)
        if (bound > now) == (bound == high)
        for values in [_spread(now, bound, integer)]
    ]


def _spread(start: float, bound: float, integer: bool, *, ends: bool = False) -> Floats:
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


def _choices(answers: Answers, path: str) -> Probe:
    now = value_at(answers, path)
    others = [value for value in (LEAVES[path].choices or (False, True)) if value != now]
    return Probe(path, np.array([encoded(path, value) for value in others]), others)


def _hops(answers: Answers) -> Probe:
    hops = list(answers.synchronous.hops)
    ways = [hops[:place] + hops[place + 1 :] for place in range(len(hops))] if len(hops) > 1 else []
    ways = [*ways, []] if hops else []
    limits = [hop_limits(way) for way in ways]
    columns = {name: np.array([limit[name] for limit in limits]) for name in HOP_VECTORS}
    written = [[hop if isinstance(hop, str) else hop.model_dump() for hop in way] for way in ways]
    return Probe("synchronous.hops", np.zeros(len(ways)), written, columns if ways else {})


def _changed_choices(
    answers: Answers, probe: Probe, decided: _Decided, probes: list[Probe], now: Decisions
) -> Iterable[Flip]:
    place = next(index for index, other in enumerate(probes) if other is probe)
    for row in np.flatnonzero(decided.keys(place, probe) != now.key[0]):
        yield _flip(answers, probe.path, probe.given[row], decided.outcome(place, int(row)))


@dataclass
class _Bracket:
    path: str
    old: float
    new: float

    @property
    def integer(self) -> bool:
        return LEAVES[self.path].kind == "integer"

    def cut(self) -> Floats:
        if self.integer:
            side = 1 if self.new > self.old else -1
            gap = abs(self.new - self.old)
            return self.old + side * np.unique(np.ceil(gap * np.arange(1, _PARTS + 1) / _PARTS))
        parts = np.arange(1, _PARTS + 1) / _PARTS
        if min(self.old, self.new) <= 0:  # zero, and the smallest value that is told from it
            return np.array([self.new])
        return np.append((self.old * (self.new / self.old) ** parts)[:-1], self.new)

    def beyond(self) -> float:
        """The new value, past the last bits that depend on how many rows are worked out at once."""
        if self.integer:
            return self.new
        low, high = LEAVES[self.path].low or 0.0, LEAVES[self.path].high or math.inf
        return min(high, max(low, self.new * (1 + math.copysign(1e-9, self.new - self.old))))

    def narrowed(self, values: Floats, differs: np.ndarray[Any, np.dtype[np.bool_]]) -> "_Bracket":
        first = int(np.argmax(differs))
        return _Bracket(self.path, self.old if first == 0 else float(values[first - 1]), float(values[first]))


def _thresholds(
    answers: Answers, base: AnswerVectors, now: Decisions, probes: list[Probe], decided: _Decided, every: list[Probe]
) -> list[Flip]:
    places = {id(probe): place for place, probe in enumerate(every)}
    brackets = []
    for probe in probes:
        differs = decided.keys(places[id(probe)], probe) != now.key[0]
        if differs.any():
            first = int(np.argmax(differs))
            start = starting_number(probe.path, base)
            if first == 0 and not math.isfinite(start):
                start = float(probe.values[0])
            brackets.append(
                _Bracket(
                    probe.path, start if first == 0 else float(probe.values[first - 1]), float(probe.values[first])
                )
            )
    for _ in range(_PASSES if brackets else 0):
        cuts = [Probe(bracket.path, bracket.cut(), []) for bracket in brackets]
        seen = _decided(base, cuts)
        brackets = [
            bracket.narrowed(cut.values, seen.keys(place, cut) != now.key[0])
            for place, (bracket, cut) in enumerate(zip(brackets, cuts, strict=True))
        ]
    return _rounded(answers, base, now, brackets)


def _rounded(answers: Answers, base: AnswerVectors, now: Decisions, brackets: list[_Bracket]) -> list[Flip]:
    probes = [Probe(bracket.path, np.array([bracket.beyond(), *_nice(bracket)]), []) for bracket in brackets]
    if not probes:
        return []
    decided = _decided(base, probes)
    flips = []
    for place, probe in enumerate(probes):
        keys = decided.keys(place, probe)
        same = np.flatnonzero(keys == keys[0])
        row = int(same[1]) if len(same) > 1 else 0
        value = float(probe.values[row])
        integer = LEAVES[probe.path].kind == "integer"
        flips.append(_flip(answers, probe.path, round(value) if integer else value, decided.outcome(place, row)))
    return flips


def _nice(bracket: _Bracket) -> list[float]:
    """The threshold rounded to one digit, two, and so on, as far as that is close enough: as it is (it may be a round number), or away."""
    if bracket.integer or bracket.new == 0:
        return []
    up = bracket.new > bracket.old
    low, high = LEAVES[bracket.path].low or 0.0, LEAVES[bracket.path].high or math.inf
    found = []
    for digits in range(1, 7):
        unit = 10.0 ** (math.floor(math.log10(bracket.new)) + 1 - digits)
        steps = bracket.new / unit
        away = math.ceil(steps) if up else math.floor(steps)
        values = [float(f"{whole * unit:.12g}") for whole in (round(steps), away)]
        found += [value for value in values if abs(value / bracket.new - 1) <= _NICE and low <= value <= high]
    return found


def _flip(answers: Answers, path: str, to: Any, becomes: Outcome) -> Flip:
    now = value_at(answers, path)
    if path == "synchronous.hops":
        now = [hop if isinstance(hop, str) else hop.model_dump() for hop in now]
    return Flip(field=path, from_=now, to=to, becomes=becomes)


def _rank(flip: Flip, now: Decisions) -> tuple[int, float, str]:
    style, _, method = now.outcome()
    order = (
        0
        if flip.becomes.style != style or flip.becomes.feasible != bool(now.feasible[0])
        else 1
        if flip.becomes.delivery != method
        else 2
    )
    return order, distance(flip), flip.field


def distance(flip: Flip) -> float:
    """How far a flip is from the answer: the factor between the two as a logarithm; one for a choice."""
    if isinstance(flip.from_, bool) or not isinstance(flip.from_, int | float) or not isinstance(flip.to, int | float):
        return 1.0
    if flip.from_ <= 0 or flip.to <= 0:
        return 2.0
    return abs(math.log(flip.to / flip.from_))
