"""Whether a backlog grew as long as jobs arrived, as the levels of every replication show it.

A backlog that neither grows nor comes back, as at a load of exactly 1, is a random walk that is reflected at zero: from an empty start its
rise, by the root of its variance, is at most half normal. At less load it rises less. A steady growth is more than that walk explains; it goes
on in the second half as in the first, and the backlog does not come back at the end to what it was before the middle. The variance of the walk
is that of the rises from block to block. Source: D. L. Iglehart, W. Whitt, Multiple channel queues in heavy traffic, Adv. Appl. Prob. 2 (1970).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt

import numpy as np

from simulator.statistics import beta_cdf
from simulator.trace_columns import Floats

BLOCKS = 32
FEWEST_CYCLES = 4
"""Arrivals with peaks are compared by whole cycles, of which it takes this many."""
FALSE_ALARM = 1 / 800
"""The chance that a system at a load of 1, the worst case, is taken for a growing one because of any one replication."""
VARIANCE_OF_MEANS = 1.5
"""The rise of a walk from block to block has this many times the variance of the rise from one block's mean to the next one's."""
HALF_NORMAL_MEAN, HALF_NORMAL_SD = sqrt(2 / np.pi), sqrt(1 - 2 / np.pi)
SURE = 3.3
"""Standard errors of the mean over replications, for the same chance."""
STEADY_SHARE, STEADY_SHARE_OF_MEANS = 0.3, 0.4
"""Of a steady growth the second half has half the rise, that of the critical walk .29: what one replication, or the mean of several, has at least."""
MOST = 6.0
"""A replication's rise counts as this much at most in the mean over replications."""


@dataclass(frozen=True)
class Rise:
    """How the backlog rose in one replication. `score` is by the rise of a critical walk's standard deviation."""

    score: float
    degrees: int
    rise: float
    second_half: float
    per_min: float
    """In the second half."""
    returns: bool
    """Whether the last quarter sees the backlog as short as the second one did on average."""
    earlier: float
    later: float
    """The mean backlog in the second quarter, and in the last one."""

    @property
    def tail(self) -> float:
        """The chance of such a score at a load of 1."""
        return 2 * _t_tail(self.score, self.degrees)


def rise_of(
    levels: Floats, *, since_s: float, outages: Sequence[tuple[float, float]], period_s: float | None
) -> Rise | None:
    """The rise over the longest part without an outage. None if that is too short to say, or if too few whole cycles are in it.

    `levels` are instants and backlogs at equal numbers of jobs; what happened before `since_s` is left out.
    """
    part = _longest_part(levels, since_s, outages)
    if len(part) < max(BLOCKS, len(levels) / 3) or part[-1, 0] <= part[0, 0]:
        return None
    blocks = _block_means(part, period_s)
    if blocks is None:
        return None
    instants, means = blocks
    count = len(means)
    steps = np.diff(means)
    deviation = sqrt(VARIANCE_OF_MEANS * float(steps.var(ddof=1)) * (count - 1))
    rise, second = float(means[-1] - means[0]), float(means[-1] - means[count // 2])
    score = rise / deviation if deviation > 0 else (inf if rise > 0 else 0.0)
    length_s = float(instants[-1] - instants[count // 2])
    later = means[-max(1, count // 4) :]
    earlier = float(means[count // 4 : count // 2].mean())
    return Rise(
        score=score,
        degrees=count - 2,
        rise=rise,
        second_half=second,
        per_min=60 * second / length_s if length_s > 0 else 0.0,
        returns=bool(later.min() <= earlier),
        earlier=earlier,
        later=float(later.mean()),
    )


def growing(rises: Sequence[Rise]) -> list[Rise]:
    """The replications that grow: those that show it alone, or all if all of them together do."""
    alone = [
        rise
        for rise in rises
        if rise.tail < FALSE_ALARM / len(rises) and rise.second_half >= STEADY_SHARE * rise.rise and not rise.returns
    ]
    return alone or (list(rises) if _grow_together(rises) else [])


def _grow_together(rises: Sequence[Rise]) -> bool:
    if len(rises) < 2:
        return False
    score = float(np.mean([min(MOST, rise.score) for rise in rises]))
    rise, second = (float(np.mean([getattr(one, name) for one in rises])) for name in ("rise", "second_half"))
    earlier, later = (float(np.mean([getattr(one, name) for one in rises])) for name in ("earlier", "later"))
    enough = HALF_NORMAL_MEAN + SURE * HALF_NORMAL_SD / sqrt(len(rises))
    return score > enough and second >= STEADY_SHARE_OF_MEANS * rise and later > earlier


def _longest_part(levels: Floats, since_s: float, outages: Sequence[tuple[float, float]]) -> Floats:
    instants = levels[:, 0]
    edges = [since_s, *sorted(edge for outage in outages for edge in outage if edge > since_s), inf]
    parts = [
        levels[np.searchsorted(instants, start) : np.searchsorted(instants, end)]
        for start, end in pairwise(edges)
        if not any(begins <= start < ends for begins, ends in outages)
    ]
    return max(parts, key=len, default=levels[:0])


def _block_means(part: Floats, period_s: float | None) -> tuple[Floats, Floats] | None:
    instants, waiting = part[:, 0], part[:, 1]
    if period_s is None:
        edges = np.linspace(0, len(part), BLOCKS + 1).round().astype(int)[:-1]
    else:
        cycles = int((instants[-1] - instants[0]) / period_s)
        if cycles < FEWEST_CYCLES:
            return None
        each = -(-cycles // BLOCKS)
        ends = instants[0] + period_s * each * np.arange(cycles // each + 1)
        places = np.searchsorted(instants, ends)
        instants, waiting, edges = instants[: places[-1]], waiting[: places[-1]], places[:-1]
        if len(np.unique(places)) < len(places):
            return None
    counts = np.diff(np.append(edges, len(waiting)))
    return np.add.reduceat(instants, edges) / counts, np.add.reduceat(waiting, edges) / counts


def _t_tail(score: float, degrees: int) -> float:
    """The chance that Student's t exceeds `score`."""
    if score <= 0:
        return 0.5
    return 0.0 if score == inf else beta_cdf(degrees / (degrees + score**2), degrees / 2, 0.5) / 2
