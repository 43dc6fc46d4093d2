"""Intervals: Student's t over replications, and over batches where there is only one replication; the beta distribution, for shares."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, inf, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
HALF_WIDTH_WANTED = 0.005
"""Automatic replications do not end before the paired difference in good share is known to half a point."""
TINY, PRECISION = 1e-300, 1e-15
NEWTON_ENDS = 1e-9
"""A step of Newton's method shorter than this part leaves an error of its square."""


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), to 1e-12 of its value.

    Source: NIST Digital Library of Mathematical Functions, 8.17.22, a continued fraction, evaluated by Lentz's method.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or TINY)
    fraction = d
    for m in range(1, 1000 + int(20 * sqrt(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        c, d = 1 + even / c or TINY, 1 / (1 + even * d or TINY)
        fraction *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        c, d = 1 + odd / c or TINY, 1 / (1 + odd * d or TINY)
        fraction *= c * d
        if abs(c * d - 1) < PRECISION:
            break
    return _beta_weight(x, a, b) / a * fraction


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x at which I_x(a, b) is `p`: Newton's method within a bracket. (Clopper-Pearson: p = 0.025 of a = hits, b = misses + 1.)"""
    if not 0 < p < 1:
        return float(p >= 1)
    low, high, x = 0.0, 1.0, _about_beta_quantile(p, a, b)
    for _ in range(400):
        excess = beta_cdf(x, a, b) - p
        low, high = (low, x) if excess > 0 else (x, high)
        slope = _beta_weight(x, a, b) / (x * (1 - x))
        following = x - excess / slope if slope > 0 else low
        if low < following < high and abs(following - x) <= NEWTON_ENDS * min(x, 1 - x):
            return following
        if not low < following < high:
            following = (low + high) / 2 if low > 0 else high / 16
        if abs(following - x) <= PRECISION * x or following in (low, high):
            break
        x = following
    return x


def _about_beta_quantile(p: float, a: float, b: float) -> float:
    """Source: M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 26.5.22; the mean, if a or b is 1 or less."""
    if min(a, b) <= 1:
        return a / (a + b)
    y = -NormalDist().inv_cdf(p)
    of_a, of_b, by_y = 1 / (2 * a - 1), 1 / (2 * b - 1), (y * y - 3) / 6
    h = 2 / (of_a + of_b)
    w = y * sqrt(max(0.0, h + by_y)) / h - (of_b - of_a) * (by_y + 5 / 6 - 2 / (3 * h))
    return a / (a + b * exp(min(300.0, 2 * w)))


def _beta_weight(x: float, a: float, b: float) -> float:
    """x^a (1 - x)^b / B(a, b), without the cancellation of large logarithms of gamma functions."""
    mean, complement = a / (a + b), b / (a + b)
    power = a * _log_ratio(x, mean, 1 - x, complement) + b * _log_ratio(1 - x, complement, x, mean)
    rest = _stirling_error(a + b) - _stirling_error(a) - _stirling_error(b)
    return exp(power + rest) * sqrt(a * b / (2 * pi * (a + b)))


def _log_ratio(one: float, other: float, one_to_1: float, other_to_1: float) -> float:
    return log1p(-one_to_1) - log1p(-other_to_1) if min(one, other) > 0.5 else log(one / other)


def _stirling_error(z: float) -> float:
    """What Stirling's formula leaves out of log Gamma(z). Source: DLMF 5.11.1."""
    if z < 10:
        return lgamma(z) - ((z - 0.5) * log(z) - z + log(2 * pi) / 2)
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / z**2) / z**2) / z**2) / z**2) / z


@lru_cache(maxsize=1000)
def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The two-sided quantile of Student's t: t^2 / (degrees + t^2) is beta distributed.

    To 12 digits: the last ones depend on the C library and the processor, and results are compared to the digit across machines.
    """
    share = beta_quantile(confidence, 0.5, degrees / 2)
    return float(f"{sqrt(degrees * share / (1 - share)):.12g}")


def half_width(values: Sequence[float], confidence: float = CONFIDENCE) -> float:
    """Of the mean of independent values; infinite for fewer than two of them."""
    if len(values) < 2:
        return inf
    return t_quantile(len(values) - 1, confidence) * float(np.std(values, ddof=1)) / sqrt(len(values))
