"""Resamples of a recording: what else might have been recorded in a time as long.

A recording is one sample of the workload that it represents. To replay it many times tells nothing of how far another hour would differ;
resamples do: blocks of the recording, from random places, put together to its length. A block is long enough to keep a burst whole.
Source: D. N. Politis, J. P. Romano, A circular block-resampling procedure for stationary data (1992).
"""

import numpy as np
from numpy.typing import NDArray

from simulator.trace_columns import Floats
from simulator.traces import Trace

MOST_RESAMPLES, FEWEST_RESAMPLES = 10, 4
MOST_BLOCKS, FEWEST_BLOCKS = 10, 4
COUNT_BINS = 200
BURST_LENGTHS = 2.0
"""How many times as long as the recording's bursts a block is, unless that leaves fewer than `FEWEST_BLOCKS`."""


def resamples_for(replications: int) -> int:
    """How many resamples go with that many replications; none with one, whose interval is that of its own batches."""
    return 0 if replications < 2 else min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, replications))


def block_s(arrivals_s: Floats) -> float:
    """The length of a block in seconds of the recording; 0 if all arrive at once."""
    span = float(arrivals_s[-1] - arrivals_s[0])
    counts = np.histogram(arrivals_s, COUNT_BINS)[0].astype(float)
    deviations = counts - counts.mean()
    correlations = np.correlate(deviations, deviations, "full")[COUNT_BINS - 1 :]
    uncorrelated = np.flatnonzero(correlations <= 0)
    burst_s = span * (int(uncorrelated[0]) if len(uncorrelated) else 1) / COUNT_BINS
    return min(max(span / MOST_BLOCKS, BURST_LENGTHS * burst_s), span / FEWEST_BLOCKS)


def first_of(trace: Trace, jobs: int) -> Trace:
    return trace if jobs >= trace.requests else _select(trace, np.arange(jobs), trace.arrivals_s[:jobs])


def resample_trace(trace: Trace, generator: np.random.Generator) -> Trace:
    """Jobs keep their durations and tokens. The recording is taken as a circle, so that its ends come as often as its middle."""
    arrivals, jobs = trace.arrivals_s, trace.requests
    length, span = block_s(arrivals), float(arrivals[-1] - arrivals[0])
    if length == 0:
        rows = generator.integers(0, jobs, jobs)
        return _select(trace, rows, arrivals)
    around = span * jobs / (jobs - 1)
    circle = np.concatenate([arrivals - arrivals[0], arrivals - arrivals[0] + around])
    blocks = max(1, round(around / length))
    length = around / blocks
    while True:
        starts = generator.uniform(0, around, blocks)
        first, last = (np.searchsorted(circle, instants) for instants in (starts, starts + length))
        if (last > first).any():
            break
    taken = [np.arange(low, high) for low, high in zip(first, last, strict=True)]
    rows = np.concatenate(taken)
    moved = np.repeat(arrivals[0] + np.arange(blocks) * length - starts, last - first)
    return _select(trace, rows % jobs, np.asarray(circle[rows] + moved))


def _select(trace: Trace, rows: NDArray[np.int64], arrivals_s: Floats) -> Trace:
    def select(column: Floats | None) -> Floats | None:
        return None if column is None else column[rows]

    return Trace(
        arrivals_s, select(trace.input_tokens), select(trace.output_tokens), select(trace.service_s), trace.name
    )


def resample_durations(durations_s: Floats, generator: np.random.Generator) -> Floats:
    return durations_s[generator.integers(0, len(durations_s), len(durations_s))]
