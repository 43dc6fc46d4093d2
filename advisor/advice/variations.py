"""Answers varied one field at a time: what moves along with it, how far it may go, and the same as columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.columns import Columns, Floats
from advisor.advice.library import nested
from advisor.advice.overlay import CLASSES, overlay
from advisor.advice.ranges import MINUTES_A_DAY

SHARES = tuple(f"priorities.{name}.share_percent" for name in CLASSES)
SHORTEST_S = 0.001


def moved_along(path: str, values: Floats, base: Columns) -> dict[str, Floats]:
    """The columns of an answer's new values: p50 and a given p99 keep their ratio to p95, the other shares fill up what one leaves."""
    if path == "processing.p95_s":
        scale = values / base[path]
        return {
            path: values,
            "processing.p50_s": np.minimum(values, np.maximum(SHORTEST_S, base["processing.p50_s"] * scale)),
            "processing.p99_s": np.maximum(values, base["processing.p99_s"] * scale),
        }
    if path in SHARES:
        others = [share for share in SHARES if share != path]
        total = sum(base[share] for share in others)
        left = 100 - values
        return {path: values} | {
            share: np.where(total > 0, left * base[share] / np.where(total > 0, total, 1.0), left / len(others))
            for share in others
        }
    return {path: values}


def reach(path: str, base: Columns) -> tuple[float, float]:
    """Between which values one answer may be moved, the others as they are."""
    leaf = LEAVES[path]
    low, high = leaf.low or 0.0, leaf.high if leaf.high is not None else np.inf
    minutes, often, peak = (
        float(base[f"volume.{name}"][0]) for name in ("peak_minutes", "peaks_per_day", "peak_to_mean")
    )
    bounds: Mapping[str, tuple[float, float]] = {
        "processing.p50_s": (low, float(base["processing.p95_s"][0])),
        "processing.p99_s": (float(base["processing.p95_s"][0]), high),
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


def changed(answers: Answers, path: str, value: Any) -> Answers:
    """The answers with another value for one field, and what moves along with it; ranges of other fields stay.

    Raises:
        InvalidInput: if the value is none for that field.
    """
    given = answers.model_dump()
    if path == "processing.p95_s" and isinstance(value, int | float):
        scale = value / answers.processing.p95_s
        time = {"p95_s": value, "p50_s": min(value, max(SHORTEST_S, answers.processing.p50_s * scale))}
        if answers.processing.p99_s is not None:
            time["p99_s"] = max(value, answers.processing.p99_s * scale)
        return answers_from(overlay(given, {"processing": time}))
    if path in SHARES and isinstance(value, int | float):
        others = [name for name in CLASSES if path != f"priorities.{name}.share_percent"]
        own = {name: getattr(answers.priorities, name).share_percent for name in others}
        total, left = sum(own.values()), 100 - value
        fill = {name: {"share_percent": left * own[name] / total if total else left / len(own)} for name in others}
        given = overlay(given, {"priorities": fill})
    return answers_from(overlay(given, nested({path: value})))
