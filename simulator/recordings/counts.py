"""Arrivals from counts per interval."""

import numpy as np
from numpy.typing import NDArray

from simulator.trace_columns import Floats

SEED = 1


def spread_counts(starts_s: Floats, counts: NDArray[np.int64], lengths_s: Floats, seed: int = SEED) -> Floats:
    """Sorted arrivals: those of an interval are independent and uniform in it, which is what Poisson arrivals are, given their number."""
    random = np.random.default_rng(seed)
    arrivals = np.repeat(starts_s, counts) + np.repeat(lengths_s, counts) * random.random(int(counts.sum()))
    arrivals.sort()
    return arrivals


def read_counter(values: Floats, notes: list[str]) -> Floats:
    """The increase of a counter up to each value but the first; one that falls was set to 0."""
    steps = np.diff(values)
    resets = int((steps < 0).sum())
    if resets:
        notes.append(
            f"The counter falls {resets} time{'s' if resets > 1 else ''}: it is taken to start again from 0 there."
        )
    return np.where(steps < 0, values[1:], steps)
