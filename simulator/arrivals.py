"""Arrival processes: of each its fields, the parameters of its draw (`kernel/draws.py`), its period and its peaks.

To add one, write its class here, name it in `Arrivals`, and add its draw; imports and tests/unit/test_every_case.py say what it lacks.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.closed_sets import cases_of
from core.units import DAY_S
from core.values import NonNegative, Positive, Value


class ArrivalProcess(Value, ABC):
    @property
    @abstractmethod
    def parameters(self) -> tuple[float, float, float, float]:
        """For the draw: `arrival_a` to `arrival_d` of the machine."""

    @property
    @abstractmethod
    def period_s(self) -> float | None:
        """Of a rate that changes: runs take whole periods, so that no part of a day counts twice."""

    @property
    @abstractmethod
    def peak(self) -> tuple[float, float]:
        """The highest rate over the mean rate, and the most seconds that it may last."""


class SteadyArrivals(ArrivalProcess):
    """A process whose rate does not change."""

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return 0.0, 0.0, 0.0, 0.0

    @property
    def period_s(self) -> None:
        return None

    @property
    def peak(self) -> tuple[float, float]:
        return 1.0, 0.0


class RegularArrivals(SteadyArrivals):
    """One arrival every 1 / `rate_per_s`."""

    process: Literal["regular"]
    rate_per_s: Positive


class PoissonArrivals(SteadyArrivals):
    """Independent arrivals: exponential gaps of mean 1 / `rate_per_s`."""

    process: Literal["poisson"]
    rate_per_s: Positive


class GammaArrivals(SteadyArrivals):
    """A renewal process with gamma gaps of mean 1 / `rate_per_s` and coefficient of variation `cv`."""

    process: Literal["gamma"]
    rate_per_s: Positive
    cv: Annotated[float, Field(gt=0, le=100)]

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        """Shape and scale of the gaps."""
        return 1 / self.cv**2, self.cv**2 / self.rate_per_s, 0.0, 0.0


class BurstArrivals(ArrivalProcess):
    """Arrivals at `peak_to_mean` times the mean rate for `peak_s` out of every `every_s`, in its middle. The mean includes the bursts.

    Poisson; with another coefficient of variation `cv` of the gaps a renewal process with gamma gaps whose time goes as fast as the rate
    is high, inside the bursts and outside.
    """

    process: Literal["bursts"]
    rate_per_s: Positive
    peak_to_mean: Annotated[float, Field(ge=1, le=10_000)]
    peak_s: Positive
    every_s: Positive
    cv: Annotated[float, Field(ge=0, le=100)] = 1

    @model_validator(mode="after")
    def _the_mean_holds(self) -> Self:
        if self.peak_s >= self.every_s:
            raise ValueError("peak_s must be shorter than every_s")
        if self.peak_to_mean * self.peak_s > self.every_s * (1 + 1e-9):
            raise ValueError("peak_to_mean x peak_s must not exceed every_s, or the peaks alone exceed the mean rate")
        return self

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return self.peak_to_mean, self.peak_s, self.every_s, 1 / self.cv**2 if self.cv else math.inf

    @property
    def period_s(self) -> float:
        return self.every_s

    @property
    def peak(self) -> tuple[float, float]:
        return self.peak_to_mean, self.peak_s


class DailyArrivals(ArrivalProcess):
    """A sinusoidal daily profile whose busiest instant (noon; the run begins at midnight) has `peak_to_mean` times the mean rate."""

    process: Literal["daily"]
    rate_per_s: Positive
    peak_to_mean: Annotated[float, Field(ge=1, le=2)]

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return self.peak_to_mean, 0.0, 0.0, 0.0

    @property
    def period_s(self) -> float:
        return DAY_S

    @property
    def peak(self) -> tuple[float, float]:
        return self.peak_to_mean, DAY_S / 2


class BacklogArrivals(SteadyArrivals):
    """A fixed number of jobs, all there at time 0 and worked off: dead letters that are sent again, a nightly list."""

    process: Literal["backlog"]
    jobs: Annotated[int, Field(ge=1, le=1_000_000_000)]

    @property
    def peak(self) -> tuple[float, float]:
        """Without a rate there is no mean to compare with."""
        return math.inf, 0.0


class ClosedArrivals(SteadyArrivals):
    """A fixed number of clients. Each thinks, sends a request, waits for its result or its final failure, and thinks again.

    The run begins as if they had done so for long: a client's first request comes after the rest of a think time, which is uniform below
    `think_s` if think times are deterministic. A client sends at most a thousand requests a second, however soon each is answered.
    """

    process: Literal["closed"]
    clients: Annotated[int, Field(ge=1, le=1_000_000)]
    think_s: NonNegative = 0
    think: Literal["exponential", "deterministic"] = "exponential"

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return self.think_s, float(self.think == "exponential"), 0.0, 0.0

    @property
    def peak(self) -> tuple[float, float]:
        """Unknown: the rate follows from the answers."""
        return math.inf, 0.0


class TraceArrivals(ArrivalProcess):
    """Recorded arrivals, replayed once at `speed` times the recorded pace. `path` on the command line, `trace` (an upload's id) elsewhere."""

    process: Literal["trace"]
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    trace: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    speed: Positive = 1
    ignored_columns: Annotated[tuple[Literal["input_tokens", "output_tokens"], ...], Field(strict=False)] = ()
    """Of the recording: each job has the mean that `provider` states instead."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.trace is None):
            raise ValueError("give either path or trace")
        return self

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return self.speed, 0.0, 0.0, 0.0

    @property
    def period_s(self) -> None:
        return None

    @property
    def peak(self) -> tuple[float, float]:
        """Unknown, as the recording is not at hand."""
        return math.inf, 0.0


Arrivals = Annotated[
    RegularArrivals
    | PoissonArrivals
    | GammaArrivals
    | BurstArrivals
    | DailyArrivals
    | TraceArrivals
    | BacklogArrivals
    | ClosedArrivals,
    Field(discriminator="process"),
]
cases_of(Arrivals, "parameters", "period_s", "peak")
