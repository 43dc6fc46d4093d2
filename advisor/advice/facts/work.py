"""How long one attempt takes: the lognormal through p50 and p95."""

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np

from advisor.advice.columns import Columns, Floats
from advisor.advice.facts.caller import Caller
from advisor.advice.facts.queueing import Z95, Z99

_erfc = np.frompyfunc(erfc, 1, 1)


@dataclass(frozen=True)
class Work:
    """Facts about processing."""

    p50_s: Floats
    p95_s: Floats
    p99_s: Floats
    mean_s: Floats
    service_cv2: Floats
    """Squared coefficient of variation."""
    late_share: Floats
    """Share of the requests whose processing alone takes longer than the deadline."""


def work_of(c: Columns, caller: Caller) -> Work:
    """The work behind columns of answers: mean p50 exp(sigma^2 / 2), sigma = ln(p95 / p50) / 1.645."""
    p50, given = c["processing.p50_s"], c["processing.p99_s"]
    p95 = np.maximum(c["processing.p95_s"], p50)
    sigma = np.log(p95 / p50) / Z95
    return Work(
        p50_s=p50,
        p95_s=p95,
        p99_s=np.where(np.isnan(given), p50 * np.exp(Z99 * sigma), np.maximum(given, p95)),
        mean_s=p50 * np.exp(sigma**2 / 2),
        service_cv2=np.expm1(sigma**2),
        late_share=_beyond(caller.deadline_s, p50, sigma),
    )


def _beyond(deadline_s: Floats, p50_s: Floats, sigma: Floats) -> Floats:
    """Share of the lognormal beyond the deadline; without spread, all or nothing."""
    spread = np.where(sigma > 0, sigma, 1.0)
    tail = np.asarray(_erfc(np.log(deadline_s / p50_s) / spread / sqrt(2)), dtype=np.float64) / 2
    return np.where(sigma > 0, tail, np.where(deadline_s < p50_s, 1.0, 0.0))
