"""The thresholds at which the advice changes if one answer alone changes, as a small chart with words."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from advisor.advice.answers import LEAVES, Answers
from advisor.advice.contract import Flip, Recommendation
from advisor.advice.variations import starting_number
from advisor.reports import wording
from advisor.reports.document.answers import flip_condition, value_words
from core.paths import value_at

CHART_WIDTH = 240.0
CHART_EDGE = 36.0
"""Room left and right of the outermost values."""
LEAST_SPAN = math.log(4)
"""The axis never zooms in further than a factor of four."""


@dataclass(frozen=True)
class Threshold:
    words: str
    style: str


@dataclass(frozen=True)
class Stretch:
    start: float
    end: float
    style: str


@dataclass(frozen=True)
class ThresholdChart:
    """A logarithmic axis of one answer, `CHART_WIDTH` wide: the current value, and the values at which the advice changes."""

    stretches: tuple[Stretch, ...]
    ticks: tuple[float, ...]
    here: float
    spread: tuple[float, float] | None
    """The ends of a range."""
    words: str
    """Its alternative text."""


@dataclass(frozen=True)
class Thresholds:
    points: tuple[Threshold, ...] = ()
    chart: ThresholdChart | None = None


def thresholds_by_path(answers: Answers, recommendation: Recommendation) -> Mapping[str, Thresholds]:
    """The thresholds of every answer that has a flip; of choices only those that change the style."""
    flips: dict[str, list[Flip]] = {}
    for flip in recommendation.flips:
        numeric = LEAVES[flip.field].numeric
        if numeric or _style_there(flip) != wording.shown_style(recommendation):
            flips.setdefault(flip.field, []).append(flip)
    return {path: _thresholds(path, of_path, answers, recommendation) for path, of_path in flips.items()}


def _thresholds(path: str, flips: list[Flip], answers: Answers, recommendation: Recommendation) -> Thresholds:
    numeric = LEAVES[path].numeric
    flips = sorted(flips, key=lambda flip: flip.to) if numeric else flips
    points = tuple(
        Threshold(wording.flip_sentence(flip, recommendation, "", flip_condition(flip, answers)), _style_there(flip))
        for flip in flips
    )
    return Thresholds(
        points, _chart(path, flips, points, answers, wording.shown_style(recommendation)) if numeric else None
    )


def _style_there(flip: Flip) -> str:
    return flip.becomes.style if flip.becomes.feasible else "neither"


def _chart(
    path: str, flips: list[Flip], points: Iterable[Threshold], answers: Answers, style: str
) -> ThresholdChart | None:
    given, uncertain = value_at(answers, path), answers.uncertain.get(path)
    now = starting_number(path, answers)
    if given is None and now == 0:
        return None
    ends = (uncertain.low, uncertain.high) if uncertain else ()
    place = _axis([flip.to for flip in flips] + ([now] if math.isfinite(now) else []) + list(ends))
    below = [flip for flip in flips if flip.to < now]
    above = [flip for flip in flips if flip.to > now]
    edges = [0.0, *(place(flip.to) for flip in [*below, *above]), CHART_WIDTH]
    styles = [*map(_style_there, below), style, *map(_style_there, above)]
    here = place(now) if math.isfinite(now) else CHART_WIDTH - CHART_EDGE / 2
    words = " ".join(point.words for point in points)
    return ThresholdChart(
        stretches=tuple(map(Stretch, edges, edges[1:], styles)),
        ticks=tuple(place(flip.to) for flip in flips),
        here=here,
        spread=(place(ends[0]), place(ends[1])) if ends else None,
        words=f"Now {value_words(path, given)}. {words}",
    )


def _axis(values: list[float]) -> Callable[[float], float]:
    """The logarithmic position of a value; a hundredth of the largest is added if any is zero."""
    offset = 0.0 if min(values) > 0 else max(values) / 100 or 1.0
    low, high = math.log(min(values) + offset), math.log(max(values) + offset)
    short = max(0.0, LEAST_SPAN - (high - low)) / 2
    low, high = low - short, high + short

    def place(value: float) -> float:
        return round(CHART_EDGE + (math.log(value + offset) - low) / (high - low) * (CHART_WIDTH - 2 * CHART_EDGE), 1)

    return place
