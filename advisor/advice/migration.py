"""How to start synchronous where another style is near: when to move which part."""

import math
from collections.abc import Callable, Iterable, Mapping

from advisor.advice.contract import Flip, Style
from core.numbers import count, duration, exactly, number, rate

NEAR = math.log(4.0)
"""A number that grows fourfold is near enough to prepare for."""
AT_ONCE = math.log(1.02)
"""What is as near as this is no time to move at, but a close call today."""

_GROWS: Mapping[str, Callable[[float], str]] = {
    "volume.mean_rate_per_s": lambda value: f"at {exactly(value, rate)}",
    "volume.peak_to_mean": lambda value: f"at peaks of {exactly(value, number)}x the average",
    "volume.clients": lambda value: f"with {count(value, 'client')}",
    "processing.p95_s": lambda value: f"once the slowest one in twenty takes {exactly(value, duration)}",
    "processing.p50_s": lambda value: f"once processing typically takes {exactly(value, duration)}",
    "subscribers.count": lambda value: f"once {count(value, 'service')} react",
}
"""What grows by itself as a service is used, as the time at which to move."""


def migration_path(style: Style, feasible: bool, others: int, flips: Iterable[Flip]) -> str:
    """Empty if the advice is another style, or if no growth that is near changes it. `others` are the services that react to a result."""
    if style != "synchronous" or not feasible:
        return ""
    turns = [flip for flip in flips if _is_growth(flip)]
    if not turns:
        return ""
    nearest = min(turns, key=lambda flip: (not flip.field.startswith("volume."), _growth(flip)))
    if _growth(nearest) < AT_ONCE:
        return ""
    part = _part(nearest, others)
    return (
        f"Start synchronous; {_GROWS[nearest.field](nearest.to)}, {part}. Until then keep that part in one function that takes a stored request's "
        "id, so that the move changes only who calls it."
    )


def _part(flip: Flip, others: int) -> str:
    if flip.becomes.style == "event_driven":
        return "move the processing behind a queue"
    if others or flip.field == "subscribers.count":
        return "publish an event for the other services and answer in line as before"
    return "answer the slowest requests with 202 and deliver their results later, from a queue"


def _is_growth(flip: Flip) -> bool:
    if flip.field not in _GROWS or flip.becomes.style == "synchronous" or not flip.becomes.feasible:
        return False
    is_known = isinstance(flip.from_, int | float) and flip.from_ > 0
    return is_known and 0 < _growth(flip) <= NEAR


def _growth(flip: Flip) -> float:
    return math.log(flip.to / flip.from_)
