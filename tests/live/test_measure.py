"""What journals say: every figure by the kernel's definitions, from instants written by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.measure import Rows, tally_run
from simulator.live.system.clock import RunClock
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import ROW, EventType
from simulator.scenario import Scenario
from simulator.summary import design_result
from simulator.tally import Tally
from simulator.traces import Trace

SPEED = 10.0
CLOCK = RunClock(started_ns=5_000_000_000, speed=SPEED)
ARRIVALS_S = (0.0, 10.0, 20.0)


def scenario(**given: object) -> Scenario:
    return Scenario.model_validate(
        {
            "arrivals": {"process": "trace", "trace": "three"},
            "service": {"distribution": "deterministic", "mean_s": 8},
            "deadline_s": 15,
            "synchronous": {"workers": 1},
            "event_driven": {"consumers": 1, "discipline": "dedicated"},
        }
        | given
    )


def jobs_of(chosen: Scenario, design: str) -> Jobs:
    return draw_jobs(chosen, design, trace=Trace(np.array(ARRIVALS_S)))


def rows(*events: tuple[float, EventType, int, int, float]) -> NDArray[np.void]:
    """(Scenario seconds, what, job, index, value)."""
    table = np.zeros(len(events), ROW)
    for place, (at_s, what, job, index, value) in enumerate(events):
        table[place] = (CLOCK.started_ns + round(at_s / SPEED * 1e9), job, what, index, value)
    return table[np.argsort(table["at_ns"], kind="stable")]


def tally(
    chosen: Scenario, design: str, *events: tuple[float, EventType, int, int, float], ended: bool = True
) -> Tally:
    return tally_run(chosen, design, jobs_of(chosen, design), Rows.from_journal(rows(*events), CLOCK), ended=ended)


def served(
    job: int, queued: float, started: float, freed: float, hand: float
) -> list[tuple[float, EventType, int, int, float]]:
    return [
        (ARRIVALS_S[job], EventType.ARRIVED, job, 0, 0),
        (ARRIVALS_S[job], EventType.SENT, job, 0, 0),
        (queued, EventType.ACCEPTED, job, 0, 0),
        (queued, EventType.QUEUED, job, 0, 0),
        (started, EventType.STARTED, job, 0, 0),
        (started, EventType.CALLED, job, 0, 0),
        (freed, EventType.COMPUTED, job, 0, 0),
        (freed, EventType.FREED, job, 0, 0),
        (hand, EventType.IN_HAND, job, 0, 0),
    ]


EVENT_DRIVEN = [*served(0, 1, 2, 10, 12), *served(1, 11, 11, 19, 20), *served(2, 21, 30, 38, 41)]


def test_latency_runs_from_the_instant_a_job_was_due_to_its_result_in_hand() -> None:
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN)
    assert measured.latency["mean"] == pytest.approx((12 + 10 + 21) / 3)
    assert measured.latency["max"] == pytest.approx(21)
    assert (measured.counts["good"], measured.counts["late"]) == (2, 1)


def test_waits_are_from_queue_to_consumer_and_their_average_over_time_is_the_depth() -> None:
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN)
    assert measured.wait["mean"] == pytest.approx((1 + 0 + 9) / 3)
    assert measured.depth_mean == pytest.approx((1 + 0 + 9) / 38)
    assert measured.depth_max == 1
    assert measured.lag_max_s == pytest.approx(9)


def test_utilisation_is_the_busy_time_of_all_consumers_up_to_the_last_work() -> None:
    assert tally(scenario(), "event_driven", *EVENT_DRIVEN).utilisation == pytest.approx(24 / 38)


def test_what_a_consumer_waits_for_the_providers_limits_counts_as_waiting_and_not_as_work() -> None:
    paced = [*EVENT_DRIVEN, (33.0, EventType.WAITED_FOR_PROVIDER, 2, 0, 3 / SPEED)]
    measured = tally(scenario(), "event_driven", *paced)
    assert measured.wait["mean"] == pytest.approx((1 + 0 + 12) / 3)
    assert measured.utilisation == pytest.approx(21 / 38)
    assert measured.provider_429 == 1


def test_a_job_without_an_end_makes_the_upper_percentiles_infinite() -> None:
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN[:-1])
    assert measured.counts["in_system"] == 1
    assert measured.latency["mean"] == measured.latency["p95"] == np.inf
    assert measured.latency["p50"] == pytest.approx(12, rel=0.01)


def test_a_job_that_was_acknowledged_and_that_rq_does_not_hold_any_more_is_lost() -> None:
    gone = [(20.0, EventType.ARRIVED, 2, 0, 0.0), (21.0, EventType.ACCEPTED, 2, 0, 0.0)]
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN[:18], *gone, (90.0, EventType.LOST, 2, 0, 0.0))
    assert measured.counts["lost"] == 1


def test_a_dead_letter_that_was_requeued_and_done_is_completed() -> None:
    again = [*EVENT_DRIVEN, (25.0, EventType.GAVE_UP, 2, 0, 1.0)]
    assert tally(scenario(), "event_driven", *again).counts["dead_lettered"] == 0


def test_a_synchronous_client_waits_no_longer_than_its_patience_and_its_worker_works_in_vain() -> None:
    chosen = scenario(synchronous={"workers": 1, "client_timeout_s": 15})
    events = [
        (0.0, EventType.SENT, 0, 0, 0.0),
        (0.0, EventType.ACCEPTED, 0, 0, 0.0),
        (0.0, EventType.STARTED, 0, 0, 0.0),
        (0.0, EventType.CALLED, 0, 0, 0.0),
        (15.0, EventType.TIMED_OUT, 0, 0, 1.0),
        (30.0, EventType.FREED, 0, 0, 0.0),
        (10.0, EventType.SENT, 1, 0, 0.0),
        (10.0, EventType.ACCEPTED, 1, 0, 0.0),
        (25.0, EventType.TIMED_OUT, 1, 0, 1.0),
        (30.0, EventType.STARTED, 1, 0, 0.0),
        (30.0, EventType.CALLED, 1, 0, 0.0),
        (38.0, EventType.FREED, 1, 0, 0.0),
        (20.0, EventType.SENT, 2, 0, 0.0),
        (20.0, EventType.REFUSED, 2, 0, 0.0),
        (20.0, EventType.CLIENT_REFUSED, 2, 0, 0.0),
    ]
    measured = tally(chosen, "synchronous", *events)
    assert (measured.counts["timed_out"], measured.counts["rejected"], measured.counts["accepted"]) == (2, 1, 2)
    assert measured.wait["mean"] == pytest.approx((0 + 15) / 2), "the second waited until its client had gone"
    assert measured.wasted_s == pytest.approx((30 - 15) + (38 - 30))
    assert measured.depth_mean == pytest.approx(20 / 38)
    assert measured.client_calls == 3


def test_a_worker_in_line_for_the_provider_makes_its_call_wait_up_to_the_end_of_its_clients_patience() -> None:
    chosen = scenario(synchronous={"workers": 1, "client_timeout_s": 15})
    events = [
        (0.0, EventType.SENT, 0, 0, 0.0),
        (0.0, EventType.ACCEPTED, 0, 0, 0.0),
        (0.0, EventType.STARTED, 0, 0, 0.0),
        (4.0, EventType.WAITED_FOR_PROVIDER, 0, 0, 4 / SPEED),
        (4.0, EventType.CALLED, 0, 0, 0.0),
        (12.0, EventType.FREED, 0, 0, 0.0),
        (12.0, EventType.IN_HAND, 0, 0, 0.0),
    ]
    measured = tally(chosen, "synchronous", *events)
    assert measured.wait["mean"] == pytest.approx(4)
    assert measured.provider_429 == 1


def test_each_subscriber_is_tallied_next_to_the_jobs() -> None:
    chosen = scenario(subscribers={"count": 3})
    events = [
        *EVENT_DRIVEN,
        (12.0, EventType.HANDLED, 0, 0, 0.0),
        (14.0, EventType.HANDLED, 0, 1, 0.0),
        (25.0, EventType.UNHANDLED, 1, 1, 0.0),
    ]
    measured = design_result([tally(chosen, "event_driven", *events)], ["standard"], stable=True)
    first, second = measured.subscribers["subscriber_1"], measured.subscribers["subscriber_2"]
    assert (first.offered, first.handled, first.failed) == (1, 1, 0)
    assert (second.offered, second.handled, second.failed) == (2, 1, 1)
    assert second.latency_s.mean == pytest.approx(14)


def test_half_way_through_only_what_is_due_has_been_offered() -> None:
    chosen = scenario()
    so_far = [event for event in EVENT_DRIVEN if event[0] <= 15]
    measured = tally_run(
        chosen,
        "event_driven",
        jobs_of(chosen, "event_driven"),
        Rows.from_journal(rows(*so_far), CLOCK, 15.0),
        ended=False,
    )
    assert measured.counts["offered"] == 2
    assert measured.counts["completed"] == 1
    assert measured.bins[:, -1].tolist()[3] == 1.0  # in flight


def test_series_count_arrivals_and_hold_levels_at_the_end_of_each_bin() -> None:
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN)
    series = design_result([measured], ["standard"], stable=True).series
    depth = dict(zip(np.round(np.array(series.t_s) + measured.bin_width_s, 3), series.queue_depth, strict=True))
    assert sum(series.arrivals) == 3
    assert max(level for at, level in depth.items() if 21 < at < 30) == 1
    assert max(level for at, level in depth.items() if 11 < at < 20) == 0
    latencies = [latency for latency in series.latency_p95_s if latency is not None]
    assert len(latencies) == measured.counts["completed"]
    assert sum(latencies) == pytest.approx(measured.latencies.sum_s, rel=0.025)


def test_calls_to_the_provider_are_counted_by_seconds_of_the_scenario() -> None:
    again = [(30.2, EventType.CALLED, 0, 1, 0), (30.4, EventType.CALLED, 1, 1, 0), (30.9, EventType.CALLED, 2, 1, 0)]
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN, *again)
    rate = design_result([measured], ["standard"], stable=True).call_rate
    assert (rate.width_s, len(rate.per_s)) == (1, 31)
    assert {second: calls for second, calls in enumerate(rate.per_s) if calls} == {2: 1, 11: 1, 30: 4}
    assert sum(rate.per_s) == measured.provider_calls


def test_a_run_of_hours_keeps_the_busiest_second_of_each_stretch() -> None:
    late = [
        (2000.1, EventType.CALLED, 0, 1, 0),
        (2000.2, EventType.CALLED, 0, 2, 0),
        (2003.1, EventType.CALLED, 0, 3, 0),
    ]
    measured = tally(scenario(), "event_driven", *EVENT_DRIVEN, *late)
    rate = design_result([measured], ["standard"], stable=True).call_rate
    assert (rate.width_s, len(rate.per_s), rate.per_s[-1]) == (4, 501, 2)


def test_nothing_called_is_no_rate() -> None:
    assert tally(scenario(), "event_driven").call_bins.tolist() == []


def test_each_call_of_a_client_waits_until_that_client_gives_it_up() -> None:
    chosen = scenario(synchronous={"workers": 1, "client_timeout_s": 5, "client_retries": 1, "client_backoff_s": 1})
    events = [
        (0.0, EventType.SENT, 0, 0, 0.0),
        (0.0, EventType.ACCEPTED, 0, 0, 0.0),
        (5.0, EventType.TIMED_OUT, 0, 0, 0.0),
        (6.0, EventType.SENT, 0, 1, 0.0),
        (6.0, EventType.ACCEPTED, 0, 1, 0.0),
        (7.0, EventType.ABANDONED, 0, 0, 0.0),
        (7.0, EventType.STARTED, 0, 0, 0.0),
        (7.0, EventType.CALLED, 0, 0, 0.0),
        (9.0, EventType.FREED, 0, 0, 0.0),
        (9.0, EventType.STARTED, 0, 1, 0.0),
        (9.0, EventType.CALLED, 0, 1, 0.0),
        (10.0, EventType.FREED, 0, 1, 0.0),
        (10.0, EventType.IN_HAND, 0, 1, 0.0),
    ]
    measured = tally(chosen, "synchronous", *events)
    assert measured.wait["mean"] == pytest.approx(5 + 3)
    assert measured.wasted_s == pytest.approx(2)
    cut_short = [event for event in events if event[0] < 9] + [(11.0, EventType.TIMED_OUT, 0, 1, 1.0)]
    assert tally(chosen, "synchronous", *cut_short).classes[0].wait.sum_s == 5 + 5, (
        "a client that has gone has waited, too"
    )


def test_a_killed_workers_attempt_ends_where_its_journal_does_once_the_job_is_taken_again() -> None:
    killed = [
        (0.0, EventType.ACCEPTED, 0, 0, 0.0),
        (0.0, EventType.QUEUED, 0, 0, 0.0),
        (0.0, EventType.STARTED, 0, 0, 0.0),
        (1.0, EventType.CALLED, 0, 0, 0.0),
        (20.0, EventType.QUEUED, 0, 1, 0.0),
        (20.0, EventType.STARTED, 0, 1, 0.0),
        (28.0, EventType.FREED, 0, 1, 0.0),
        (28.0, EventType.IN_HAND, 0, 1, 0.0),
    ]
    assert tally(scenario(), "event_driven", *killed).utilisation == pytest.approx((1 + 8) / 28)
    assert tally(
        scenario(), "event_driven", *killed[:4], (30.0, EventType.SENT, 1, 0, 0.0)
    ).utilisation == pytest.approx(1)
