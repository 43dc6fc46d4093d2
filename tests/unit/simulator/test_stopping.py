"""Runs that are no longer wanted."""

import pytest

from simulator.arrivals import PoissonArrivals
from simulator.experiment import simulate
from simulator.scenario import Scenario
from simulator.services import ExponentialService
from simulator.stopping import Stopped, require_wanted, stops_unless, wanted_pool

LONG = Scenario(
    jobs=100_000_000,
    arrivals=PoissonArrivals(process="poisson", rate_per_s=1.0),
    service=ExponentialService(distribution="exponential", mean_s=0.5),
)
"""It would take minutes."""


def test_a_run_ends_at_the_slice_at_which_it_is_no_longer_wanted() -> None:
    asked: list[int] = []

    def is_wanted() -> bool:
        asked.append(len(asked))
        return len(asked) < 10

    with stops_unless(is_wanted), pytest.raises(Stopped):
        simulate(LONG, replications=1, threads=2)
    assert len(asked) <= 12  # of the slices of two designs, at once
    require_wanted()


def test_threads_of_a_pool_stop_with_the_one_that_made_it() -> None:
    with stops_unless(lambda: False), wanted_pool(1, "runs") as pool:
        run = pool.submit(simulate, LONG, replications=1)
    with pytest.raises(Stopped):
        run.result()
