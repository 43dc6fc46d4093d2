"""Retries: their fields, and the mean pause of each jitter; `kernel/draws.py` draws the pauses.

To add a jitter, name it in `Jitter` and in the table of each; imports and tests/unit/test_every_case.py say what it lacks.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import ceil, log
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from core.closed_sets import complete_table
from core.values import NonNegative, Value

Jitter = Literal["none", "full", "equal", "decorrelated"]


class Retries(Value):
    """Retries of a failed attempt, in both designs: at most `max`, after a backoff of up to min(`cap_s`, `base_s` x 2^a), a = 0 first.

    With `flat_s` or `intervals_s` the pauses are these, and `base_s`, `cap_s` and `jitter` have no effect.
    """

    max: Annotated[int, Field(ge=0, le=100)] = 0
    base_s: NonNegative = 1
    cap_s: NonNegative = 60
    jitter: Jitter = "full"
    flat_s: NonNegative | None = None
    """A constant interval instead of the exponential one."""
    intervals_s: Annotated[tuple[NonNegative, ...], Field(strict=False, min_length=1, max_length=100)] | None = None
    """The pauses one by one, as `interval` of rq's `Retry`. As in rq (`Job.get_retry_interval`) the list is that of the last retries:
    if it is shorter than the retries, its first pause comes several times; if it is longer, its first pauses never come."""

    @model_validator(mode="after")
    def _flat_or_listed(self) -> Self:
        if self.flat_s is not None and self.intervals_s is not None:
            raise ValueError("give either flat_s or intervals_s, not both")
        return self

    def limit_s(self, attempt: int) -> float:
        return min(self.cap_s, self.base_s * 2.0 ** min(attempt, 60))

    def listed_pauses_s(self, count: int) -> tuple[float, ...] | None:
        """Return the pause before each of `count` retries, if none is drawn."""
        listed = self.intervals_s if self.flat_s is None else (self.flat_s,)
        if listed is None:
            return None
        return tuple(listed[max(len(listed) - left, 0)] for left in range(count, 0, -1))

    def mean_pauses_s(self, count: int) -> list[float]:
        """Return the mean pause before each of `count` retries."""
        if (listed := self.listed_pauses_s(count)) is not None:
            return list(listed)
        return [MEAN_PAUSES_S[self.jitter](self, attempt) for attempt in range(count)]


def mean_of_decorrelated_s(retries: Retries, attempt: int) -> float:
    return _decorrelated_means_s(retries.base_s, retries.cap_s, attempt + 1)[attempt]


@lru_cache(maxsize=256)
def _decorrelated_means_s(base_s: float, cap_s: float, count: int) -> tuple[float, ...]:
    """The mean of each pause in turn. The mean of what is cut at the cap is not the mean cut at the cap, so the distribution is carried along."""
    if base_s <= 0 or cap_s <= base_s:
        return (min(base_s, cap_s),) * count
    steps = min(64 * count, ceil(64 * log(cap_s / base_s) / log(3)))
    points = np.minimum(base_s * 3.0 ** (np.arange(steps + 1) / 64), cap_s)
    before_s, weights, means = np.array([base_s]), np.array([1.0]), []
    for _ in range(count):
        reach = 3 * before_s - base_s
        over = np.maximum(3 * before_s - cap_s, 0)
        means.append(float(weights @ ((base_s + 3 * before_s) / 2 - over**2 / (2 * reach))))
        below = np.minimum((points[:, None] - base_s) / reach, 1) @ weights
        weights = np.append(np.diff(below), 1 - below[-1])
        before_s = np.append((points[:-1] + points[1:]) / 2, cap_s)
    return tuple(means)


MEAN_PAUSES_S: Mapping[Jitter, Callable[[Retries, int], float]] = complete_table(
    Jitter,
    {
        "none": lambda retries, attempt: retries.limit_s(attempt),
        "full": lambda retries, attempt: retries.limit_s(attempt) * 0.5,
        "equal": lambda retries, attempt: retries.limit_s(attempt) * 0.75,
        "decorrelated": mean_of_decorrelated_s,
    },
)
"""Of the attempt (0 first): the mean pause after it."""
