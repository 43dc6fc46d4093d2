"""A run whose replications are simulated by several processes has the result of one that is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from simulator.experiment import simulate, simulate_replication
from simulator.replications import FIRST_RESAMPLE
from simulator.scenario import Scenario
from simulator.stored_tallies import dump_tallies, load_tallies
from simulator.tally import Tally
from simulator.traces import Trace

BASE: dict[str, Any] = {
    "jobs": 500,
    "arrivals": {"process": "poisson", "rate_per_s": 1.0},
    "service": {"distribution": "exponential", "mean_s": 1.0},
}


def scenario(**given: Any) -> Scenario:
    return Scenario.parse(BASE | given)


class Halves:
    """Every second replication is simulated elsewhere, and comes back as bytes once this process has done its half."""

    def __init__(self, given: Scenario, trace: Trace | None) -> None:
        self.given, self.trace = given, trace
        self.here: list[int] = []
        self.elsewhere: list[int] = []
        self.offered: list[int] = []

    def offer(self, replications: Sequence[int]) -> None:
        self.offered += replications
        self.here += replications[::2]
        self.elsewhere += replications[1::2]

    def take(self) -> int | None:
        return self.here.pop() if self.here else None

    def collect(self) -> Mapping[int, Mapping[str, Tally]]:
        if self.here or not self.elsewhere:
            return {}
        number = self.elsewhere.pop()
        return {number: load_tallies(dump_tallies(simulate_replication(self.given, number, trace=self.trace)))}


@pytest.mark.parametrize(
    "given",
    [
        scenario(),
        scenario(
            deadline_s=2.0,
            provider={"max_concurrency": 3},
            failures={"transient_percent": 20},
            retries={"max": 2, "base_s": 1, "cap_s": 10},
            subscribers={"count": 2},
        ),
    ],
    ids=["plain", "limited and failing"],
)
def test_the_result_is_the_same(given: Scenario) -> None:
    halves = Halves(given, None)
    assert simulate(given, replications=6, share=halves) == simulate(given, replications=6)
    assert halves.offered == [1, 2, 3, 4, 5]


def test_the_result_of_a_recording_is_the_same_and_its_resamples_are_shared() -> None:
    trace = Trace(np.cumsum(np.full(400, 0.5)), service_s=np.linspace(0.2, 0.9, 400))
    given = scenario(
        arrivals={"process": "trace", "path": "recorded.csv"}, service={"distribution": "empirical"}, jobs=400
    )
    halves = Halves(given, trace)
    assert simulate(given, trace=trace, replications=4, share=halves) == simulate(given, trace=trace, replications=4)
    assert any(number >= FIRST_RESAMPLE for number in halves.offered)


def test_replications_are_added_by_look_as_without_others() -> None:
    given = scenario(jobs=200, deadline_s=1.5)
    halves = Halves(given, None)
    alone = simulate(given)
    assert simulate(given, share=halves) == alone
    assert halves.offered == list(range(1, alone.replications))


def test_what_an_other_process_raises_is_not_lost() -> None:
    class Broken(Halves):
        def collect(self) -> Mapping[int, Mapping[str, Tally]]:
            raise OSError("the database is gone")

    with pytest.raises(OSError, match="the database is gone"):
        simulate(scenario(jobs=200), replications=3, share=Broken(scenario(jobs=200), None))
