"""Intervals: Student's t over replications, and over batches where there is only one replication."""

from collections.abc import Sequence
from math import inf, sqrt

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95
HALF_WIDTH_WANTED = 0.005
"""Automatic replications end when the paired difference in good share is known to half a point."""


def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The two-sided quantile of Student's t."""
    return float(stdtrit(degrees, (1 + confidence) / 2))


def half_width(values: Sequence[float], confidence: float = CONFIDENCE) -> float:
    """Of the mean of independent values; infinite for fewer than two of them."""
    if len(values) < 2:
        return inf
    return t_quantile(len(values) - 1, confidence) * float(np.std(values, ddof=1)) / sqrt(len(values))
