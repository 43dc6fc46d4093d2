"""Retries, recovery and the lognormal in closed form. Rates are per second, times are seconds."""

from math import exp, log


def retry_attempts(failure_probability: float, max_retries: int) -> float:
    """The mean number of attempts of a job: (1 - p^(n+1)) / (1 - p), failures independent.

    Source: the mean of a geometric distribution cut after n + 1 trials.
    """
    if failure_probability >= 1:
        return float(max_retries + 1)
    return (1 - failure_probability ** (max_retries + 1)) / (1 - failure_probability)


def all_attempts_fail(failure_probability: float, max_retries: int) -> float:
    """The share of jobs whose every attempt fails: p^(n+1), failures independent."""
    return failure_probability ** (max_retries + 1)


def consumers_to_recover(backlog: float, arrival_rate_per_s: float, mean_service_s: float, within_s: float) -> float:
    """Consumers (not yet rounded up) that work off `backlog` within `within_s`: lambda / mu + B / (mu RTO)."""
    return arrival_rate_per_s * mean_service_s + backlog * mean_service_s / within_s


def lognormal_sigma(p50_s: float, p95_s: float) -> float:
    """The shape of the lognormal through its median and 95th percentile: ln(p95 / p50) / 1.645 (the normal's 95th percentile)."""
    return log(p95_s / p50_s) / NORMAL_P95


def lognormal_mean_s(p50_s: float, p95_s: float) -> float:
    """The mean of the lognormal through its median and 95th percentile: p50 exp(sigma^2 / 2)."""
    return p50_s * exp(lognormal_sigma(p50_s, p95_s) ** 2 / 2)


NORMAL_P95, NORMAL_P99 = 1.6448536269514722, 2.3263478740408408
"""Standard normal quantiles."""
