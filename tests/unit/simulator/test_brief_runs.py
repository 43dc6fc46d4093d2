"""Runs for searches: they leave out what a search does not show, and show the same otherwise."""

from math import inf

import pytest

from simulator import replications
from simulator.arrivals import PoissonArrivals
from simulator.experiment import brief_results, share_of_one_run, simulate
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import Runner
from simulator.scenario import EventDriven, Scenario, Synchronous
from simulator.sequential import Looks
from simulator.services import ExponentialService
from simulator.stability import load_of
from simulator.tally import Tally

LEFT_OUT = {"intervals", "series", "call_rate", "by_replication"}
SCENARIO = Scenario(
    jobs=20_000,
    warmup_jobs=1_000,
    deadline_s=1.5,
    arrivals=PoissonArrivals(process="poisson", rate_per_s=1.6),
    service=ExponentialService(distribution="exponential", mean_s=0.5),
    synchronous=Synchronous(workers=1),
    event_driven=EventDriven(consumers=1, queues={"urgent": 30, "normal": 70}),
)


def test_brief_results_are_those_of_the_whole_simulation() -> None:
    looks = Looks((2, 3), most_jobs=80_000)
    whole, (replications_run, brief) = (
        simulate(SCENARIO, looks=looks, windows=False),
        brief_results(SCENARIO, looks=looks),
    )
    assert replications_run == whole.replications
    for design, result in ((SYNCHRONOUS, whole.synchronous), (EVENT_DRIVEN, whole.event_driven)):
        assert brief[design].model_dump(exclude=LEFT_OUT) == result.model_dump(exclude=LEFT_OUT)
        assert brief[design].intervals == {"good_share": result.intervals["good_share"]}
        assert brief[design].series.in_flight == result.series.in_flight


def test_a_tally_without_times_counts_the_same() -> None:
    whole, brief = (
        Runner(SCENARIO, None, None, {EVENT_DRIVEN: True}, 1, designs=(EVENT_DRIVEN,), keeps_times=keeps_times)
        for keeps_times in (True, False)
    )
    for runner in (whole, brief):
        runner.run(2)
    pairs = list(zip(whole.tallies[EVENT_DRIVEN], brief.tallies[EVENT_DRIVEN], strict=True))
    assert all(one.counts == other.counts and one.good_share == other.good_share for one, other in pairs)
    assert all((one.levels == other.levels).all() and (one.batches == other.batches).all() for one, other in pairs)
    assert [own.counts for own in pairs[1][0].classes] == [own.counts for own in pairs[1][1].classes]
    assert pairs[1][1].wait["mean"] == inf  # nothing is made up of what was left out


def test_where_a_run_ends_early_depends_on_its_jobs_not_on_the_speed_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = load_of(SCENARIO, SYNCHRONOUS, None, None)
    fast = share_of_one_run(SCENARIO, SYNCHRONOUS, load, enough_missed=0.05)
    clock = iter(range(1_000_000))
    monkeypatch.setattr(replications.time, "perf_counter", lambda: float(next(clock)))
    assert share_of_one_run(SCENARIO, SYNCHRONOUS, load, enough_missed=0.05) == fast
    assert 0.8 < fast.in_time < 0.95


def test_a_run_that_was_made_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, int]] = []
    simulate_one = Runner._simulate

    def counted(runner: Runner, design: str, replication: int) -> Tally:
        made.append((design, replication))
        return simulate_one(runner, design, replication)

    monkeypatch.setattr(Runner, "_simulate", counted)
    looks, kept_as = Looks((2,), most_jobs=80_000), {SYNCHRONOUS: "a test's", EVENT_DRIVEN: "another of the test's"}
    first = brief_results(SCENARIO, looks=looks, kept_as=kept_as)
    assert brief_results(SCENARIO, looks=looks, kept_as=kept_as) == first == brief_results(SCENARIO, looks=looks)
    assert sorted(made) == sorted([(EVENT_DRIVEN, 0), (EVENT_DRIVEN, 1), (SYNCHRONOUS, 0), (SYNCHRONOUS, 1)] * 2)
    brief_results(SCENARIO, looks=looks, kept_as=kept_as | {EVENT_DRIVEN: "of other consumers"})
    assert sorted(made[8:]) == [(EVENT_DRIVEN, 0), (EVENT_DRIVEN, 1)]
