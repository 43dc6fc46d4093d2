"""Automatic replications: when enough have been run to conclude.

They go on until each design's interval clears 1 - tolerated misses on one side and the paired difference is known to half a point, or
until their budget is used up. To look at an interval again and again, and to stop as soon as it clears, would conclude wrongly more often
than it says. So there are five looks, and at all but the last an interval of a higher confidence has to clear; what is shown is the usual one.
Source: J. L. Haybittle, British Journal of Radiology 44 (1971), R. Peto et al., British Journal of Cancer 34 (1976): strict looks, a last
one at the usual level. `tests/unit/simulator/test_conclusions.py` holds the share of wrong verdicts and the coverage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.conclusions import ShareOfJobs, classes_with_deadline, share_interval, wanted_share
from simulator.scenario import Scenario
from simulator.statistics import CONFIDENCE, HALF_WIDTH_WANTED, half_width
from simulator.tally import ClassTally, Tally

REPLICATION_LOOKS = (10, 15, 22, 33, 50)
"""Numbers of replications after which is looked."""
LOOK_CONFIDENCE = 0.99
"""Of the interval that has to clear at every look but the last."""
MOST_JOBS = 100_000_000
"""Jobs through each design, replications together, beyond which none are added to the first look's."""


@dataclass(frozen=True)
class Looks:
    """Numbers of replications after which is looked, and the budget: jobs through each design beyond which none are added to the first look's."""

    replications: tuple[int, ...] = REPLICATION_LOOKS
    most_jobs: int = MOST_JOBS

    @property
    def first(self) -> int:
        return self.replications[0]

    def within_budget(self, jobs: int) -> tuple[int, ...]:
        """The looks that the budget allows if a replication has that many jobs."""
        return tuple(look for look in self.replications if look == self.first or look * jobs <= self.most_jobs)


FULL_LOOKS = Looks()


def next_look(
    scenario: Scenario,
    tallies: Mapping[str, Sequence[Tally]],
    stable: Mapping[str, bool],
    jobs: int,
    looks: Looks = FULL_LOOKS,
) -> int:
    """The number of replications to go on to; that of those that were run, if they are enough or the budget is used up."""
    finished = len(next(iter(tallies.values())))
    later = [look for look in looks.within_budget(jobs) if look > finished]
    if not later or is_resolved(scenario, tallies, stable, LOOK_CONFIDENCE):
        return finished
    return later[0]


def is_resolved(
    scenario: Scenario,
    tallies: Mapping[str, Sequence[Tally]],
    stable: Mapping[str, bool],
    confidence: float = CONFIDENCE,
) -> bool:
    first, *others = tallies.values()
    pairs = zip(others[0], first, strict=True) if others else ()
    if others and half_width([b.good_share - a.good_share for b, a in pairs]) >= HALF_WIDTH_WANTED:
        return False
    if scenario.deadline_s is None:
        return True
    wanted = wanted_share(scenario)
    return all(
        share_of_tallies(scenario, each, stable[name], confidence).conclude(wanted) != "unresolved"
        for name, each in tallies.items()
    )


def share_of_tallies(
    scenario: Scenario, tallies: Sequence[Tally], stable: bool, confidence: float = CONFIDENCE
) -> ShareOfJobs:
    """The worst of all jobs' and of each class's that has a deadline of its own, as in `conclusions.share_of_design`."""
    places = [
        place for place, name in enumerate(scenario.event_driven.queues) if name in classes_with_deadline(scenario)
    ]
    groups: list[Sequence[Tally | ClassTally]] = [tallies]
    groups += [[tally.classes[place] for tally in tallies] for place in places]
    bounds = [_interval(group, confidence) for group in groups if any(one.counts["offered"] for one in group)]
    return ShareOfJobs(min(low for low, _ in bounds), min(high for _, high in bounds), stable)


def _interval(group: Sequence[Tally | ClassTally], confidence: float) -> tuple[float, float]:
    good, decided = sum(one.decided_good for one in group), sum(one.decided for one in group)
    return share_interval(good, decided, [one.good_share for one in group if one.decided], confidence=confidence)
