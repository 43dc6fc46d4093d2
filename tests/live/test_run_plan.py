"""How long a live run is: the user's choice, or as long as a verdict takes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from simulator.conclusions import jobs_for_verdict
from simulator.live.run.engine import spans_of
from simulator.live.run.run_plan import DEFAULT_S, LONGEST_DEFAULT_S, plan_live_run
from simulator.live.run.support import find_unsupported
from simulator.result import WorkerKind
from simulator.scenario import Scenario


def scenario(**given: object) -> Scenario:
    plain: dict[str, object] = {
        "arrivals": {"process": "regular", "rate_per_s": 2},
        "service": {"distribution": "deterministic", "mean_s": 2},
        "deadline_s": 20,
        "synchronous": {"workers": 8},
        "event_driven": {"consumers": 8, "delivery": {"method": "none"}},
    }
    return Scenario.model_validate(plain | given)


def refusal(path: str, **options: object) -> str:
    with pytest.raises(InvalidInput) as refused:
        plan_live_run(scenario(), **options)  # type: ignore[arg-type]
    assert [problem.path for problem in refused.value.problems] == [path]
    return refused.value.problems[0].reason


@given(st.floats(0.01, 99.9))
def test_this_many_jobs_without_a_miss_and_no_fewer_show_that_misses_are_within_what_is_tolerated(
    percent: float,
) -> None:
    jobs = jobs_for_verdict(scenario(tolerated_miss_percent=percent))
    assert jobs is not None
    on_time = 1 - percent / 100
    assert on_time**jobs <= 0.05 * (1 + 1e-9)
    assert on_time ** (jobs - 1) > 0.05 * (1 - 1e-9)


def test_of_one_in_a_hundred_it_takes_299() -> None:
    assert jobs_for_verdict(scenario(tolerated_miss_percent=1)) == 299


@pytest.mark.parametrize("given", [{"deadline_s": None}, {"tolerated_miss_percent": 0}])
def test_without_a_deadline_or_a_tolerated_miss_no_number_is_enough(given: dict[str, object]) -> None:
    assert jobs_for_verdict(scenario(**given)) is None


def test_a_verdict_takes_enough_jobs_of_the_rarest_class_with_a_deadline() -> None:
    queues = {"urgent": 20, "standard": 75, "batch": 5}
    classes = {"event_driven": {"queues": queues}, "deadline_s": {"urgent": 20, "standard": 60}}
    assert jobs_for_verdict(scenario(**classes)) == 299 / 0.2


def test_by_default_it_is_as_long_as_a_verdict_takes() -> None:
    few = plan_live_run(scenario(), speed=2)
    assert DEFAULT_S < few.seconds < LONGEST_DEFAULT_S
    assert few.window.jobs >= 299 and few.verdict_seconds is None
    assert plan_live_run(scenario(tolerated_miss_percent=20)).seconds == DEFAULT_S, "a short run is enough"


def test_a_run_that_is_too_short_for_a_verdict_knows_about_how_long_it_has_to_be() -> None:
    short = plan_live_run(scenario(), speed=2, seconds=10)
    assert (short.seconds, short.verdict_jobs) == (10, 299)
    assert short.window.jobs == pytest.approx(40, abs=1)
    assert short.verdict_seconds == pytest.approx(75, abs=3)
    assert plan_live_run(scenario(), speed=2, seconds=1.1 * (short.verdict_seconds or 0)).verdict_seconds is None


def test_of_a_workload_that_ends_no_longer_run_has_more_jobs() -> None:
    whole = plan_live_run(scenario(jobs=60), speed=1)
    assert (whole.window.jobs, whole.verdict_jobs, whole.verdict_seconds) == (60, 299, None)
    assert whole.seconds == 30
    assert plan_live_run(scenario(jobs=60), speed=1, seconds=whole.seconds).window.jobs == 60, "as it is repeated"


def test_a_verdict_that_takes_longer_than_a_run_may_is_not_tried_for() -> None:
    assert plan_live_run(scenario(), speed=2, time_limit_s=100).seconds == DEFAULT_S
    assert plan_live_run(scenario(), speed=0.2).seconds == DEFAULT_S


def test_minutes_in_real_time_can_be_had() -> None:
    plan = plan_live_run(scenario(), speed=1, seconds=600)
    assert (plan.speed, plan.seconds, plan.window.jobs) == (1, 600, pytest.approx(1200, abs=1))
    assert plan.real_s > 1200


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.5, 86_401.0, float("nan"), float("inf")])
def test_a_length_that_cannot_be_is_refused_with_what_is_accepted(seconds: float) -> None:
    assert refusal("seconds", seconds=seconds) == "should be between 1 s and 24 h, such as 60 s"


def test_stock_workers_run_in_real_time_and_nothing_else() -> None:
    plan = plan_live_run(scenario(), workers="stock")
    assert (plan.speed, plan.seconds, plan.workers) == (1, LONGEST_DEFAULT_S, "stock")
    assert plan_live_run(scenario(), workers="stock", speed=1).speed == 1
    assert "stock workers run in real time" in refusal("speed", workers="stock", speed=2)


def test_stock_workers_that_this_machine_does_not_carry_are_refused() -> None:
    busy = scenario(arrivals={"process": "regular", "rate_per_s": 500})
    with pytest.raises(InvalidInput, match=r"^workers: should not be stock here: .* 500 jobs a second"):
        plan_live_run(busy, workers="stock")


@pytest.mark.parametrize(
    ("workers", "given", "path"),
    [
        ("threads", {"event_driven": {"consumers": 201}}, "event_driven.consumers"),
        ("simple", {"event_driven": {"consumers": 61}}, "event_driven.consumers"),
        ("forking", {"event_driven": {"consumers": 61}}, "event_driven.consumers"),
        ("stock", {"event_driven": {"consumers": 61}}, "event_driven.consumers"),
        ("stock", {"event_driven": {"retry_tick_s": 0.5}}, "event_driven.retry_tick_s"),
        ("stock", {"event_driven": {"discipline": "weighted", "queues": {"a": 50, "b": 50}}}, "event_driven.discipline"),
        ("stock", {"synchronous": {"workers": 201}}, "synchronous.workers"),
        ("stock", {"hybrid": {"inline_wait_s": 2}}, "hybrid"),
        ("simple", {"autoscaling": {"min": 1, "max": 2, "target_depth": 3}}, "autoscaling"),
    ],
)  # fmt: skip
def test_what_a_kind_of_worker_cannot_do_is_refused_by_name(
    workers: WorkerKind, given: dict[str, object], path: str
) -> None:
    assert [problem.path for problem in find_unsupported(scenario(**given), workers)] == [path]


@pytest.mark.parametrize("workers", ["threads", "simple", "forking", "stock"])
def test_what_each_kind_of_worker_can_do_is_not_refused(workers: WorkerKind) -> None:
    events = {"consumers": 60, "discipline": "dedicated", "queues": {"a": 50, "b": 50}, "retry_tick_s": 1}
    assert not find_unsupported(scenario(event_driven=events, synchronous={"workers": 200}), workers)


def test_jobs_that_wait_at_the_start_come_before_the_windows_arrivals() -> None:
    window = plan_live_run(scenario(backlog_jobs=40), speed=1, seconds=60).window
    assert window.trace.arrivals_s[:40].tolist() == [0.0] * 40
    assert window.scenario.backlog_jobs == 0, "they are in the trace"
    assert window.peak_rate_per_s(3.0) == pytest.approx(2, abs=0.5)


def test_more_jobs_than_can_be_sent_at_once_are_refused() -> None:
    assert [problem.path for problem in find_unsupported(scenario(backlog_jobs=2_001))] == ["backlog_jobs"]
    assert not find_unsupported(scenario(arrivals={"process": "backlog", "jobs": 2_000}, jobs=None))


def test_a_fixed_number_of_clients_sends_until_the_window_ends() -> None:
    """5 clients, who think for 8 s about answers of 2 s: one request in two seconds."""
    clients = {"process": "closed", "clients": 5, "think_s": 8, "think": "deterministic"}
    plan = plan_live_run(scenario(arrivals=clients, jobs=None), speed=1, seconds=60)
    assert plan.window.scenario.duration_s == 60
    assert plan.window.jobs == pytest.approx(30, abs=5)
    assert plan.window.trace.requests > plan.window.jobs, "no client runs out of jobs"
    few = plan_live_run(scenario(arrivals=clients, jobs=12), speed=1, seconds=60)
    assert (few.window.scenario.duration_s, few.window.jobs, few.window.is_whole) == (None, 12, True)


def test_a_quota_a_day_that_the_run_uses_up_is_refused() -> None:
    assert not find_unsupported(scenario(provider={"requests_per_day": 50}))
    with pytest.raises(InvalidInput, match=r"^provider\.requests_per_day: should be above the calls of a live run"):
        plan_live_run(scenario(provider={"requests_per_day": 50}), speed=1, seconds=60)
    assert plan_live_run(scenario(provider={"requests_per_day": 500}), speed=1, seconds=60).window.jobs < 500


@pytest.mark.parametrize("before_s", [0.0, 12.0])
def test_the_progress_goes_with_the_time_of_the_plan(before_s: float) -> None:
    """A live run of a minute said "3 %, about 6 min" after 16 s: its phases had fixed parts of the progress, whatever they took."""
    plan = plan_live_run(scenario(), speed=2, seconds=30)
    spans = spans_of(plan, before_s)
    phases = list(spans.values())
    assert all(one[1] == other[0] for one, other in pairwise(phases))
    whole_s = before_s + plan.real_s
    for low, high in phases[2:]:
        assert (high - low) * whole_s == pytest.approx((plan.real_s - 9) / 2, rel=0.05)
    assert phases[0][0] == pytest.approx(before_s / whole_s, abs=0.05)
    assert (phases[1][1] - phases[0][0]) * whole_s == pytest.approx(9, rel=0.1), "two calibrations of 4.5 s"
