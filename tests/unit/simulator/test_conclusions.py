"""What is concluded from runs: intervals, verdicts, when replications are enough, and jobs that the end of a run leaves undecided."""

from math import exp
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm

from simulator.conclusions import ShareOfJobs, exact_interval, jobs_for_verdict, share_interval, verdict_of
from simulator.experiment import simulate
from simulator.kernel import layout
from simulator.resampling import resample_trace
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario
from simulator.sequential import FULL_LOOKS, LOOK_CONFIDENCE, REPLICATION_LOOKS
from simulator.statistics import CONFIDENCE
from simulator.tally import EDGES_S, MIDDLES_S, TimeSample
from simulator.traces import Trace
from tests.cases import case

SHARES = Scenario.parse(
    {
        "deadline_s": 10,
        "tolerated_miss_percent": 1,
        "arrivals": {"process": "poisson", "rate_per_s": 1},
        "service": {"distribution": "exponential", "mean_s": 1},
    }
)


def run(name: str, replications: int | None = None, **changes: Any) -> Result:
    return simulate(case(name).model_copy(update=changes), replications=replications)


def designs(result: Result) -> tuple[DesignResult, DesignResult]:
    return result.synchronous, result.event_driven


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_an_interval_of_a_share_has_a_width_and_is_at_least_the_exact_one(jobs: int, share: float) -> None:
    hits = round(share * jobs)
    low, high = share_interval(hits, jobs, [0.5, 0.5])
    assert 0 <= low < high <= 1
    assert low <= hits / jobs <= high
    if 0 < hits < jobs:
        assert low <= beta.ppf(0.025, hits, jobs - hits + 1) + 1e-9
        assert high >= beta.ppf(0.975, hits + 1, jobs - hits) - 1e-9


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("jobs", [20, 121, 299])
def test_the_exact_interval_covers(share: float, jobs: int) -> None:
    """Exactly, over all outcomes. A one-sided end where nothing or all is hit costs up to 2.5 % more than the nominal 5 %, if at all."""
    hits = np.arange(jobs + 1)
    log_share = np.log(share) * hits + np.log1p(-share) * (jobs - hits)
    ways = np.concatenate([[0.0], np.cumsum(np.log((jobs - hits[:-1]) / (hits[1:])))])
    covers = [exact_interval(int(count), jobs)[0] <= share <= exact_interval(int(count), jobs)[1] for count in hits]
    assert 0.925 <= float(np.exp(ways + log_share) @ covers) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        (((0.995, 0.999), (0.985, 0.994)), "unresolved"),
        (((0.985, 0.994), (0.2, 0.5)), "unresolved"),
        (((0.995, 0.999), (0.2, 0.5)), "synchronous"),
        (((0.1, 0.2), (0.2, 0.5)), "neither"),
        (((0.995, 0.999), (0.99, 1.0)), ["synchronous", "event_driven"]),
    ],
)
def test_a_design_meets_the_deadline_by_its_own_interval_alone(intervals: Any, verdict: str | list[str]) -> None:
    shares = dict(zip(("synchronous", "event_driven"), (ShareOfJobs(*pair) for pair in intervals), strict=True))
    assert verdict_of(SHARES, shares) == verdict


def test_without_a_steady_state_no_share_meets_a_deadline() -> None:
    assert ShareOfJobs(0.999, 1.0, stable=False).conclude(0.99) == "misses"


def test_299_jobs_without_a_miss_show_99_percent_and_121_do_not() -> None:
    assert jobs_for_verdict(SHARES) == 299
    assert [ShareOfJobs(*share_interval(jobs, jobs)).conclude(0.99) for jobs in (121, 298, 299)] == [
        "unresolved", "unresolved", "meets",
    ]  # fmt: skip


def looked_at(shares: np.ndarray[Any, Any], wanted: float) -> tuple[int, float, float]:
    """The look at which the replications end, and the interval that is shown then, by the rule of automatic replications."""
    for look in REPLICATION_LOOKS:
        hits, of = round(float(shares[:look].sum()) * 1000), look * 1000
        strict = ShareOfJobs(*share_interval(hits, of, shares[:look].tolist(), confidence=LOOK_CONFIDENCE))
        if strict.conclude(wanted) != "unresolved" or look == REPLICATION_LOOKS[-1]:
            return (look, *share_interval(hits, of, shares[:look].tolist()))
    raise AssertionError("the last look ends them")


@pytest.mark.parametrize("off", [0.0, 0.25, 1.0])
def test_to_stop_as_soon_as_an_interval_clears_neither_misleads_nor_costs_coverage(off: float) -> None:
    """Shares of replications are normal about a truth that is `off` of their deviations from what is wanted. 300 runs."""
    generator = np.random.default_rng(1)
    wanted, deviation, runs = 0.9, 0.02, 300
    truth = wanted + off * deviation
    shares = np.round(generator.normal(truth, deviation, (runs, REPLICATION_LOOKS[-1])), 3)
    ends = [looked_at(row, wanted) for row in shares]
    assert np.mean([low <= truth <= high for _, low, high in ends]) >= 0.92
    wrong = [high < wanted if off else low >= wanted or high < wanted for _, low, high in ends]
    assert np.mean(wrong) <= (0.08 if off == 0 else 0.03)
    if off == 1.0:
        assert np.mean([look < REPLICATION_LOOKS[-1] for look, *_ in ends]) > 0.95


def test_runs_of_many_jobs_have_a_smaller_budget() -> None:
    assert FULL_LOOKS.within_budget(2000) == REPLICATION_LOOKS
    assert FULL_LOOKS.within_budget(3_000_000) == (10, 15, 22, 33)
    assert FULL_LOOKS.within_budget(10**9) == (10,)


def test_ahead_is_not_alone() -> None:
    """Exact shares .99761 and .99050: both meet, or it is not known yet; never synchronous alone."""
    verdicts = [run("verdict-ahead-is-not-alone", 10, seed=seed).verdict for seed in range(1, 13)]
    assert "synchronous" not in verdicts
    result = run("verdict-ahead-is-not-alone")
    assert result.verdict in ("unresolved", ["synchronous", "event_driven"])
    assert result.synchronous.conclusion == "meets"
    assert result.difference["good_share"].high < 0, "synchronous is still shown to be ahead"
    if result.verdict == "unresolved":
        assert result.replications == 50
        assert "budget" in result.notes[-1]


def test_no_miss_is_no_certainty() -> None:
    """The true share of misses is 1.5e-4, and 1e-4 are tolerated: no seed may show that the deadline is met."""
    for seed in range(1, 13):
        result = run("zero-misses-are-not-certainty", 10, seed=seed)
        assert result.verdict == "unresolved"
        for design in designs(result):
            low, high = design.intervals["good_share"]
            assert low < design.good_share and low <= 1 - 1.5e-4 <= high
            if design.good == design.offered:
                assert low == pytest.approx(1 - 3.0e-4, abs=1e-6)
                assert high == 1


def test_jobs_under_way_at_the_cut_are_undecided_and_not_missed() -> None:
    result = run("duration-cut-flips-verdict")
    assert result.verdict == ["synchronous", "event_driven"]
    for design in designs(result):
        assert design.good_share == 1
        assert design.undecided == 60 * result.replications
        assert design.decided == 3481 * result.replications
        assert design.latency_s.p99 == design.latency_s.max == 60
    assert "60" in result.notes[0]


@pytest.mark.parametrize("hybrid", [None, {"inline_wait_s": 20}])
def test_the_share_of_a_run_that_is_cut_is_that_of_the_deadline(hybrid: dict[str, float] | None) -> None:
    """Without a queue the share is that of the service, 1 - e^-2. To count of the last jobs those that are done would give 88 %."""
    given = {
        "duration_s": 600,
        "deadline_s": 120,
        "arrivals": {"process": "poisson", "rate_per_s": 20},
        "service": {"distribution": "exponential", "mean_s": 60},
        "synchronous": {"workers": 3000},
        "event_driven": {"consumers": 3000},
        "hybrid": hybrid,
    }
    result = simulate(Scenario.parse(given), replications=5)
    for design in filter(None, (*designs(result), result.hybrid)):
        assert design.good_share == pytest.approx(1 - exp(-2), abs=0.006)
        assert design.decided is not None and design.decided / design.offered == pytest.approx(480 / 600, rel=0.03)
        assert design.latency_s.p50 == pytest.approx(60 * np.log(2), rel=0.03)
        assert design.latency_s.p95 == pytest.approx(60 * np.log(20), rel=0.03)
        assert design.latency_s.mean == pytest.approx(60, rel=0.03)


def test_what_polls_past_the_cut_is_undecided_in_each_class() -> None:
    """Work takes 1 s, the next poll comes up to 100 s later: no poll that is still to come is a miss."""
    given = {
        "duration_s": 500,
        "deadline_s": {"urgent": 200.0, "batch": 200.0},
        "arrivals": {"process": "regular", "rate_per_s": 5},
        "service": {"distribution": "deterministic", "mean_s": 1},
        "event_driven": {
            "consumers": 400,
            "queues": {"urgent": 50.0, "batch": 50.0},
            "delivery": {"method": "polling", "interval_s": 100},
        },
        "synchronous": {"workers": 400},
    }
    result = simulate(Scenario.parse(given), replications=2).event_driven
    assert result.good_share == 1
    assert (
        result.undecided == sum(part.undecided for part in result.classes.values()) == pytest.approx(2 * 250, rel=0.1)
    )
    assert all(
        part.good_share == 1 and part.decided == pytest.approx(1500, rel=0.1) for part in result.classes.values()
    )
    assert result.in_system == 0


def test_a_run_shorter_than_its_deadline_decides_nothing() -> None:
    result = run("duration-cut-flips-verdict", 2, deadline_s=7200)
    assert result.verdict == "unresolved"
    for design in designs(result):
        assert design.intervals["good_share"] == (0, 1)
        assert design.decided == 0
    assert "has to last longer" in result.notes[0]


@given(st.integers(0, 2**32 - 1))
def test_times_of_a_run_that_is_cut_are_estimated_as_if_it_had_not_been(seed: int) -> None:
    """Jobs that arrive evenly over 100 s, a tenth refused at once, the rest served in an exponential time of 20 s."""
    generator = np.random.default_rng(seed)
    jobs = 20_000
    ages, times = generator.uniform(0, 100, jobs), generator.exponential(20, jobs)
    refused = generator.uniform(size=jobs) < 0.1
    done = ~refused & (times <= ages)

    def histogram(values: Any) -> Any:
        return np.bincount(np.searchsorted(EDGES_S, values, "right") - 1, minlength=layout.BUCKETS_OF_HISTOGRAM)

    sample = TimeSample(
        histogram(times[done]), jobs, float(times[done].sum()), float(times[done].max()),
        ended=histogram(np.zeros(refused.sum())), censored=histogram(ages[~refused & ~done]),
    )  # fmt: skip
    assert sample.quantile_s(0.45) == pytest.approx(20 * np.log(2), rel=0.08)
    assert sample.quantile_s(0.81) == pytest.approx(20 * np.log(10), rel=0.08)
    assert sample.figures()["p95"] == np.inf, "a tenth never gets there"


def test_percentiles_are_of_all_jobs_and_stay_with_more_replications() -> None:
    """M/M/5/5 at 1.95 erlangs loses 3.5 %: p95 over all offered is where a served job's exponential time reaches .95 of all."""
    exact = -np.log(1 - 0.95 / (1 - 0.0352))
    for replications in (10, 50):
        result = run("percentile-vanishes-with-replications", replications)
        p95 = result.synchronous.latency_s.p95
        assert p95 == pytest.approx(exact, rel=0.1)
        low, high = result.synchronous.intervals["latency_p95_s"]
        assert low < p95 < high < 1.25 * p95
        assert result.difference["latency_p95_s"].high < 0
        curve = result.synchronous.curve
        assert float(np.interp(p95, curve.latency_s, curve.share)) == pytest.approx(0.95, abs=0.002)
        assert result.synchronous.latency_s.p99 is None


def test_percentiles_are_in_order_and_none_exceeds_the_longest() -> None:
    result = simulate(
        SHARES.model_copy(update={"jobs": 300, "synchronous": SHARES.synchronous.model_copy(update={"workers": 2})}),
        replications=10,
    )
    for times in (result.synchronous.latency_s, result.event_driven.wait_s):
        values = [times.p50, times.p90, times.p95, times.p99, times.max]
        assert values == sorted(values)
    assert "latency_max_s" not in result.synchronous.intervals


def test_automatic_replications_of_equal_designs_go_on_until_their_share_is_known() -> None:
    """M/M/1 at .9: the paired difference is 0 at once, the share is not."""
    for seed in range(1, 4):
        result = run("auto-replications-stop-at-10", seed=seed)
        assert result.verdict == ["synchronous", "event_driven"] or result.replications == 50


def test_waits_count_those_who_gave_up_waiting() -> None:
    """One worker is held for 100 s; the other callers wait until their patience of 10 s ends. One refused call waited for nothing."""
    given = {
        "jobs": 4,
        "arrivals": {"process": "regular", "rate_per_s": 1},
        "service": {"distribution": "deterministic", "mean_s": 100},
        "synchronous": {"workers": 1, "backlog": 2, "client_timeout_s": 10},
        "event_driven": {"consumers": 1, "expires_s": 10},
    }
    result = simulate(Scenario.parse(given), replications=1)
    assert result.synchronous.rejected == 1
    assert result.synchronous.wait_s.mean == pytest.approx((0 + 10 + 10) / 3)
    assert result.event_driven.timed_out == 3
    assert result.event_driven.wait_s.mean == pytest.approx((0 + 99 + 98 + 97) / 4)


def bursts(hours: int, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    """An hour's recordings of a workload whose bursts come by chance: four an hour on average, of 40 requests within a minute."""
    quiet = [generator.uniform(0, 3600 * hours, 400 * hours)]
    starts = generator.uniform(0, 3600 * hours, generator.poisson(4 * hours))
    return np.sort(np.concatenate([*quiet, *(start + generator.uniform(0, 60, 40) for start in starts)]))


def test_the_interval_of_a_recording_is_that_of_other_recordings_of_its_workload() -> None:
    """Nothing is random but the recording. The intervals of 20 recorded hours contain the share of 200 hours, but for a few."""
    generator = np.random.default_rng(4)
    given = {
        "deadline_s": 30,
        "arrivals": {"process": "trace", "trace": "hour"},
        "service": {"distribution": "deterministic", "mean_s": 4},
        "synchronous": {"workers": 2},
        "event_driven": {"consumers": 2},
    }

    def replayed(arrivals: np.ndarray[Any, Any]) -> Result:
        return simulate(Scenario.parse(given), trace=Trace(arrivals - arrivals[0]), replications=4)

    truth = replayed(bursts(200, generator)).synchronous.good_share
    results = [replayed(bursts(1, generator)) for _ in range(20)]
    covers = [low <= truth <= high for low, high in (result.synchronous.intervals["good_share"] for result in results)]
    assert sum(covers) >= 15
    widths = [high - low for low, high in (result.synchronous.intervals["good_share"] for result in results)]
    assert min(widths) > 0.01
    assert all("one sample" in result.notes[0] for result in results)
    assert all(
        result.synchronous.intervals["latency_mean_s"][0] < result.synchronous.latency_s.mean for result in results
    )  # type: ignore[operator]


def test_the_figures_of_a_recording_are_those_of_its_replay() -> None:
    arrivals = bursts(1, np.random.default_rng(2))
    trace = Trace(arrivals - arrivals[0], service_s=np.full(len(arrivals), 4.0))
    given = {
        "deadline_s": 30,
        "arrivals": {"process": "trace", "trace": "hour"},
        "service": {"distribution": "empirical"},
    }
    once, often = (simulate(Scenario.parse(given), trace=trace, replications=count) for count in (1, 3))
    assert often.synchronous.offered == 3 * trace.requests
    assert often.synchronous.latency_s == once.synchronous.latency_s
    assert often.synchronous.good_share == once.synchronous.good_share


def test_a_resample_has_the_jobs_of_the_recording_in_runs_of_neighbours() -> None:
    generator = np.random.default_rng(3)
    arrivals = np.cumsum(generator.exponential(1, 5000))
    trace = Trace(arrivals - arrivals[0], service_s=np.arange(5000.0))
    counts = []
    for _ in range(20):
        other = resample_trace(trace, generator)
        assert other.service_s is not None
        assert (np.diff(other.arrivals_s) >= 0).all()
        assert other.arrivals_s[-1] <= trace.arrivals_s[-1] * 1.001
        neighbours = np.diff(other.service_s) % 5000 == 1
        assert neighbours.mean() > 0.99
        counts.append(other.requests)
    assert np.mean(counts) == pytest.approx(5000, rel=0.02)
    assert np.std(counts) > 0


def test_measured_durations_are_a_sample_too() -> None:
    """Twenty durations, and many jobs: the mean latency is known as well as twenty durations tell it, not as many jobs do."""
    durations = np.random.default_rng(5).exponential(10, 20)
    given = {
        "jobs": 20_000,
        "arrivals": {"process": "poisson", "rate_per_s": 1},
        "service": {"distribution": "empirical", "path": "durations.csv"},
        "synchronous": {"workers": 500},
        "event_driven": {"consumers": 500},
    }
    result = simulate(Scenario.parse(given), durations_s=durations, replications=10)
    low, high = result.synchronous.intervals["latency_mean_s"]
    assert result.synchronous.latency_s.mean == pytest.approx(durations.mean(), rel=0.01)
    assert (high - low) / 2 == pytest.approx(norm.ppf(0.975) * durations.std() / np.sqrt(20), rel=0.6)
    assert "durations" in result.notes[0]
    assert CONFIDENCE == 0.95


def test_buckets_have_their_values_in_order() -> None:
    assert (np.diff(MIDDLES_S) > 0).all()
