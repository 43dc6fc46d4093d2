"""Queueing formulas on vectors, for thousands of rows at once."""

from dataclasses import dataclass

import numpy as np

from advisor.advice.answer_vectors import NumberVector
from simulator.kernel.erlang import erlang_c_of_rows
from simulator.theory import NORMAL_P95, NORMAL_P99

NEAR_CAPACITY = 0.98
"""Stationary formulas are read up to this utilisation; the load of a peak beyond capacity is counted as a backlog."""


def erlang_c(servers: NumberVector, offered_load: NumberVector) -> NumberVector:
    """The probability of waiting in M/M/c for vectors of any, also fractional, numbers of servers; 1 at or above capacity."""
    return np.asarray(erlang_c_of_rows(servers, offered_load), dtype=np.float64)


@dataclass(frozen=True)
class Wait:
    mean_s: NumberVector
    variance: NumberVector
    gathered_s: NumberVector | float = 0.0


def waiting(
    *, rate: NumberVector, cap: NumberVector, servers: NumberVector, factor: NumberVector, longest_s: NumberVector
) -> Wait:
    """The wait for one of `servers` that do `cap` jobs a second together, by Allen-Cunneen, up to near capacity; `longest_s` at most.

    `factor` is (Ca^2 + Cs^2) / 2. Of M/M/c, E[W] = C / (c mu - lambda) and Var[W] = (2 - C) C / (c mu - lambda)^2.
    """
    stable = np.minimum(rate, NEAR_CAPACITY * cap)
    chance = erlang_c(servers, stable / cap * servers)
    pace = factor / (cap - stable)
    return Wait(np.minimum(chance * pace, longest_s), np.minimum((2 - chance) * chance * pace**2, longest_s**2))


def lognormal_p99(mean: NumberVector, variance: NumberVector) -> NumberVector:
    """The 99th percentile of the lognormal with this mean and variance; its spread is held where the percentile would fall again."""
    sigma = np.minimum(np.sqrt(np.log1p(np.maximum(variance, 0.0) / mean**2)), NORMAL_P99)
    return mean * np.exp(NORMAL_P99 * sigma - sigma**2 / 2)


def attempts_of(failure: NumberVector, retries: NumberVector) -> NumberVector:
    """Mean attempts with independent failures: (1 - p^(n+1)) / (1 - p)."""
    certain = failure >= 1
    share = np.where(certain, 0.5, failure)
    return np.where(certain, retries + 1, (1 - share ** (retries + 1)) / (1 - share))


def p99_through(p50: NumberVector | float, p95: NumberVector | float) -> NumberVector:
    """The 99th percentile of the lognormal through p50 and p95: p50 exp(2.326 sigma), sigma = ln(p95 / p50) / 1.645."""
    return np.asarray(p50 * np.exp(NORMAL_P99 * (np.log(p95 / p50) / NORMAL_P95)), dtype=np.float64)
