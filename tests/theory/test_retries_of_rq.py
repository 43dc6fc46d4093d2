"""Retries against rq's own arithmetic: lists of pauses, due times cut down to whole ticks, one look a tick at a phase of its own."""

from datetime import UTC, datetime, timedelta
from math import floor, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from rq.job import Job, Retry
from rq.registry import ScheduledJobRegistry
from scipy.stats import kstest, triang

from core.errors import InvalidInput
from simulator.experiment import simulate
from simulator.kernel import layout
from simulator.kernel.event_driven import run_event_driven
from simulator.plan import EVENT_DRIVEN, build_state, recorded_of
from simulator.retries import Retries
from simulator.scenario import Scenario
from simulator.traces import Trace
from simulator.workload import mean_pausing_s

SERVICE_S = 0.7182
LISTED = st.lists(st.integers(0, 60), min_size=1, max_size=12)
START = datetime(2026, 11, 28, tzinfo=UTC)


def retries_at(tick_s: float, pause_s: float, arrivals_s: list[float], replication: int) -> list[float]:
    """When jobs that fail for good are tried again, each once, after `SERVICE_S` and the pause."""
    scenario = Scenario.parse(
        {
            "seed": 5,
            "arrivals": {"process": "trace", "trace": "a"},
            "service": {"distribution": "deterministic", "mean_s": SERVICE_S},
            "failures": {"poison_percent": 100},
            "retries": {"max": 1, "flat_s": pause_s},
            "event_driven": {"consumers": 100, "retry_tick_s": tick_s, "delivery": {"method": "none"}},
        }
    )
    trace = Trace(np.array(arrivals_s))
    state = build_state(
        scenario, EVENT_DRIVEN, replication, trace=trace, drawn=None, rows=recorded_of(trace, None), drains=True
    )
    m, instants, calls = state.machine[0], [], 0
    while run_event_driven(state.machine, 1) != layout.DONE:
        if m["counts"][layout.C_CALLS] > calls and m["now"] not in arrivals_s:
            instants.append(float(m["now"]))
        calls = int(m["counts"][layout.C_CALLS])
    assert len(instants) == len(arrivals_s)
    return instants


def extra_s(tick_s: float, pause_s: float, replications: int = 1500) -> Any:
    """By how much longer than its pause each retry took, of one job that fails at 3.21 ticks or so."""
    fails_at = 3.21 * tick_s + SERVICE_S
    return np.array(
        [retries_at(tick_s, pause_s, [3.21 * tick_s], number)[0] - fails_at - pause_s for number in range(replications)]
    )


@given(st.floats(0, 1e6))
def test_rq_cuts_a_due_time_down_to_whole_seconds(after_s: float) -> None:
    """Or else the kernel models another scheduler."""
    scores: dict[str, float] = {}
    due = START + timedelta(seconds=after_s)
    pipeline: Any = SimpleNamespace(zadd=lambda _, given: scores.update(given))
    ScheduledJobRegistry("default", connection=Redis()).schedule(SimpleNamespace(id="job"), due, pipeline)  # type: ignore[arg-type]
    assert scores == {"job": floor(due.timestamp())}


@pytest.mark.parametrize(("tick_s", "pause_s"), [(1.0, 2.5), (5.0, 5.0), (0.4, 1.3)])
def test_a_long_pause_becomes_longer_or_shorter_by_the_difference_of_two_uniforms(
    tick_s: float, pause_s: float
) -> None:
    """The phase of the look less that of the due time, both uniform and independent: a triangle from -1 to 1 tick."""
    extra = extra_s(tick_s, pause_s) / tick_s
    assert abs(extra).max() < 1
    assert extra.mean() == pytest.approx(0, abs=4 / sqrt(6 * len(extra)))
    assert extra.var() == pytest.approx(1 / 6, rel=0.1)
    assert kstest(extra, triang(0.5, -1, 2).cdf).pvalue > 0.001


@pytest.mark.parametrize("pause_s", [0.1, 0.5, 0.9])
def test_a_pause_of_less_than_a_tick_waits_for_the_next_look_and_in_part_for_the_next_whole_tick(
    pause_s: float,
) -> None:
    """A look is half a tick away on average; the due time falls into the next tick with probability p, p/2 later on average."""
    waited = extra_s(1.0, pause_s) + pause_s
    assert waited.min() > 0
    assert waited.max() < 1 + pause_s
    assert waited.mean() == pytest.approx(0.5 + pause_s**2 / 2, abs=0.03)


def test_in_one_run_the_looks_are_a_tick_apart_and_pauses_differ_by_less_than_a_tick() -> None:
    tick_s, pause_s = 2.0, 3.1
    arrivals = np.sort(np.random.default_rng(1).uniform(0, 6, 60))
    for replication in range(20):
        instants = np.sort(retries_at(tick_s, pause_s, arrivals.tolist(), replication))
        looks = np.unique(instants.round(6))
        assert np.diff(looks) == pytest.approx(tick_s)
        extra = instants - (arrivals + SERVICE_S + pause_s)
        assert 0.75 * tick_s < np.ptp(extra) < tick_s


def test_a_retry_without_a_pause_does_not_wait_for_the_scheduler() -> None:
    """rq queues it at once (`Job.retry`)."""
    assert retries_at(5.0, 0.0, [0.0, 0.25], 0) == pytest.approx([SERVICE_S, 0.25 + SERVICE_S])


@given(LISTED, st.integers(1, 12))
def test_the_pauses_of_a_list_are_rqs(intervals_s: list[int], most: int) -> None:
    job = Job.create("builtins.print", connection=Redis())
    retry = Retry(most, intervals_s)
    job.retry_intervals = retry.intervals
    expected = []
    for left in range(retry.max, 0, -1):
        job.retries_left = left
        expected.append(float(job.get_retry_interval()))
    assert Retries.parse({"max": most, "intervals_s": intervals_s}).listed_pauses_s(most) == tuple(expected)


def listed(intervals_s: list[float], **given: Any) -> Scenario:
    """One job that fails for good, each time after half a second."""
    return Scenario.parse(
        {
            "jobs": 1,
            "arrivals": {"process": "regular", "rate_per_s": 1},
            "service": {"distribution": "deterministic", "mean_s": 0.5},
            "failures": {"poison_percent": 100},
            "retries": {"max": 3, "base_s": 60, "jitter": "full", "intervals_s": intervals_s},
            **given,
        }
    )


@pytest.mark.parametrize(
    ("intervals_s", "event_driven", "in_line"),
    [
        ([2, 4, 8], [0, 2, 7, 15], [0, 8]),
        ([2, 5], [0, 2, 5, 10], [0, 5]),
        ([1, 2, 3, 4], [0, 2, 6, 10], [0, 4]),
        ([0, 9], [0, 0, 1, 10], [0, 9]),
    ],
)
def test_jobs_are_tried_again_after_the_pauses_of_the_list(
    intervals_s: list[float], event_driven: list[int], in_line: list[int]
) -> None:
    """The whole seconds in which calls begin. One retry in line has the last pause, as `Retry(1, intervals_s)` would."""
    result = simulate(listed(intervals_s, synchronous={"inline_retries": 1}), replications=1)
    for design, expected in ((result.event_driven, event_driven), (result.synchronous, in_line)):
        calls = [second for second, calls in enumerate(design.call_rate.per_s) for _ in range(int(calls))]
        assert calls == expected


def test_the_mean_backoff_counts_the_pauses_of_the_list() -> None:
    pauses = listed([2, 5]).retries.mean_pauses_s(3)
    assert mean_pausing_s(pauses, 1.0) == 2 + 2 + 5
    assert mean_pausing_s(pauses, 0.5) == 2 / 2 + 2 / 4 + 5 / 8


@pytest.mark.parametrize(
    ("retries", "reason"),
    [
        ({"intervals_s": [1], "flat_s": 1}, "either flat_s or intervals_s"),
        ({"intervals_s": []}, "intervals_s: "),
        ({"intervals_s": [1, -1]}, r"intervals_s\.1: "),
    ],
)
def test_a_list_that_says_nothing_is_refused_by_name(retries: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Retries.parse(retries)
