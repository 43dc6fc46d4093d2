"""The scheduler of retries against rq's own arithmetic: due times cut down to whole ticks, one look a tick at a phase of its own."""

from datetime import UTC, datetime, timedelta
from math import floor, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from rq.registry import ScheduledJobRegistry
from scipy.stats import kstest, triang

from simulator.arrivals import Trace
from simulator.kernel import layout as at
from simulator.kernel.event_driven import run_event_driven
from simulator.plan import EVENT_DRIVEN, bench_of, recorded_of
from simulator.scenario import Scenario

SERVICE_S = 0.7182
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
    bench = bench_of(
        scenario, EVENT_DRIVEN, replication, trace=trace, drawn=None, rows=recorded_of(trace, None), drains=True
    )
    m, found, calls = bench.machine[0], [], 0
    while run_event_driven(bench.machine, 1) != at.DONE:
        if m["counts"][at.C_CALLS] > calls and m["now"] not in arrivals_s:
            found.append(float(m["now"]))
        calls = int(m["counts"][at.C_CALLS])
    assert len(found) == len(arrivals_s)
    return found


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
        found = np.sort(retries_at(tick_s, pause_s, arrivals.tolist(), replication))
        looks = np.unique(found.round(6))
        assert np.diff(looks) == pytest.approx(tick_s)
        extra = found - (arrivals + SERVICE_S + pause_s)
        assert 0.75 * tick_s < np.ptp(extra) < tick_s


def test_a_retry_without_a_pause_does_not_wait_for_the_scheduler() -> None:
    """rq queues it at once (`Job.retry`)."""
    assert retries_at(5.0, 0.0, [0.0, 0.25], 0) == pytest.approx([SERVICE_S, 0.25 + SERVICE_S])
