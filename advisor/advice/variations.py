"""Answers varied one field at a time: what moves along with it, how far it may go, and the same as columns."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from advisor.advice.answer_vectors import UNLIMITED, AnswerVectors, NumberVector, vectors_of
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.queueing import p99_through
from advisor.advice.ranges import MINUTES_A_DAY
from advisor.advice.template_merge import SHARE_PATHS, merge_mappings
from core.paths import nested, value_at
from simulator.lognormal import Lognormal

P50, P95, P99 = "processing.p50_s", "processing.p95_s", "processing.p99_s"
_BUSY, _FEW, _MANY = "processing.high_mean_s", "processing.measured_in_flight", "processing.high_in_flight"
ALONE: Mapping[str, frozenset[str]] = MappingProxyType({P50: frozenset({P95, P99})})
"""What stays where it is where an answer is looked at by itself, such as a range of p50 under a given p95."""
SHORTEST_PROCESSING_S = 0.001


def moved_along(
    path: str, values: NumberVector, base: AnswerVectors, fixed: frozenset[str] = frozenset()
) -> dict[str, NumberVector]:
    """The columns of an answer's new values, and of what moves along unless it is `fixed`.

    p50, p95, a given p99 and a given time of a busy model keep their ratios; the other shares fill up what one leaves.
    """
    moved = {path: values, **_along(path, values, base)}
    return {other: column for other, column in moved.items() if other == path or other not in fixed}


def _along(path: str, values: NumberVector, base: AnswerVectors) -> dict[str, NumberVector]:
    if path in (P50, P95):
        scale = values / base[path]
        p50, p95, p99, busy = (
            np.maximum(SHORTEST_PROCESSING_S, base[other] * scale) for other in (P50, P95, P99, _BUSY)
        )
        return (
            {P95: np.maximum(values, p95), P99: np.maximum(p95, p99), _BUSY: busy}
            if path == P50
            else {P50: np.minimum(values, p50), P99: np.maximum(values, p99), _BUSY: busy}
        )
    if path in SHARE_PATHS:
        others = [share for share in SHARE_PATHS if share != path]
        total = sum(base[share] for share in others)
        left = 100 - values
        return {
            share: np.where(total > 0, left * base[share] / np.where(total > 0, total, 1.0), left / len(others))
            for share in others
        }
    return {}


def in_order(paths: Iterable[str]) -> list[tuple[str, frozenset[str]]]:
    """Answers that are varied together, each with what it leaves where it is: p95 moves p50 along first, then p50 moves alone."""
    both = sorted(paths, key=lambda path: path == P50)
    return [(path, ALONE.get(path, frozenset()) if P95 in both else frozenset()) for path in both]


def reach(path: str, base: AnswerVectors) -> tuple[float, float]:
    leaf = LEAVES[path]
    low, high = leaf.low or 0.0, leaf.high if leaf.high is not None else np.inf
    minutes, often, peak = (
        float(base[f"volume.{name}"][0]) for name in ("peak_minutes", "peaks_per_day", "peak_to_mean")
    )
    bounds: Mapping[str, tuple[float, float]] = {
        P50: (low, high * float(base[P50][0] / base[P95][0])),
        P99: (float(base[P95][0]), high),
        **_slowdown_bounds(base, low, high),
        "failures.backoff_base_s": (low, float(base["failures.backoff_cap_s"][0])),
        "failures.backoff_cap_s": (float(base["failures.backoff_base_s"][0]), high),
        "operations.min_workers": (low, float(base["operations.max_workers"][0])),
        "operations.max_workers": (float(base["operations.min_workers"][0]), high),
    }
    if peak > 1:
        fits = {
            "volume.peak_minutes": MINUTES_A_DAY / max(1e-12, often * peak),
            "volume.peaks_per_day": MINUTES_A_DAY / (minutes * peak),
        }
        if path in fits:
            return low, min(high, fits[path])
    if path == "volume.peak_to_mean":
        return low, min(high, max(1.0, MINUTES_A_DAY / max(1e-12, often * minutes)))
    return bounds.get(path, (low, high))


INSIDE = 0.999
"""A bound that must not be reached is kept this far away from."""


def _slowdown_bounds(base: AnswerVectors, low: float, high: float) -> dict[str, tuple[float, float]]:
    """Both measurements are in order, and a call alone takes some time on the line through them."""
    few, many, busy_s = (float(base[path][0]) for path in (_FEW, _MANY, _BUSY))
    mean_s = float(Lognormal.through(base[P50], base[P95], base[P99]).mean_s[0])
    busy_s = busy_s if np.isfinite(busy_s) else mean_s
    most = mean_s * (many - 1) / (few - 1) if few > 1 else np.inf
    return {
        _FEW: (low, min(many - 1, 1 + INSIDE * mean_s * (many - 1) / busy_s)),
        _MANY: (max(few + 1, 1 + busy_s * (few - 1) / mean_s / INSIDE), high),
        _BUSY: (low, min(high, INSIDE * most)),
    }


def starting_number(path: str, answers: Answers) -> float:
    """A numeric answer as a number: no limit is infinite, an empty p99 is the lognormal's, and any other empty answer is 0."""
    value = value_at(answers, path)
    if value is not None:
        return float(value)
    if path in UNLIMITED:
        return float(np.inf)
    processing = answers.processing
    return float(p99_through(processing.p50_s, processing.p95_s)) if path == P99 else 0.0


def changed(answers: Answers, path: str, value: Any, fixed: frozenset[str] = frozenset()) -> Answers:
    """The answers with another value for one field, and what moves along with it unless it is `fixed`; ranges of other fields stay.

    Raises:
        InvalidInput: if the value is none for that field.
    """
    moved: dict[str, Any] = {path: value}
    if path in (P50, P95, *SHARE_PATHS) and isinstance(value, int | float) and not isinstance(value, bool):
        vectors = moved_along(path, np.array([float(value)]), vectors_of(answers), fixed)
        moved = {other: float(vector[0]) for other, vector in vectors.items() if not np.isnan(vector[0])}
    return Answers.parse(merge_mappings(answers.model_dump(), nested(moved)))
