"""The two production traces at the same offered load: what burstiness does to each design."""

import os
from pathlib import Path

import pytest

from simulator.experiment import simulate
from simulator.recordings.reader import read_recording
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.traces import Trace

FOLDER = Path(os.environ.get("CROSSOVER_TRACES", Path(__file__).parents[3] / "../shared/traces"))
SERVICE_S, WORKERS, LOAD = 8.0, 40, 0.79


def trace_of(name: str) -> Trace:
    path = FOLDER / f"azure_llm_2023_{name}.csv"
    if not path.is_file():
        reason = f"the trace {path} is not there: set CROSSOVER_TRACES to the folder of the Azure traces"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with path.open("rb") as stream:
        return read_recording(stream, name).trace


def run(trace: Trace, deadline_s: float = 60, **synchronous: object) -> Result:
    speed = LOAD * WORKERS / SERVICE_S / trace.mean_rate_per_s
    scenario = Scenario.parse(
        {
            "seed": 5,
            "deadline_s": deadline_s,
            "arrivals": {"process": "trace", "trace": trace.name, "speed": speed},
            "service": {"distribution": "exponential", "mean_s": SERVICE_S},
            "synchronous": {"workers": WORKERS, **synchronous},
            "event_driven": {"consumers": WORKERS},
        }
    )
    return simulate(scenario, trace=trace, replications=10)


@pytest.mark.slow
def test_the_files_have_the_shape_that_was_measured() -> None:
    code, conversation = trace_of("code"), trace_of("conv")
    assert (code.requests, conversation.requests) == (8819, 19366)
    assert code.interarrival_cv2 == pytest.approx(173, rel=0.01)
    assert conversation.interarrival_cv2 == pytest.approx(1.2, rel=0.01)
    assert [code.dispersion(window) for window in (1, 10, 60)] == pytest.approx([13, 72, 164], rel=0.02)
    assert [conversation.dispersion(window) for window in (1, 10, 60)] == pytest.approx([1.4, 3.9, 16], rel=0.02)
    assert (code.busiest(10), conversation.busiest(10)) == (
        pytest.approx(16.17, rel=0.01),
        pytest.approx(2.025, rel=0.02),
    )
    assert code.output_tokens is not None and float(code.output_tokens.mean()) == pytest.approx(28, abs=0.5)


def test_a_smooth_hour_still_waits_far_longer_than_renewal_theory_says() -> None:
    waits = run(trace_of("conv")).event_driven.wait_s
    assert waits.mean is not None and 5 < waits.mean < 15  # Allen-Cunneen says .044 s


@pytest.mark.slow
def test_at_the_same_load_the_bursty_hour_queues_deeper_and_misses_more() -> None:
    code, conversation = run(trace_of("code")), run(trace_of("conv"))
    for bursty, smooth in (
        (code.synchronous, conversation.synchronous),
        (code.event_driven, conversation.event_driven),
    ):
        assert bursty.queue_depth.max > 2 * smooth.queue_depth.max
        assert bursty.lag_s.max > 1.8 * smooth.lag_s.max
        assert bursty.good_share < smooth.good_share - 0.3


def test_under_the_burst_shedding_serves_the_impatient_and_the_queue_serves_the_patient() -> None:
    """With a minute to the deadline a queue that keeps everything makes everything late; with a quarter of an hour it loses nothing."""
    impatient = run(trace_of("code"), 60, backlog=100, client_timeout_s=30)
    patient = run(trace_of("code"), 900, backlog=100, client_timeout_s=30)
    for result in (impatient, patient):
        assert result.synchronous.rejected > 0
        assert result.synchronous.timed_out > 0
        assert result.synchronous.wasted_s > 0
        assert result.event_driven.completed == result.event_driven.offered
    assert impatient.difference["good_share"].high < 0, "of an hour like this one, too"
    assert patient.difference["good_share"].low > 0.2
    assert patient.verdict == "event_driven"
