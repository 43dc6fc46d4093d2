"""The jobs of a live run with all their draws, as processes read them from `jobs.npz`, without the compiled kernel.

Arrays have one value a job, or what the kernel makes of the Scenario (patience, consumers a queue, webhook pauses). Draws for an attempt are
made by the generator that the kernel uses, in plain Python. All durations are Scenario seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from math import inf, isfinite, log
from pathlib import Path
from typing import Any, Self, assert_never

import numpy as np
from numpy.typing import NDArray

from core.units import HOUR_S
from simulator.arrivals import ClosedArrivals
from simulator.kernel.layout import (
    CRASH_DRAWS,
    PROBE_SHIFT,
    U_CLASS,
    U_CRASH,
    U_FAILURE,
    U_GAP,
    U_JITTER,
    U_REFUSAL,
    U_SUBSCRIBER_JITTER,
)
from simulator.live.system.clock import RunClock
from simulator.retries import Retries
from simulator.trace_columns import Floats

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
DRAWS_PER_PURPOSE = 2**14
SUBSCRIBER_ATTEMPTS = 101
"""Draws that the kernel keeps for one subscriber's attempts at a job (`fanout.MOST_ATTEMPTS`)."""


def uniform_draw(key: int, job: int, purpose: int, attempt: int) -> float:
    """In (0, 1), to the last bit what `random_numbers.uniform` gives."""
    z = (key + (job << 18 | purpose << 14 | attempt) * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (((z ^ (z >> 31)) >> 11) + 0.5) * 2.0**-53


@dataclass(frozen=True, eq=False)
class Jobs:
    """n jobs of one design's run, by their number from 0. Arrays are n long; a second dimension counts calls or subscribers."""

    key: int
    arrival_s: Floats
    service_s: Floats
    place: NDArray[np.int8]
    """Class: the place of its queue, the most urgent first."""
    input_tokens: Floats
    output_tokens: Floats
    poison: NDArray[np.bool_]
    phase_u: Floats
    reconnect_u: Floats
    webhook_u: Floats
    """n x webhook calls: one under `failure_percent` / 100 fails."""
    handling_s: Floats
    """n x subscribers other than the caller: the time of one attempt to handle the result."""
    deadlines_s: Floats
    """A class; infinite if it has none."""
    consumers: NDArray[np.int64]
    """A class: consumers of its queue alone (dedicated discipline)."""
    webhook_pauses_s: Floats
    subscribers: int
    retries: int
    keys: int
    """Of jobs that keep an order; 0: they keep none."""
    client_retries: int
    client_backoff_s: float
    patience_s: float
    """When a synchronous client gives up a call, hops included; may be infinite."""
    end_s: float
    """When the run is cut, whatever is still under way; infinite if it drains."""
    transient: float
    refusing: float
    retry_policy: str
    """The Scenario's `retries` as JSON, with `max` as `retries`."""

    def __len__(self) -> int:
        return len(self.arrival_s)

    @classmethod
    def read(cls, path: Path) -> Self:
        with np.load(path) as stored:
            given: dict[str, Any] = {field.name: stored[field.name] for field in fields(cls)}
        return cls(**{name: value if value.ndim else value.item() for name, value in given.items()})

    def write(self, path: Path) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        with path.open("wb") as file:
            np.savez(file, **values | {"key": np.uint64(self.key)})

    def fails(self, job: int, attempt: int, probes: int = 0) -> bool:
        """Whether the job's call number `attempt` fails, outages apart.

        Attempts count through a synchronous client's calls: call x (`retries` + 1) + the attempt in it. After each failed probe of a
        circuit breaker, which is no attempt, there is another draw.
        """
        if self.poison[job]:
            return True
        draws = job + (probes << PROBE_SHIFT)
        return self.transient > 0 and uniform_draw(self.key, draws, U_FAILURE, attempt) < self.transient

    def key_of_order(self, job: int) -> int:
        return int(uniform_draw(self.key, job, U_CLASS, 1) * self.keys)

    def think_s(self, arrivals: ClosedArrivals, number: int, *, first: bool = False) -> float:
        """How long a client thinks after job `number`, or client `number` before its first request."""
        draw = uniform_draw(self.key, number, U_GAP, int(first))
        if arrivals.think == "exponential":
            return -arrivals.think_s * log(draw)
        return arrivals.think_s * draw if first else arrivals.think_s

    def crash_s(self, job: int, delivery: int, crashes_per_hour: float) -> float:
        """When the consumer of a delivery crashes, after it has taken the job."""
        if crashes_per_hour <= 0:
            return inf
        index = CRASH_DRAWS + delivery % (DRAWS_PER_PURPOSE - CRASH_DRAWS)
        return -log(uniform_draw(self.key, job, U_CRASH, index)) * HOUR_S / crashes_per_hour

    def pauses_s(self, job: int, first_attempt: int = 0) -> list[float]:
        return pauses_s(self._retries, lambda attempt: uniform_draw(self.key, job, U_JITTER, first_attempt + attempt))

    def left_s(self, clock: RunClock, drain_limit_s: float) -> float:
        """Real seconds until the run is cut; one that drains is cut so long after its last arrival."""
        if isfinite(self.end_s):
            return clock.real_until_s(self.end_s)
        last_s = float(self.arrival_s[-1]) if len(self) else 0.0
        return clock.real_until_s(last_s) + drain_limit_s

    def refuses(self, job: int, subscriber: int, attempt: int, call: int = 0) -> bool:
        """`call`: the number of the client's call, if it depends on what the subscribers do; each has draws of its own."""
        draws, draw = job + (call << PROBE_SHIFT), subscriber * SUBSCRIBER_ATTEMPTS + attempt
        return self.refusing > 0 and uniform_draw(self.key, draws, U_REFUSAL, draw) < self.refusing

    def subscriber_pauses_s(self, job: int, subscriber: int, call: int = 0) -> list[float]:
        draws, first = job + (call << PROBE_SHIFT), subscriber * SUBSCRIBER_ATTEMPTS
        return pauses_s(
            self._retries, lambda attempt: uniform_draw(self.key, draws, U_SUBSCRIBER_JITTER, first + attempt)
        )

    @cached_property
    def _retries(self) -> Retries:
        return Retries.model_validate_json(self.retry_policy)


def pauses_s(retries: Retries, draws: Callable[[int], float]) -> list[float]:
    """The pause before each of `retries.max` retries; `draws` gives a uniform number in (0, 1) for each failed attempt, 0 first.

    Sources: Exponential Backoff And Jitter, AWS Architecture Blog, 2015; for a list, `Job.get_retry_interval` of rq.
    """
    attempts = range(retries.max)
    if retries.flat_s is not None:
        return [retries.flat_s for _ in attempts]
    if retries.intervals_s is not None:
        longer = max(0, retries.max - len(retries.intervals_s)) * retries.intervals_s[:1] + retries.intervals_s
        return list(longer[len(longer) - retries.max :])
    limits_s = [min(retries.cap_s, retries.base_s * 2.0**attempt) for attempt in attempts]
    match retries.jitter:
        case "none":
            return limits_s
        case "full":
            return [_between(0.0, limit_s, draws(attempt)) for attempt, limit_s in enumerate(limits_s)]
        case "equal":
            return [_between(0.5 * limit_s, limit_s, draws(attempt)) for attempt, limit_s in enumerate(limits_s)]
        case "decorrelated":
            pauses, previous_s = [], retries.base_s
            for attempt in attempts:
                previous_s = min(retries.cap_s, _between(retries.base_s, 3 * previous_s, draws(attempt)))
                pauses.append(previous_s)
            return pauses
        case _:
            assert_never(retries.jitter)


def _between(low: float, high: float, draw: float) -> float:
    return low + (high - low) * draw
