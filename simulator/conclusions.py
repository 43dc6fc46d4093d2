"""What may be concluded from runs: how sure a share is, and which designs meet the deadline.

Kernel runs, live runs and searches all ask this module. A design meets the deadline only if the interval of its own good share clears
1 - tolerated misses: that it is ahead of another says nothing about that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, log, log1p, sqrt

import numpy as np

from simulator.result import Conclusion, DesignResult
from simulator.scenario import Scenario
from simulator.statistics import CONFIDENCE, beta_quantile, half_width, t_quantile

NO_DEADLINE, NEITHER, UNRESOLVED = "no_deadline", "neither", "unresolved"
ROUNDING = 1e-12


@dataclass(frozen=True)
class ShareOfJobs:
    """A share with its interval, and whether the design has a steady state. `low` and `high` are 0 and 1 if there is no job to tell."""

    low: float
    high: float
    stable: bool = True

    def conclude(self, wanted: float) -> Conclusion:
        """Compare with the share that is wanted. A design without a steady state does not meet it."""
        if not self.stable or self.high < wanted - ROUNDING:
            return "misses"
        return "meets" if self.low >= wanted - ROUNDING else "unresolved"


def exact_interval(hits: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a share of independent trials; one-sided if all or none are hits, since its other end is certain then.

    Source: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934). No hit among n has the upper bound 1 - (1 - confidence)^(1/n): 299 show 1 %.
    """
    if not of:
        return 0.0, 1.0
    alpha = 1 - confidence
    if hits == 0:
        return 0.0, 1 - alpha ** (1 / of)
    if hits == of:
        return alpha ** (1 / of), 1.0
    return (
        beta_quantile(alpha / 2, hits, of - hits + 1),
        beta_quantile(1 - alpha / 2, hits + 1, of - hits),
    )


def share_interval(
    hits: int, of: int, spread: Sequence[float] = (), *, confidence: float = CONFIDENCE, half: float | None = None
) -> tuple[float, float]:
    """The interval of the share `hits` of `of` jobs: never narrower than the exact one of independent jobs, so never of no width.

    `spread` are the shares of independent replications, for Student's t: jobs of one run are not independent. `half` is the half width
    that something else than replications tells, and counts if it is larger.
    """
    low, high = exact_interval(hits, of, confidence)
    if not of:
        return low, high
    halves = [value for value in (half_width(spread, confidence), half) if value is not None and isfinite(value)]
    if halves:
        share, widest = hits / of, max(halves)
        low, high = min(low, share - widest), max(high, share + widest)
    return max(0.0, low), min(1.0, high)


def share_of_design(result: DesignResult, scenario: Scenario) -> ShareOfJobs:
    """Of all its jobs; with a deadline a queue it is the worst of that and of each such class, because each has to meet its own.

    A run too short to show the steady state flatters the design, since its backlog has not filled yet: it may show that it misses, no more.
    """
    classes = [result.classes[name] for name in classes_with_deadline(scenario) if name in result.classes]
    intervals = [result.intervals, *(one.intervals for one in classes if one.offered)]
    bounds = [own.get("good_share", (0.0, 1.0)) for own in intervals]
    low = min(low for low, _ in bounds) if result.jobs_to_settle is None else 0.0
    return ShareOfJobs(low, min(high for _, high in bounds), result.stable)


def least_share(result: DesignResult, scenario: Scenario) -> float:
    """The share that has to be large enough if each class has a deadline of its own: the least of all jobs' and of each such class's."""
    classes = [result.classes[name] for name in classes_with_deadline(scenario) if name in result.classes]
    return min([result.good_share, *(one.good_share for one in classes if one.offered)])


def classes_with_deadline(scenario: Scenario) -> tuple[str, ...]:
    """The queues that have a deadline of their own."""
    return tuple(scenario.deadline_s) if isinstance(scenario.deadline_s, Mapping) else ()


def with_conclusion(result: DesignResult, scenario: Scenario) -> DesignResult:
    if scenario.deadline_s is None:
        return result
    return result.model_copy(update={"conclusion": share_of_design(result, scenario).conclude(wanted_share(scenario))})


def wanted_share(scenario: Scenario) -> float:
    return 1 - scenario.tolerated_miss_percent / 100


def verdict_of(scenario: Scenario, shares: Mapping[str, ShareOfJobs]) -> str | list[str]:
    """The designs that meet the deadline, each by its own interval; unresolved as long as one may or may not."""
    if scenario.deadline_s is None:
        return NO_DEADLINE
    concluded = {name: share.conclude(wanted_share(scenario)) for name, share in shares.items()}
    if "unresolved" in concluded.values():
        return UNRESOLVED
    meet = [name for name, conclusion in concluded.items() if conclusion == "meets"]
    if not meet:
        return NEITHER
    return meet[0] if len(meet) == 1 else meet


def jobs_for_verdict(scenario: Scenario) -> int | None:
    """Jobs of which none may miss its deadline until a design is shown to keep it: enough of each class that has a deadline of its own.

    None if there is no deadline, or if no miss is tolerated: no number of jobs shows that. The bound is that of `exact_interval`.
    """
    tolerated = scenario.tolerated_miss_percent / 100
    if scenario.deadline_s is None or tolerated == 0:
        return None
    of_each = 1 if tolerated == 1 else ceil(log(1 - CONFIDENCE) / log1p(-tolerated))
    shares = [scenario.event_driven.queues[name] for name in classes_with_deadline(scenario)]
    return ceil(of_each * 100 / min([share for share in shares if share > 0], default=100))


def difference_floor(jobs: int) -> float:
    """The half width that the difference of two shares of the same jobs has at least: that of no different job among them."""
    return 1 - (1 - CONFIDENCE) ** (1 / jobs) if jobs else 1.0


def combined_half_width(values: Sequence[float], resampled: Sequence[float]) -> float:
    """Of the mean of `values`, of replications of one recording, if the recording itself is a sample of what it represents.

    `resampled` are the figures of runs of one resample each. Their variance is that of the draws and of the recording; more replications
    of the same recording make only the draws' part smaller.
    """
    half = half_width(values)
    if len(resampled) < 2 or not isfinite(half):
        return half
    draws, both = float(np.var(values, ddof=1)), float(np.var(resampled, ddof=1))
    least = min(len(values), len(resampled)) - 1
    return max(half, t_quantile(least) * sqrt(draws / len(values) + max(0.0, both - draws)))


def jackknife(without: Sequence[float], whole: float) -> list[float] | None:
    """The pseudovalues of a pooled figure, from the figure without each replication in turn; None if one of them is infinite.

    Source: R. G. Miller, The jackknife: a review, Biometrika 61 (1974); its groups are the replications.
    """
    count = len(without)
    if count < 2 or not isfinite(whole) or not np.isfinite(without).all():
        return None
    return [count * whole - (count - 1) * value for value in without]
