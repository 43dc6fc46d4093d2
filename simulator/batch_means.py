"""How sure the good share of one run is: its jobs are correlated, as long as the backlog's own memory lasts.

Batches of consecutive jobs are made long by the measured autocorrelation of the backlog, so that their shares are nearly independent; their
variance gives the number of independent jobs that would be as sure, and the exact interval is that of this number. It knows that misses come in
clusters, which a symmetric interval does not. Sources: A. M. Law, Simulation Modeling and Analysis, 5th ed., section 9.5.3 (batch means);
C. J. Geyer, Practical Markov Chain Monte Carlo, Statistical Science 7 (1992) (the autocorrelations that are summed);
E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) (the exact interval by the effective number).
"""

from math import sqrt

import numpy as np

from simulator.statistics import CONFIDENCE, beta_quantile, t_quantile
from simulator.tally import Counts, Tally
from simulator.trace_columns import Floats

LENGTH = 5.0
"""Batches are this many autocorrelation times long."""
MOST_BATCHES = 64
DEGREES_BEFORE = 5
"""Degrees of freedom that the memory's variance, of as many independent jobs as there are memories, counts as next to that of the batches."""
BIAS, LEAST_REMAINING = 5.0, 0.2
"""A short series varies less about its own mean than about the true one, so that its autocorrelations come out too low."""
ENOUGH_MEMORIES = 300
"""With this many, no congestion of importance is likely to be missing from the run."""
FEWEST_BATCHES = 8
"""Batches are not joined below this many because their shares are correlated."""


def autocorrelation_time(values: Floats) -> float:
    """1 + 2 x the sum of the autocorrelations, in steps of the series: this many of its values are worth one independent value.

    Autocorrelations are summed in pairs as long as a pair is positive, and no larger than the one before it. Infinite for a series that
    does not forget within its own length.
    """
    length = len(values)
    centred = values - values.mean() if length else values
    if length < 4 or not centred.any():
        return 1.0
    spectrum = np.abs(np.fft.rfft(centred, 2 * length)) ** 2
    covariances = np.fft.irfft(spectrum)[:length]
    correlations = covariances / covariances[0]
    pairs = correlations[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    kept = np.minimum.accumulate(pairs[: ends[0]] if len(ends) else pairs)
    steps = max(1.0, 2 * float(kept.sum()) - 1)
    return steps / max(LEAST_REMAINING, 1 - BIAS * steps / length)


def memory_in_jobs(tally: Tally) -> float:
    """The autocorrelation time of the backlog, in jobs.

    The backlog is known once a batch. What it forgets within a batch cannot be measured: then jobs that find a backlog count as one a batch.
    """
    if len(tally.levels) < 2:
        return 1.0
    jobs, waiting = float(tally.batches[:, 0].max()), tally.levels[:, 1]
    steps = autocorrelation_time(waiting)
    if steps <= 1 + 2 * 2 / sqrt(len(waiting)):
        return max(1.0, jobs * float((waiting > 0).mean()))
    return jobs * steps


def joined(batches: Counts, count: int) -> Counts:
    """`count` batches, as equally long as can be, from more of them."""
    edges = np.linspace(0, len(batches), count + 1).round().astype(int)[:-1]
    return np.add.reduceat(batches, edges, axis=0)


def batches_wanted(tally: Tally, batches: Counts | None = None) -> int:
    """How many batches are long enough to be taken for independent; at least one. `batches` None: those of all jobs."""
    jobs = int(tally.batches[:, 0].sum())
    batches = tally.batches if batches is None else batches
    count = int(min(MOST_BATCHES, len(batches), jobs / (LENGTH * memory_in_jobs(tally))))
    while count > FEWEST_BATCHES and _first_correlation(joined(batches, count)) > 1 / sqrt(count):
        count = max(FEWEST_BATCHES, count // 2)
    return max(1, count)


def _first_correlation(batches: Counts) -> float:
    shares = batches[:, 1] / np.maximum(1, batches[:, 0])
    centred = shares - shares.mean()
    return float((centred[1:] * centred[:-1]).sum() / (centred**2).sum()) if centred.any() else 0.0


def paired_shares(less: Tally, more: Tally) -> list[float]:
    """The difference in good share, `more` minus `less`, in each of the independent batches of one run of both."""
    count = min(batches_wanted(less), batches_wanted(more), len(less.batches), len(more.batches))
    sides = [joined(tally.batches, count) for tally in (more, less)]
    first, second = (side[:, 1] / np.maximum(1, side[:, 0]) for side in sides)
    return [float(difference) for difference in first - second]


def interval_of_one_run(tally: Tally, batches: Counts | None = None) -> tuple[float, float]:
    """The 95 % interval of the good share of the jobs of one replication, or of those of a class, of which `batches` are."""
    batches = tally.batches if batches is None else batches
    jobs, good = (int(count) for count in batches.sum(axis=0)) if len(batches) else (0, 0)
    if not jobs:
        return 0.0, 1.0
    return _exact(good / jobs, _effective_jobs(tally, batches, good / jobs, jobs))


def _effective_jobs(tally: Tally, batches: Counts, share: float, jobs: int) -> float:
    """How many independent jobs would be as sure. A class's own batches last as long as the backlog's memory of all jobs.

    Misses that all fell into a few batches tell little of how much batches vary: the degrees of freedom of their variance go by their kurtosis.
    """
    memories = int(tally.batches[:, 0].sum()) / memory_in_jobs(tally)
    expected = min(jobs, memories * max(1.0, memories / ENOUGH_MEMORIES))
    if share in (0, 1):
        return expected
    batches = joined(batches, batches_wanted(tally, batches))
    batches = batches[batches[:, 0] > 0]
    count = len(batches)
    squares = ((batches[:, 1] - share * batches[:, 0]) / jobs) ** 2
    squared, degrees = float(squares.sum()), 0.0
    variance = share * (1 - share) / expected
    if count > 1 and squared > 0:
        kurtosis = count * float((squares**2).sum()) / squared**2
        degrees = min(count - 1, 2 * count / (kurtosis - 1)) if kurtosis > 1 else count - 1
        batched = max(squared * count / (count - 1), share * (1 - share) / jobs)
        variance = (degrees * batched + DEGREES_BEFORE * variance) / (degrees + DEGREES_BEFORE)
    wider = t_quantile(int(degrees + DEGREES_BEFORE)) / t_quantile(10**6)
    return min(jobs, share * (1 - share) / variance) / wider**2


def _exact(share: float, of: float) -> tuple[float, float]:
    """Clopper-Pearson for a share of a number of independent jobs that need not be whole; one-sided if all or none are good."""
    alpha = 1 - CONFIDENCE
    if share in (0, 1):
        bound = alpha ** (1 / of)
        return (bound, 1.0) if share else (0.0, 1 - bound)
    hits = share * of
    return beta_quantile(alpha / 2, hits, of - hits + 1), beta_quantile(1 - alpha / 2, hits + 1, of - hits)
