"""The lognormal through two quantiles, and through three, on numbers and on vectors of them."""

from dataclasses import dataclass
from math import erfc, pi, sqrt
from typing import Any, Self

import numpy as np

from simulator.theory import NORMAL_P95, NORMAL_P99

_erfc = np.frompyfunc(erfc, 1, 1)
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_BENT = NORMAL_P95 + (NORMAL_P99 - NORMAL_P95) * (_POINTS + 1) / 2
"""Normal quantiles between the 95th and the 99th percentile, with the density times the step of each (Gauss and Legendre)."""
_DENSITIES = np.exp(-(_BENT**2) / 2) / sqrt(2 * pi) * _WEIGHTS * (NORMAL_P99 - NORMAL_P95) / 2


def normal_share_below(z: Any) -> Any:
    return np.asarray(_erfc(-np.asarray(z) / sqrt(2)), dtype=np.float64) / 2


@dataclass(frozen=True)
class Lognormal:
    """ln t = ln p50 + sigma z + bend (z - 1.645 where that is positive), z the standard normal's quantile.

    A given p99 makes the logarithm piecewise linear: from p95 to p99 its slope is sigma + bend. Beyond p99 the lesser of both slopes
    goes on, so that nothing is assumed of the slowest that was not said. Without one `bend` is 0: the lognormal through p50 and p95.
    """

    p50_s: Any
    sigma: Any
    bend: Any

    @classmethod
    def through(cls, p50_s: Any, p95_s: Any, p99_s: Any = None) -> Self:
        """`p99_s` None or NaN is that of the lognormal through the other two."""
        sigma = np.log(p95_s / p50_s) / NORMAL_P95
        if p99_s is None:
            return cls(p50_s, sigma, 0.0 * sigma)
        tail = np.log(np.maximum(p99_s, p95_s) / p95_s) / (NORMAL_P99 - NORMAL_P95)
        return cls(p50_s, sigma, np.where(np.isnan(p99_s), 0.0, tail - sigma))

    @property
    def _beyond(self) -> Any:
        """The slope beyond p99."""
        return self.sigma + np.minimum(self.bend, 0.0)

    def quantile_s(self, z: Any) -> Any:
        """The quantile that belongs to the standard normal's quantile z."""
        excess = np.maximum(z - NORMAL_P95, 0.0)
        excess = np.where(self.bend > 0, np.minimum(excess, NORMAL_P99 - NORMAL_P95), excess)
        return self.p50_s * np.exp(self.sigma * z + self.bend * excess)

    @property
    def mean_s(self) -> Any:
        return self._moment(1)

    @property
    def cv2(self) -> Any:
        """The squared coefficient of variation."""
        usual = np.expm1(self.sigma**2)
        return np.where(self.bend == 0, usual, self._moment(2) / self._moment(1) ** 2 - 1) if self._bends else usual

    @property
    def _bends(self) -> bool:
        return bool(np.any(self.bend != 0))

    def _moment(self, power: int) -> Any:
        """E[t^power]: of each part of the normal in closed form, between p95 and p99 by quadrature, which no steep slope overflows."""
        spread = power * self.sigma
        usual = self.p50_s**power * np.exp(spread**2 / 2)
        if not self._bends:
            return usual
        body = usual * normal_share_below(NORMAL_P95 - spread)
        steps = self.quantile_s(np.multiply.outer(_BENT, np.ones_like(self.sigma)))
        middle = np.tensordot(_DENSITIES, steps**power, axes=1)
        slope = power * self._beyond
        level = self.quantile_s(NORMAL_P99) ** power
        beyond = level * np.exp(slope**2 / 2 - slope * NORMAL_P99) * normal_share_below(slope - NORMAL_P99)
        return np.where(self.bend == 0, usual, body + middle + beyond)

    def share_beyond(self, limit_s: Any) -> Any:
        """The share of the times that are longer."""
        p95_s, p99_s = self.quantile_s(NORMAL_P95), self.quantile_s(NORMAL_P99)
        z = _after(limit_s, self.p50_s, self.sigma, 0.0)
        if self._bends:
            z = np.where(limit_s > p95_s, _after(limit_s, p95_s, self.sigma + self.bend, NORMAL_P95), z)
            z = np.where(limit_s > p99_s, _after(limit_s, p99_s, self._beyond, NORMAL_P99), z)
            z = np.where((self.sigma == 0) & (limit_s == self.p50_s) & (self.bend > 0), NORMAL_P95, z)
        return normal_share_below(-z)


def _after(limit_s: Any, from_s: Any, slope: Any, z: float) -> Any:
    """The normal quantile at a time, on the line with a slope from `from_s` at z on."""
    way = np.log(limit_s / from_s)
    steep = np.where(slope > 0, slope, 1.0)
    return np.where(slope > 0, z + way / steep, np.where(way < 0, -np.inf, np.inf))
