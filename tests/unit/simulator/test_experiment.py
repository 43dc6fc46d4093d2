"""simulate(): progress and cancel, statistics, verdicts, stability, fairness, and what is refused."""

import io
import itertools
import threading
import time
from typing import Any

import numpy as np
import pytest

from core.errors import InvalidInput
from core.values import rounded
from simulator.experiment import estimate, simulate, unsupported
from simulator.plan import dedicated_bounds, dedicated_consumers
from simulator.recordings.reader import read_durations
from simulator.replications import Progress, warm
from simulator.result import Result
from simulator.scenario import Autoscaling, Scenario
from simulator.tally import Tally
from simulator.traces import Trace
from simulator.workload import mean_pausing_s

BASE: dict[str, Any] = {
    "jobs": 20_000,
    "arrivals": {"process": "poisson", "rate_per_s": 1.0},
    "service": {"distribution": "exponential", "mean_s": 10.0},
    "synchronous": {"workers": 14},
    "event_driven": {"consumers": 14},
}


def scenario(**given: Any) -> Scenario:
    return Scenario.parse(BASE | given)


def run(replications: int | None = 10, **given: Any) -> Result:
    return simulate(scenario(**given), replications=replications)


def test_with_everything_equal_both_designs_are_the_same() -> None:
    result = run(
        failures={"transient_percent": 0}, deadline_s=60, synchronous={"workers": 400}, event_driven={"consumers": 400}
    )
    assert result.inequalities == ()
    assert result.synchronous.completed == result.event_driven.completed == 200_000
    assert result.synchronous.latency_s == result.event_driven.latency_s
    assert result.verdict == ["synchronous", "event_driven"]
    assert result.difference["latency_mean_s"].mean == pytest.approx(0, abs=1e-9)


def test_figures_end_where_machines_begin_to_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library of another machine rounds its logarithms and exponentials otherwise, now and then."""
    given = {"jobs": 2_000, "synchronous": {"workers": 400}, "event_driven": {"consumers": 400}}
    here = run(**given)
    assert here == rounded(here, 12)
    ours, now_and_then = Tally.metrics, itertools.cycle([1.0, 1 + 2**-52, 1.0])
    monkeypatch.setattr(
        Tally, "metrics", lambda tally: {name: value * next(now_and_then) for name, value in ours(tally).items()}
    )
    there = run(**given)
    assert (there.difference, there.synchronous.intervals) == (here.difference, here.synchronous.intervals)


def test_with_failures_and_nothing_limiting_completions_are_the_same_and_latency_nearly() -> None:
    given = {
        "failures": {"transient_percent": 20, "poison_percent": 1},
        "retries": {"max": 3, "base_s": 1, "cap_s": 10},
    }
    result = run(**given, synchronous={"workers": 400}, event_driven={"consumers": 400})
    assert result.synchronous.completed == result.event_driven.completed
    assert result.synchronous.failed == result.event_driven.dead_lettered > 0
    one, other = result.synchronous.latency_s.p50, result.event_driven.latency_s.p50
    assert one is not None and other == pytest.approx(one, rel=1e-6)


def test_every_inequality_is_said() -> None:
    result = run(
        replications=2,
        jobs=500,
        retries={"max": 2},
        synchronous={
            "workers": 3,
            "backlog": 5,
            "client_timeout_s": 30,
            "client_retries": 2,
            "drops_abandoned": True,
            "inline_retries": 0,
        },
        event_driven={
            "consumers": 4,
            "accept_s": 0.01,
            "delivery": {"method": "polling", "interval_s": 2},
            "circuit_breaker": True,
            "expires_s": 90,
        },
    )
    text = " ".join(result.inequalities)
    for words in (
        "3 workers",
        "4 consumers",
        "backlog holds 5 calls",
        "30 s",
        "2 times",
        "0 in line",
        "0.01 s",
        "every 2 s",
        "circuit breaker",
        "90 s",
        "drops",
    ):
        assert words in text, words


def test_progress_comes_from_the_calling_thread_and_only_grows() -> None:
    seen: list[Progress] = []
    caller = threading.get_ident()

    def on_progress(progress: Progress) -> None:
        assert threading.get_ident() == caller
        seen.append(progress)

    simulate(scenario(jobs=300_000), replications=4, on_progress=on_progress)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] == 1
    assert "replication" in seen[0].step


def test_progress_only_grows_while_automatic_replications_are_added() -> None:
    seen: list[float] = []
    given = {"jobs": 3000, "deadline_s": 20, "synchronous": {"workers": 10, "client_timeout_s": 25}}
    result = simulate(scenario(**given), on_progress=lambda progress: seen.append(progress.fraction))
    assert result.replications > 10
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_an_exception_in_progress_stops_the_run_at_once() -> None:
    warm()

    class Cancelled(Exception):
        pass

    def cancel(progress: Progress) -> None:
        raise Cancelled

    began = time.perf_counter()
    with pytest.raises(Cancelled):
        simulate(scenario(jobs=500_000_000), replications=4, on_progress=cancel)
    assert time.perf_counter() - began < 5  # 4,000 million jobs would take minutes


def test_a_design_at_capacity_has_growth_and_no_percentiles() -> None:
    result = run(replications=3, synchronous={"workers": 8}, event_driven={"consumers": 8}, deadline_s=60)
    for design in (result.synchronous, result.event_driven):
        assert not design.stable
        assert design.latency_s.p50 is design.wait_s.mean is None
        assert design.growth_per_min == pytest.approx(0.2 * 60, rel=0.1)
        assert design.in_system > 0
    assert result.verdict == "neither"
    assert "latency_mean_s" not in result.difference


def test_retries_can_tip_a_design_over_its_capacity() -> None:
    given = {"failures": {"transient_percent": 40}, "retries": {"max": 5}}
    result = run(replications=2, synchronous={"workers": 14}, event_driven={"consumers": 14}, **given)
    assert not result.event_driven.stable
    assert not result.synchronous.stable


def test_a_bounded_backlog_turns_work_away_and_stays_stable() -> None:
    result = run(
        replications=3, synchronous={"workers": 8, "backlog": 10}, event_driven={"consumers": 14}, deadline_s=120
    )
    assert result.synchronous.stable
    assert result.synchronous.rejected > 0.15 * result.synchronous.offered
    assert result.verdict == "event_driven"


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({}, "no_deadline"),
        ({"deadline_s": 200.0}, ["synchronous", "event_driven"]),
        ({"deadline_s": 1.0}, "neither"),
        (
            {
                "deadline_s": 200.0,
                "event_driven": {"consumers": 14, "delivery": {"method": "polling", "interval_s": 900}},
            },
            "synchronous",
        ),
        ({"deadline_s": 200.0, "synchronous": {"workers": 14, "client_timeout_s": 5}}, "event_driven"),
    ],
)
def test_the_verdict_follows_the_deadline(given: dict[str, Any], verdict: str | list[str]) -> None:
    assert run(**given).verdict == verdict


def test_an_interval_that_straddles_leaves_the_question_open() -> None:
    first = run(jobs=400, replications=10, deadline_s=20)
    misses = 100 * (1 - first.synchronous.good_share)
    assert run(jobs=400, replications=10, deadline_s=20, tolerated_miss_percent=misses).verdict == "unresolved"


def test_a_deadline_a_class_counts_by_class() -> None:
    queues = {"urgent": 30.0, "batch": 70.0}
    result = run(event_driven={"consumers": 14, "queues": queues}, deadline_s={"urgent": 10.0})
    urgent, batch = result.event_driven.classes["urgent"], result.event_driven.classes["batch"]
    assert urgent.offered == pytest.approx(0.3 * 200_000, rel=0.03)
    assert urgent.late > 0 and batch.late == 0
    assert (
        urgent.wait_mean_s is not None and batch.wait_mean_s is not None and urgent.wait_mean_s < batch.wait_mean_s / 2
    )
    assert result.synchronous.classes["urgent"].offered == urgent.offered


def test_automatic_replications_go_on_until_shares_and_difference_are_known() -> None:
    assert run(None, deadline_s=60).replications == 10
    noisy = run(
        None, jobs=60, deadline_s=20, synchronous={"workers": 9, "client_timeout_s": 25}, event_driven={"consumers": 12}
    )
    assert noisy.replications == 50


def test_one_replication_has_an_interval_of_batch_means_for_the_good_share_alone() -> None:
    result = run(1, deadline_s=20)
    low, high = result.synchronous.intervals["good_share"]
    assert low < result.synchronous.good_share < high
    assert set(result.synchronous.intervals) == {"good_share"}
    assert set(result.difference) == {"good_share"}


def test_a_trace_with_nothing_random_is_still_a_sample() -> None:
    trace = Trace(arrivals_s=np.array([0.0, 1.0, 1.5, 7.0]))
    result = simulate(
        scenario(
            jobs=None,
            arrivals={"process": "trace", "trace": "mine"},
            service={"distribution": "deterministic", "mean_s": 2},
        ),
        trace=trace,
    )
    assert result.synchronous.offered == 4 * result.replications
    low, high = result.synchronous.intervals["good_share"]
    assert low < high == 1
    assert "one sample" in result.notes[0]


def test_warm_up_is_left_out() -> None:
    result = run(2, jobs=1000, warmup_jobs=400)
    assert result.synchronous.offered == 2 * 600
    assert sum(result.synchronous.series.arrivals) == 1000


def test_a_duration_cuts_the_run_and_says_who_was_inside() -> None:
    result = run(2, jobs=None, duration_s=500.0, arrivals={"process": "regular", "rate_per_s": 1})
    for design in (result.synchronous, result.event_driven):
        assert design.offered == 2 * 501
        assert 5 < design.in_system / 2 < 20
        assert max(design.series.t_s) < 500


def test_bursts_run_whole_cycles() -> None:
    arrivals = {"process": "bursts", "rate_per_s": 2, "peak_to_mean": 8, "peak_s": 60, "every_s": 900}
    result = run(4, jobs=2000, arrivals=arrivals, synchronous={"workers": 60}, event_driven={"consumers": 60})
    assert result.synchronous.offered / 4 == pytest.approx(3600, rel=0.05)
    series = result.synchronous.series
    busiest = max(zip(series.arrivals, series.t_s, strict=True))[1] % 900
    assert 420 - 5 <= busiest <= 480


def test_a_day_has_its_peak_at_noon() -> None:
    arrivals = {"process": "daily", "rate_per_s": 0.5, "peak_to_mean": 1.8}
    result = run(1, jobs=1000, arrivals=arrivals)
    series = result.synchronous.series
    assert sum(series.arrivals) == pytest.approx(43_200, rel=0.03)
    morning = sum(n for n, t in zip(series.arrivals, series.t_s, strict=True) if t < 21_600)
    assert morning / sum(series.arrivals) == pytest.approx(0.25 - 0.8 / (2 * 3.14159), rel=0.05)


def test_an_outage_kills_what_retries_cannot_outlast_unless_the_circuit_opens() -> None:
    given: dict[str, Any] = {
        "jobs": 5000,
        "provider": {"outages": [{"start_s": 1000.0, "length_s": 900.0}]},
        "retries": {"max": 4, "base_s": 1, "cap_s": 60},
    }
    without = run(3, **given).event_driven
    with_breaker = run(3, **given, event_driven={"consumers": 14, "circuit_breaker": True}).event_driven
    assert without.dead_lettered / 3 == pytest.approx(900, rel=0.1)
    assert with_breaker.dead_lettered == 0


@pytest.mark.parametrize("breaker", [True, {"failures": 5, "pause_s": 10.0}])
def test_an_open_circuit_keeps_every_job_of_a_long_outage_and_a_failed_probe_costs_no_retry(breaker: Any) -> None:
    """Two retries 6 minutes apart do not outlast an outage of 2 h 45 min. Five failures open the circuit, and no job has had three by then."""
    given: dict[str, Any] = {
        "jobs": 125,
        "arrivals": {"process": "regular", "rate_per_s": 0.00576},
        "service": {"distribution": "lognormal", "p50_s": 60, "p95_s": 180},
        "provider": {"outages": [{"start_s": 3600.0, "length_s": 9900.0}]},
        "retries": {"max": 2, "flat_s": 360},
        "synchronous": {"workers": 5},
    }
    without = run(1, **given, event_driven={"consumers": 5}).event_driven
    saved = run(1, **given, event_driven={"consumers": 5, "circuit_breaker": breaker}).event_driven
    assert without.dead_lettered == pytest.approx((9900 - 720) * 0.00576, abs=1)
    assert (saved.dead_lettered, saved.completed) == (0, 125)
    failed_calls = saved.provider_calls - 125
    assert failed_calls == pytest.approx(9900 / 10, rel=0.12)  # a probe every 10 s, from the fifth failure on


def test_a_circuit_breaker_opens_after_its_number_of_failures_and_for_its_pause() -> None:
    """A job a second, and all calls fail from 9.5 s on: three fail, then one probe every 7 s."""
    result = run(
        1,
        jobs=60,
        arrivals={"process": "regular", "rate_per_s": 1.0},
        service={"distribution": "deterministic", "mean_s": 0.25},
        provider={"outages": [{"start_s": 9.5, "length_s": 40.0}]},
        event_driven={"consumers": 3, "circuit_breaker": {"failures": 3, "pause_s": 7.0}},
    ).event_driven
    probes = [at for at in range(19, 60, 7) if at < 49.5]  # the third failure is at 12 s
    assert (result.dead_lettered, result.provider_calls) == (3, 60 + len(probes))


@pytest.mark.parametrize(
    ("given", "fails"),
    [
        ({"provider": {"call_timeout_s": 2.0}}, True),
        ({"provider": {"call_timeout_s": 3.0}}, False),
        ({"failures": {"transient_percent": 100, "failure_s": 2.0}}, True),
        ({"failures": {"poison_percent": 100, "failure_s": 2.0}}, True),
        ({"failures": {"poison_percent": 100, "failure_s": 5.0}, "provider": {"call_timeout_s": 2.0}}, True),
        ({"provider": {"outages": [{"start_s": 0, "length_s": 1e4}]}, "failures": {"failure_s": 2.0}}, True),
        ({"provider": {"outages": [{"start_s": 0, "length_s": 1e4, "mode": "hang"}], "call_timeout_s": 2.0}}, True),
    ],
)
def test_a_call_that_fails_holds_its_server_for_as_long_as_its_failure_takes(given: Any, fails: bool) -> None:
    """A call of 3 s every 10 s, alone, with one retry after 1 s."""
    result = run(
        1,
        jobs=20,
        arrivals={"process": "regular", "rate_per_s": 0.1},
        service={"distribution": "deterministic", "mean_s": 3.0},
        retries={"max": 1, "flat_s": 1.0},
        synchronous={"workers": 1, "client_timeout_s": 50},
        event_driven={"consumers": 1},
        **given,
    )
    ends = 2 + 1 + 2 if fails else 3
    for design, held in ((result.synchronous, ends), (result.event_driven, 4 if fails else 3)):
        assert design.completed == (0 if fails else 20)
        assert design.provider_calls == (40 if fails else 20)
        assert design.utilisation == pytest.approx(20 * held / (190 + ends), rel=1e-9)


def test_a_call_that_hangs_without_a_timeout_holds_its_server_until_the_outage_ends() -> None:
    result = run(
        1,
        jobs=1,
        arrivals={"process": "regular", "rate_per_s": 0.1},
        service={"distribution": "deterministic", "mean_s": 3.0},
        provider={"outages": [{"start_s": 0.0, "length_s": 42.0, "mode": "hang"}]},
        retries={"max": 1, "flat_s": 1.0},
        synchronous={"workers": 1},
        event_driven={"consumers": 1},
    )
    for design in (result.synchronous, result.event_driven):
        assert (design.completed, design.provider_calls) == (1, 2)
        assert design.latency_s.max == pytest.approx(42 + 1 + 3)


def herd(**retries: Any) -> list[float]:
    """Calls a second of a job a second through an outage that fails calls at once, each with one more attempt."""
    result = run(
        1,
        jobs=300,
        arrivals={"process": "regular", "rate_per_s": 1.0},
        service={"distribution": "deterministic", "mean_s": 1.0},
        provider={"outages": [{"start_s": 100.0, "length_s": 50.0}]},
        retries={"max": 1} | retries,
    ).event_driven
    assert result.call_rate.width_s == 1
    assert sum(result.call_rate.per_s) == result.provider_calls
    return list(result.call_rate.per_s)


def test_calls_to_the_provider_are_counted_second_by_second() -> None:
    flat = herd(flat_s=20)
    assert flat[60:100] == [1.0] * 40
    assert flat[125:150] == [2.0] * 25, "new calls, and those of 20 s before again"
    assert max(herd(base_s=20, cap_s=20, jitter="full")) > 2


def test_a_bin_of_a_long_run_keeps_the_calls_of_its_busiest_second() -> None:
    together = Trace(np.concatenate([np.arange(0.0, 2500.0, 10.0), np.full(9, 1234.5), [2600.0]]))
    given = scenario(jobs=None, arrivals={"process": "trace", "trace": "x"})
    rate = simulate(given, trace=together, replications=1).synchronous.call_rate
    assert rate.width_s == 4
    assert len(rate.per_s) == 2600 // 4 + 1
    assert [place for place, calls in enumerate(rate.per_s) if calls > 5] == [1234 // 4]
    assert rate.per_s[1234 // 4] == 9


def test_what_cannot_be_run_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="the trace has to be read first"):
        run(arrivals={"process": "trace", "path": "x.csv"}, jobs=None)
    with pytest.raises(InvalidInput, match="warmup_jobs"):
        run(warmup_jobs=20_000)
    with pytest.raises(InvalidInput, match="warmup_jobs"):
        run(jobs=None, duration_s=10.0, warmup_jobs=50)
    with pytest.raises(InvalidInput, match="duration column"):
        run(service={"distribution": "empirical"})
    assert unsupported(scenario()) == ()


def test_the_estimate_tells_a_small_run_from_one_that_does_not_fit() -> None:
    small = estimate(scenario())
    assert small.jobs == 20_000 * 2 * 10
    assert small.memory_bytes < 300 * 2**20
    flood = estimate(scenario(jobs=900_000_000, synchronous={"workers": 1}, event_driven={"consumers": 1}))
    assert flood.memory_bytes > 64 * 2**30


def test_dedicated_consumers_are_scaled_queue_by_queue() -> None:
    """The large queue gets most of the consumers that a burst brings, the small one its own."""
    given: dict[str, Any] = BURST | {
        "event_driven": {
            "consumers": 8,
            "discipline": "dedicated",
            "queues": {"small": 10.0, "large": 90.0},
        },
        "synchronous": {"workers": 8},
    }
    fixed = run(4, **given)
    scaled = run(4, **given, autoscaling={"min": 8, "max": 60, "target_depth": 1, "start_up_s": 30})
    before, after = (
        {name: queue.wait_mean_s or 0.0 for name, queue in result.event_driven.classes.items()}
        for result in (fixed, scaled)
    )
    assert before["large"] > 150
    assert 0 < after["large"] < 60
    assert after["small"] < 60


def test_a_dedicated_queue_never_scales_past_its_share() -> None:
    shares = {"a": 98.0, "b": 1.0, "c": 1.0}
    bounds = dedicated_bounds(
        scenario(event_driven={"discipline": "dedicated", "queues": shares}), Autoscaling(min=3, max=9, target_depth=1)
    )
    assert bounds == ([1, 1, 1], [7, 1, 1])


OWN = {
    "discipline": "dedicated",
    "queues": {"a": 50.0, "b": 30.0, "c": 20.0},
    "queue_consumers": {"c": 9, "a": 2, "b": 1},
}


def test_given_consumers_are_those_of_each_queue_and_scale_in_proportion() -> None:
    given = scenario(event_driven=OWN, autoscaling={"min": 4, "max": 24, "target_depth": 1})
    assert given.event_driven.consumers == 12
    assert dedicated_consumers(given) == [2, 1, 9]
    assert Scenario.parse(given.model_dump(by_alias=True)) == given
    assert dedicated_bounds(given, Autoscaling(min=4, max=24, target_depth=1)) == ([1, 1, 2], [4, 2, 18])
    numbers = [given.with_servers(servers).event_driven.queue_consumers or {} for servers in range(1, 40)]
    assert [sum(each.values()) for each in numbers] == [3, 3, *range(3, 40)]
    assert numbers[11] == OWN["queue_consumers"]
    for fewer, more in itertools.pairwise(numbers):
        assert all(fewer[name] <= more[name] for name in OWN["queues"])


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"discipline": "strict"}, "queue_consumers needs discipline: dedicated"),
        ({"queue_consumers": {"a": 2, "b": 1}}, "queue_consumers must give the consumers of every queue: a, b, c"),
        ({"consumers": 13}, r"consumers \(13\) must be the sum of queue_consumers \(12\), or left out"),
        ({"queue_consumers": {"a": 2, "b": 1, "c": 0}}, "must be at least 1, not 0"),
    ],
)
def test_given_consumers_must_fit_the_queues(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        scenario(event_driven=OWN | changed)


def test_every_dedicated_queue_needs_a_consumer() -> None:
    with pytest.raises(InvalidInput, match=r"autoscaling.min \(1\) must be at least one consumer for each of the 2"):
        scenario(
            event_driven={"consumers": 14, "discipline": "dedicated", "queues": {"a": 50.0, "b": 50.0}},
            autoscaling={"min": 1, "max": 20, "target_depth": 2},
        )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"high_in_flight": 4, "high_mean_s": 20}, "high_in_flight must be more than measured_in_flight"),
        ({"high_in_flight": 64, "high_mean_s": 9.9}, "must be at least the mean of service, 10 s"),
        ({"high_in_flight": 8, "high_mean_s": 30}, "grows too steeply from the mean of service, 10 s"),
    ],
)
def test_a_slowdown_that_no_model_has_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        run(provider={"slowdown": {"measured_in_flight": 4, **given}})


@pytest.mark.parametrize("service", [{"distribution": "empirical", "path": "a.csv"}, BASE["service"]])
def test_what_a_slowing_model_takes_is_estimated_before_it_is_checked(service: dict[str, Any]) -> None:
    """The durations of a file are not read yet, and the line may be impossible."""
    provider = {"slowdown": {"measured_in_flight": 4, "high_in_flight": 8, "high_mean_s": 30}}
    assert estimate(scenario(service=service, provider=provider)).memory_bytes > 0


BATCH = {"service_by_queue": {"batch": {"distribution": "empirical"}}, "event_driven": {"queues": {"batch": 100}}}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"service_by_queue": BATCH["service_by_queue"]}, r"must name queues of event_driven.queues \(standard\)"),
        (
            BATCH | {"service": {"distribution": "empirical", "path": "a.csv"}},
            "service_by_queue.batch cannot be empirical",
        ),
        (BATCH, "empirical service without a path needs a trace that has a duration column"),
    ],
)
def test_a_queues_service_that_cannot_be_drawn_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        run(**given)


def test_percentiles_of_jobs_that_take_years_are_theirs() -> None:
    """Each has 3 years of work, one job after another."""
    result = run(
        1,
        arrivals={"process": "backlog", "jobs": 100},
        service={"distribution": "deterministic", "mean_s": 1e8},
        synchronous={"workers": 1},
        event_driven={"consumers": 1},
    )
    for design in (result.synchronous, result.event_driven):
        assert design.wait_s.p50 == pytest.approx(49e8, rel=0.01) and design.wait_s.p95 == pytest.approx(94e8, rel=0.01)


def test_percentiles_that_no_bucket_holds_are_left_out() -> None:
    result = run(
        1,
        arrivals={"process": "backlog", "jobs": 2000},
        service={"distribution": "deterministic", "mean_s": 1e9},
        synchronous={"workers": 1},
        event_driven={"consumers": 1},
    )
    waits = result.synchronous.wait_s
    assert waits.p50 == pytest.approx(1e12, rel=0.01) and waits.max == pytest.approx(1.999e12)
    assert waits.p95 is None and waits.p99 is None


def test_an_empirical_service_draws_from_the_durations_it_is_given() -> None:
    durations = read_durations(io.BytesIO(b"duration_ms\n5000\n15000\n"))
    given = scenario(
        service={"distribution": "empirical", "path": "durations.csv"},
        synchronous={"workers": 400},
        event_driven={"consumers": 400},
    )
    result = simulate(given, replications=2, durations_s=durations)
    assert result.event_driven.latency_s.mean == pytest.approx(10, rel=0.02)
    assert result.event_driven.latency_s.p50 == pytest.approx(5, rel=0.005)
    assert result.event_driven.latency_s.p90 == pytest.approx(15, rel=0.005)
    with pytest.raises(InvalidInput, match="has to be read first"):
        simulate(given)
    assert estimate(given).jobs == 2 * 20_000 * (10 + 10), "ten replications, and ten resamples of the durations"


def test_the_hybrid_answers_in_line_and_delivers_what_takes_longer() -> None:
    given: dict[str, Any] = {
        "event_driven": {"consumers": 14, "delivery": {"method": "polling", "interval_s": 20}},
        "failures": {"transient_percent": 10},
        "retries": {"max": 3},
    }
    result = run(3, **given, hybrid={"inline_wait_s": 15})
    hybrid, queued, direct = result.hybrid, result.event_driven, result.synchronous
    assert hybrid is not None and hybrid.offered == queued.offered
    assert (hybrid.completed, hybrid.dead_lettered) == (queued.completed, queued.dead_lettered)
    assert hybrid.wait_s == queued.wait_s  # the same consumers do the same work
    assert hybrid.latency_s.p50 is not None and direct.latency_s.p50 is not None and queued.latency_s.p50 is not None
    assert direct.latency_s.p50 == pytest.approx(hybrid.latency_s.p50, rel=0.05)
    assert hybrid.latency_s.p50 < queued.latency_s.p50 - 5
    assert 0 < hybrid.delivery_calls < queued.delivery_calls


def test_a_hybrid_of_no_patience_is_event_driven_and_one_of_great_patience_never_delivers() -> None:
    event_driven = {"consumers": 14, "delivery": {"method": "sse", "latency_s": 0.5}}
    brief = run(2, event_driven=event_driven, hybrid={"inline_wait_s": 1e-9})
    assert brief.hybrid is not None
    assert brief.hybrid.latency_s == brief.event_driven.latency_s
    endless = run(2, event_driven=event_driven, hybrid={"inline_wait_s": 1e6})
    assert endless.hybrid is not None
    assert endless.hybrid.delivery_calls == 0
    assert endless.hybrid.latency_s.mean == pytest.approx(endless.synchronous.latency_s.mean)


BURST: dict[str, Any] = {
    "jobs": 2000,
    "arrivals": {"process": "bursts", "rate_per_s": 0.5, "peak_to_mean": 8, "peak_s": 300, "every_s": 3600},
    "synchronous": {"workers": 4},
    "event_driven": {"consumers": 4},
}


IDLE, TOTAL = ({"name": "proxy", "limit_s": 10, "kind": kind} for kind in ("idle", "total"))


@pytest.mark.parametrize(
    ("way", "first_token_s", "refused"),
    [
        ({"hops": [IDLE]}, None, True),
        ({"hops": [TOTAL]}, None, True),
        ({"client_timeout_s": 10}, None, True),
        ({"hops": [TOTAL], "streams_response": True}, 1.0, True),
        ({"hops": [IDLE], "client_timeout_s": 10, "streams_response": True}, 1.0, False),
        ({"hops": [IDLE | {"limit_s": 15}]}, None, False),
    ],
)
def test_a_hybrid_that_a_limit_cuts_before_its_202_is_refused(
    way: dict[str, Any], first_token_s: float | None, refused: bool
) -> None:
    problems = unsupported(
        scenario(hybrid={"inline_wait_s": 15}, first_token_s=first_token_s, synchronous={"workers": 14, **way})
    )
    paths, texts = [problem.path for problem in problems], [problem.reason for problem in problems]
    assert paths == (["hybrid.inline_wait_s"] if refused else [])
    assert not refused or "must be at most 10 s" in texts[0]


def test_autoscaling_follows_a_burst_in_both_designs_and_costs_less_than_its_most_servers() -> None:
    fixed = run(4, **BURST)
    scaled = run(4, **BURST, autoscaling={"min": 4, "max": 50, "target_depth": 1, "start_up_s": 30})
    most = run(4, **BURST | {"synchronous": {"workers": 50}, "event_driven": {"consumers": 50}})
    for name in ("synchronous", "event_driven"):
        before, after, upper = (getattr(result, name) for result in (fixed, scaled, most))
        assert not before.stable  # 4 servers at a load of 5
        assert after.stable
        assert after.completed == upper.completed
        assert upper.wait_s.mean < after.wait_s.mean < 60
        assert after.utilisation > 1.5 * upper.utilisation
    assert scaled.synchronous.wait_s == scaled.event_driven.wait_s


def test_a_slow_start_up_comes_too_late() -> None:
    prompt, slow = (
        run(
            4, **BURST, autoscaling={"min": 4, "max": 50, "target_lag_s": 5, "start_up_s": start_up}
        ).event_driven.wait_s.mean
        for start_up in (5, 240)
    )
    assert prompt is not None and slow is not None and slow > 2 * prompt


@pytest.mark.parametrize(
    "delivery",
    [
        {"method": "polling", "interval_s": 0},
        {"method": "polling", "interval_s": 4},
        {"method": "sse"},
        {"method": "websocket", "reconnect_percent": 30},
    ],
)
@pytest.mark.parametrize("ends", [{}, {"dead_letter": False}])
def test_a_caller_waits_for_a_result_that_will_never_be_as_for_one_that_comes(
    delivery: dict[str, Any], ends: dict[str, Any]
) -> None:
    """Service takes no longer when it fails, so both ask as often, and lose as many connections, until they know."""
    given = {"event_driven": {"consumers": 400, "delivery": delivery, **ends}}
    served = run(2, **given).event_driven
    failed = run(2, **given, failures={"poison_percent": 100}).event_driven
    assert failed.dead_lettered + failed.failed == served.completed
    assert failed.delivery_calls == served.delivery_calls >= served.completed


@pytest.mark.parametrize("delivery", [{"method": "webhook", "schedule": [0, 5]}, {"method": "none"}])
def test_no_caller_is_called_for_a_job_that_failed(delivery: dict[str, Any]) -> None:
    failed = run(2, failures={"poison_percent": 100}, event_driven={"consumers": 400, "delivery": delivery})
    assert failed.event_driven.dead_lettered > 0
    assert failed.event_driven.delivery_calls == 0


@pytest.mark.parametrize("method", ["sse", "websocket"])
def test_a_caller_has_a_connection_for_each_job_that_was_accepted(method: str) -> None:
    """One expires in the queue, one is rejected: the caller of the last has nothing to wait for."""
    mixed = run(
        1,
        jobs=3,
        arrivals={"process": "regular", "rate_per_s": 1},
        service={"distribution": "deterministic", "mean_s": 100},
        event_driven={"consumers": 1, "expires_s": 10, "max_queue": 1, "delivery": {"method": method}},
    ).event_driven
    assert (mixed.completed, mixed.timed_out, mixed.rejected) == (1, 1, 1)
    assert mixed.delivery_calls == 2


def test_a_caller_whose_job_expires_polls_until_it_has() -> None:
    """One consumer is busy for 100 s; the other jobs expire in its queue, and are seen to when it is free."""
    expiring = run(
        1,
        jobs=3,
        arrivals={"process": "regular", "rate_per_s": 1},
        service={"distribution": "deterministic", "mean_s": 100},
        event_driven={
            "consumers": 1,
            "expires_s": 10,
            "delivery": {"method": "polling", "interval_s": 10},
        },
    ).event_driven
    assert (expiring.completed, expiring.timed_out) == (1, 2)
    assert 3 * 10 <= expiring.delivery_calls <= 3 * 11


def test_an_answer_that_comes_exactly_at_the_limit_is_in_time() -> None:
    """Two attempts of 0.7 s and a pause as long take 2.1 s, whatever adding floats makes of it."""
    given: dict[str, Any] = {
        "jobs": 3000,
        "arrivals": {"process": "regular", "rate_per_s": 3},
        "service": {"distribution": "deterministic", "mean_s": 0.7},
        "failures": {"poison_percent": 100},
        "retries": {"max": 1, "flat_s": 0.7},
    }
    at_the_limit = run(1, **given, synchronous={"workers": 14, "client_timeout_s": 2.1}).synchronous
    assert (at_the_limit.failed, at_the_limit.timed_out) == (3000, 0)
    short_of_it = run(1, **given, synchronous={"workers": 14, "client_timeout_s": 2.0999}).synchronous
    assert (short_of_it.failed, short_of_it.timed_out) == (0, 3000)


@pytest.mark.parametrize(("deadline_s", "share"), [(7.9, 0.5), (12, 0.5625), (16, 0.625), (20, 0.6875), (24.1, 0.75)])
def test_the_first_pause_of_decorrelated_jitter_lies_evenly_between_base_and_three_times_base(
    deadline_s: float, share: float
) -> None:
    """Half of the jobs fail, and half of those again after the pause. Source: the simulator of AWS's article, whose pauses start at base."""
    result = run(
        1,
        jobs=20_000,
        deadline_s=deadline_s,
        service={"distribution": "deterministic", "mean_s": 1e-4},
        failures={"transient_percent": 50},
        retries={"max": 1, "base_s": 8, "cap_s": 60, "jitter": "decorrelated"},
        synchronous={"workers": 400},
    )
    for design in (result.synchronous, result.event_driven):
        assert design.good_share == pytest.approx(share, abs=0.015)


def test_the_mean_of_decorrelated_pauses_grows_from_twice_base() -> None:
    retries = {"max": 3, "base_s": 8, "cap_s": 1000, "jitter": "decorrelated"}
    pauses = scenario(retries=retries).retries.mean_pauses_s(3)
    means = [mean_pausing_s(pauses[:count], 1.0) for count in (1, 2, 3)]
    assert np.diff([0, *means]).tolist() == pytest.approx([16, (8 + 3 * 16) / 2, (8 + 3 * 28) / 2], rel=1e-4)


def test_the_mean_of_decorrelated_pauses_is_that_of_pauses_cut_at_the_cap() -> None:
    generator = np.random.default_rng(5)
    retries = scenario(retries={"max": 6, "base_s": 8, "cap_s": 60, "jitter": "decorrelated"}).retries
    before = np.full(400_000, 8.0)
    for mean in retries.mean_pauses_s(6):
        before = np.minimum(60, generator.uniform(8, 3 * before))
        assert mean == pytest.approx(before.mean(), rel=0.003)
