"""What a calibration makes of its journals, and what the prediction makes of that: instants written by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.experiment import simulate
from simulator.live.run.calibrate import calibration_scenario, mean_costs, predict
from simulator.live.run.design_run import DesignRun, DesignSetup
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.window import Window, cut_window
from simulator.live.system.clock import RunClock
from simulator.live.system.journal import ROW, EventType
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.result import Costs, Design
from simulator.retries import Retries
from simulator.scenario import Failures, Scenario
from simulator.traces import Trace

SPEED = 10.0
SERVICE_S = 8.0
ARRIVALS_S = np.array([0.0, 20.0, 21.0, 60.0])
WORKER, RELEASE_S = 7.0, 0.05


def scenario(consumers: int) -> Scenario:
    return Scenario.model_validate(
        {
            "arrivals": {"process": "trace", "trace": "four"},
            "service": {"distribution": "deterministic", "mean_s": SERVICE_S},
            "synchronous": {"workers": consumers},
            "event_driven": {"consumers": consumers, "discipline": "dedicated"},
        }
    )


def performed(design: Design, spans: list[tuple[float, float, float]], consumers: int = 1) -> DesignRun:
    """Each job queued, taken and done so long after its arrival, in Scenario seconds."""
    jobs = draw_jobs(scenario(consumers), design, trace=Trace(ARRIVALS_S))
    clock = RunClock(7_000_000_000, SPEED)
    rows: NDArray[np.void] = np.zeros(3 * len(spans), ROW)
    instants = [
        (arrival + after, what, job)
        for job, (arrival, span) in enumerate(zip(ARRIVALS_S, spans, strict=True))
        for after, what in zip(span, (EventType.QUEUED, EventType.STARTED, EventType.FREED), strict=True)
    ]
    for row, (at_s, what, job) in zip(rows, sorted(instants), strict=True):
        row["at_ns"], row["what"], row["job"] = clock.started_ns + round(at_s / SPEED * 1e9), what, job
        row["value"] = WORKER
    setup = DesignSetup(scenario(consumers), design, jobs, SPEED, 1.0, "document_extraction")
    last_s = ARRIVALS_S[-1] + spans[-1][2]
    idle_ns = clock.started_ns + round((last_s + RELEASE_S) / SPEED * 1e9)
    return DesignRun(setup, clock, "", rows, idle_since_ns={WORKER: idle_ns})


SPANS = [(0.1, 0.3, 8.5), (0.1, 0.5, 8.7), (0.1, 8.0, 16.2), (0.1, 0.1, 8.3)]
"""The third finds the only consumer at work."""


def costs() -> Costs:
    inline = performed(SYNCHRONOUS, [(0.0, 0.0, 8.2)] * 4)
    return mean_costs(inline, performed(EVENT_DRIVEN, SPANS))


def test_costs_are_what_the_machine_took_in_real_seconds() -> None:
    measured = costs()
    assert measured.accept_s == pytest.approx(0.1 / SPEED)
    assert measured.release_s == pytest.approx(RELEASE_S / SPEED)
    assert measured.dispatch_s == pytest.approx((0.2 + 0.2 + RELEASE_S) / SPEED), "pick-up, beyond the service, release"
    assert measured.synchronous_s == pytest.approx(0.2 / SPEED)


def test_the_pick_up_is_of_jobs_that_find_a_consumer_idle() -> None:
    assert costs().pickup_s == pytest.approx((0.2 + 0.4 + 0.0) / 3 / SPEED)
    both = performed(EVENT_DRIVEN, SPANS, consumers=2)
    inline = performed(SYNCHRONOUS, [(0.0, 0.0, 8.2)] * 4)
    assert mean_costs(inline, both).pickup_s == pytest.approx((0.2 + 0.4 + 7.9 + 0.0) / 4 / SPEED)


def test_the_prediction_counts_the_pick_up_as_waiting_and_not_as_work() -> None:
    """One consumer, held for 9 s a job, 1 s of it dispatch; the second job, 8 s after the first, waits for the rest of it."""
    chosen, speed = scenario(1), 10.0
    window = Window(chosen, Trace(np.array([0.0, 8.0])), None, 60.0, "all")
    jobs = draw_jobs(chosen, EVENT_DRIVEN, trace=window.trace)
    plain = Costs(accept_s=0.0, dispatch_s=0.1, synchronous_s=0.0, retry_tick_s=0.0)
    picked = plain.model_copy(update={"pickup_s": 0.02})
    before, after = (predict(window, given, speed, jobs, EVENT_DRIVEN) for given in (plain, picked))
    assert before.wait["mean"] == pytest.approx(0.5)  # 8 + 1 s of dispatch: the second waits 1 s
    assert after.wait["mean"] == pytest.approx(0.5 + 0.2)
    assert after.wait["max"] == pytest.approx(1.0 + 0.2)
    assert after.latency["mean"] == pytest.approx(before.latency["mean"]), "the pick-up is part of the dispatch"
    assert after.classes[0].wait.sum_s == pytest.approx(2 * after.wait["mean"])
    assert after.utilisation == pytest.approx(before.utilisation * (1 - 0.2 / 9.0))


def test_every_attempt_waits_for_its_pick_up() -> None:
    chosen = scenario(2).model_copy(update={"failures": Failures(poison_percent=100), "retries": Retries(max=2)})
    window = Window(chosen, Trace(np.array([0.0, 100.0])), None, 300.0, "all")
    jobs = draw_jobs(chosen, EVENT_DRIVEN, trace=window.trace)
    plain = Costs(accept_s=0.0, dispatch_s=0.1, synchronous_s=0.0, retry_tick_s=0.0)
    before, after = (
        predict(window, given, 10.0, jobs, EVENT_DRIVEN)
        for given in (plain, plain.model_copy(update={"pickup_s": 0.02}))
    )
    assert after.wait["mean"] == pytest.approx(before.wait["mean"] + 3 * 0.2)


def test_a_result_is_there_before_its_consumer_is_released() -> None:
    chosen = scenario(1)
    window = Window(chosen, Trace(np.array([0.0, 100.0])), None, 200.0, "all")
    jobs = draw_jobs(chosen, EVENT_DRIVEN, trace=window.trace)
    plain = Costs(accept_s=0.05, dispatch_s=0.1, synchronous_s=0.0, retry_tick_s=0.0)
    released = plain.model_copy(update={"release_s": 0.03})
    before, after = (predict(window, given, 10.0, jobs, EVENT_DRIVEN) for given in (plain, released))
    assert after.latency["mean"] == pytest.approx(before.latency["mean"] - 0.3)


def test_costs_that_were_stored_before_pick_ups_were_measured_still_load() -> None:
    stored = Costs(accept_s=0.1, dispatch_s=0.2, synchronous_s=0.3, retry_tick_s=0.01).model_dump(exclude={"pickup_s"})
    assert Costs.model_validate(stored).pickup_s == 0.0


@pytest.mark.parametrize(
    "given",
    [
        {"arrivals": {"process": "closed", "clients": 4, "think_s": 2}},
        {"backlog_jobs": 30},
        {"event_driven": {"lease_s": 1, "max_deliveries": 1, "crashes_per_hour": 3600}},
        {"event_driven": {"ordering": "one_at_a_time"}},
        {"provider": {"max_concurrency": 1, "pacing": "none"}},
    ],
)
def test_a_calibration_is_a_scenario_in_which_nothing_disturbs_a_job(given: dict[str, object]) -> None:
    """By the kernel: each job is served once, at the rate at which the servers are 60 % busy, and none waits long."""
    base = {
        "arrivals": {"process": "poisson", "rate_per_s": 1},
        "service": {"distribution": "deterministic", "mean_s": 2},
    }
    calibrating = calibration_scenario(cut_window(Scenario.model_validate(base | given), None, None, 60.0), SPEED)
    assert Scenario.model_validate(calibrating.model_dump(by_alias=True)) == calibrating
    result = simulate(calibrating, replications=1)
    for design in (result.synchronous, result.event_driven):
        assert design.completed == design.offered == design.provider_calls == calibrating.jobs
        assert design.wait_s.mean is not None and design.wait_s.mean < 0.5
