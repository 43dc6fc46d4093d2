"""Distributions of the time that one attempt takes at the model: of each its fields, the parameters of its draw (`kernel/draws.py`) and its mean.

To add one, write its class here, name it in `Service`, and add its draw; imports and tests/unit/test_every_case.py say what it lacks.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from core.closed_sets import cases_of
from core.values import NonNegative, Positive, Value
from simulator import theory
from simulator.lognormal import Lognormal


class ServiceDistribution(Value, ABC):
    @property
    @abstractmethod
    def parameters(self) -> tuple[float, float, float]:
        """For the draw: `service_a`, `service_b` and `service_c` of the machine."""

    @abstractmethod
    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        """Return the mean, given the mean tokens of a job; 0 if the durations to draw from are not read yet."""


class DeterministicService(ServiceDistribution):
    """Every job takes `mean_s`."""

    distribution: Literal["deterministic"]
    mean_s: Positive

    @property
    def parameters(self) -> tuple[float, float, float]:
        return self.mean_s, 0.0, 0.0

    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        return self.mean_s


class ExponentialService(ServiceDistribution):
    """Exponential service times of mean `mean_s`."""

    distribution: Literal["exponential"]
    mean_s: Positive

    @property
    def parameters(self) -> tuple[float, float, float]:
        return self.mean_s, 0.0, 0.0

    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        return self.mean_s


class LognormalService(ServiceDistribution):
    """The lognormal through the median and the 95th percentile; with `p99_s` its tail goes through the 99th, too (`simulator/lognormal.py`)."""

    distribution: Literal["lognormal"]
    p50_s: Positive
    p95_s: Positive
    p99_s: Positive | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.p95_s < self.p50_s:
            raise ValueError("p95_s must be at least p50_s")
        if self.p99_s is not None and self.p99_s < self.p95_s:
            raise ValueError("p99_s must be at least p95_s")
        return self

    @property
    def through(self) -> Lognormal:
        return Lognormal.through(self.p50_s, self.p95_s, self.p99_s)

    @property
    def parameters(self) -> tuple[float, float, float]:
        """Mean and standard deviation of the logarithm, and what is added to its slope between the 95th and the 99th percentile."""
        return math.log(self.p50_s), theory.lognormal_sigma(self.p50_s, self.p95_s), float(self.through.bend)

    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        if self.p99_s is None:
            return theory.lognormal_mean_s(self.p50_s, self.p95_s)
        return float(self.through.mean_s)


class GammaService(ServiceDistribution):
    """Gamma service times of mean `mean_s` and coefficient of variation `cv`."""

    distribution: Literal["gamma"]
    mean_s: Positive
    cv: Annotated[float, Field(gt=0, le=100)]

    @property
    def parameters(self) -> tuple[float, float, float]:
        """Shape and scale."""
        return 1 / self.cv**2, self.mean_s * self.cv**2, 0.0

    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        return self.mean_s


class TokensService(ServiceDistribution):
    """`base_s` plus `per_output_token_s` for each of a job's output tokens (the trace's own where it has them)."""

    distribution: Literal["tokens"]
    base_s: NonNegative
    per_output_token_s: NonNegative

    @property
    def parameters(self) -> tuple[float, float, float]:
        return self.base_s, self.per_output_token_s, 0.0

    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        return self.base_s + self.per_output_token_s * output_tokens


class EmpiricalService(ServiceDistribution):
    """Drawn with replacement from the durations in a file, or the trace's own durations job by job where `path` is null."""

    distribution: Literal["empirical"]
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None

    @property
    def parameters(self) -> tuple[float, float, float]:
        return 0.0, 0.0, 0.0

    def mean_time_s(self, output_tokens: float, durations_s: NDArray[np.float64] | None) -> float:
        return float(durations_s.mean()) if durations_s is not None else 0.0


Service = Annotated[
    DeterministicService | ExponentialService | LognormalService | GammaService | TokensService | EmpiricalService,
    Field(discriminator="distribution"),
]
cases_of(Service, "parameters", "mean_time_s")
