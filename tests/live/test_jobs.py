"""The jobs of a live run have the kernel's own numbers, to the last bit."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit

from simulator.experiment import simulate
from simulator.kernel.draws import backoff_s
from simulator.kernel.layout import U_FAILURE, U_REFUSAL
from simulator.kernel.random_numbers import key_of, normal_quantile
from simulator.kernel.random_numbers import uniform as compiled_uniform
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.system.jobs import Jobs, uniform_draw
from simulator.plan import build_state, recorded_of
from simulator.scenario import Scenario
from simulator.traces import Trace
from tests.fakes.naive_draws import HANDLING, PHASE, RECONNECT, SUB_JITTER, WEBHOOK, Draws

kernel_uniform = njit(compiled_uniform.py_func)  # type: ignore[attr-defined]


@njit
def kernel_pause_s(machine: Any, draw: float, attempt: int, before: float) -> Any:
    return backoff_s(machine[0], draw, attempt, before)


EXPONENTIAL = {"distribution": "exponential", "mean_s": 2.0}


def a_scenario(**given: Any) -> Scenario:
    base = {"jobs": 300, "arrivals": {"process": "poisson", "rate_per_s": 5.0}, "service": EXPONENTIAL}
    return Scenario.parse(base | given)


def test_one_uniform_is_the_kernels_to_the_last_bit() -> None:
    for seed in (0, 1, 2**53 - 1):
        key = key_of(seed, 0)
        for job, purpose, attempt in ((0, 0, 0), (1, U_FAILURE, 3), (999_999, U_REFUSAL, 10_099)):
            assert uniform_draw(int(key), job, purpose, attempt) == kernel_uniform(key, job, purpose, attempt)


@pytest.mark.parametrize("jitter", ["none", "full", "equal", "flat", "listed"])
def test_failures_are_the_kernels_and_pauses_come_from_the_same_draws(jitter: str) -> None:
    retries: dict[str, Any] = {"max": 3, "base_s": 0.7, "cap_s": 4.0}
    retries |= {"flat": {"flat_s": 2.5}, "listed": {"intervals_s": [2, 5]}}.get(jitter, {"jitter": jitter})
    scenario = a_scenario(
        retries=retries,
        failures={"transient_percent": 30.0, "poison_percent": 2.0},
        synchronous={"client_retries": 2},
    )
    jobs, naive = draw_jobs(scenario, "synchronous"), Draws(scenario, 0)
    state = build_state(scenario, "synchronous", 0, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
    key = state.machine[0]["key"]
    poison = [job for job in range(300) if naive.uniform(job, 3) < 0.02]
    assert list(np.flatnonzero(jobs.poison)) == poison
    for job in range(100):
        for call in range(3):
            pauses_s = jobs.pauses_s(job, call * 4)
            assert len(pauses_s) == 3
            for attempt in range(3):
                index = call * 4 + attempt
                failed = job in poison or kernel_uniform(key, job, U_FAILURE, index) < 0.3
                assert jobs.fails(job, index) == failed
                draw = kernel_uniform(key, job, 5, index)
                assert pauses_s[attempt] == pytest.approx(kernel_pause_s(state.machine, draw, attempt, 0.0))


def test_subscribers_pauses_come_from_the_kernels_draws() -> None:
    """Decorrelated jitter, by hand: each pause between base and three times the one before."""
    scenario = a_scenario(
        retries={"max": 4, "base_s": 0.7, "cap_s": 4.0, "jitter": "decorrelated"}, subscribers={"count": 3}
    )
    jobs, naive = draw_jobs(scenario, "event_driven"), Draws(scenario, 0)
    for job in range(50):
        for subscriber in range(2):
            expected, before = [], 0.7
            for attempt in range(4):
                draw = naive.uniform(job, SUB_JITTER, subscriber * 101 + attempt)
                before = min(4.0, 0.7 * (1 - draw) + 3 * before * draw)
                expected.append(before)
            assert jobs.subscriber_pauses_s(job, subscriber) == pytest.approx(expected)


def test_a_synchronous_service_that_retries_less_in_line_has_fewer_pauses() -> None:
    scenario = a_scenario(retries={"max": 4, "intervals_s": [1, 2, 3, 4]}, synchronous={"inline_retries": 2})
    assert draw_jobs(scenario, "synchronous").pauses_s(0) == [3, 4]
    assert draw_jobs(scenario, "event_driven").pauses_s(0) == [1, 2, 3, 4]


def test_what_a_job_has_once_is_the_naive_draws() -> None:
    scenario = a_scenario(
        event_driven={
            "queues": {"urgent": 20.0, "standard": 80.0},
            "consumers": 7,
            "delivery": {"method": "webhook", "failure_percent": 10, "schedule": [0, 5, 30]},
        },
        service_by_queue={"urgent": {"distribution": "gamma", "mean_s": 0.3, "cv": 0.5}},
        deadline_s={"urgent": 4.0},
        subscribers={"count": 3, "handling_p50_s": 0.2, "handling_p95_s": 0.9, "failure_percent": 5},
    )
    jobs, naive = draw_jobs(scenario, "event_driven"), Draws(scenario, 0)
    assert len(jobs) == 300
    assert jobs.webhook_u.shape == (300, 3)
    assert jobs.handling_s.shape == (300, 2)
    assert list(jobs.webhook_pauses_s) == [0, 5, 30]
    assert sum(jobs.consumers) == 7
    assert set(jobs.place) == {0, 1}
    for job in range(300):
        assert jobs.phase_u[job] == naive.uniform(job, PHASE)
        assert jobs.reconnect_u[job] == naive.uniform(job, RECONNECT)
        assert jobs.webhook_u[job, 2] == naive.uniform(job, WEBHOOK, 2)
        assert jobs.service_s[job] == pytest.approx(naive.service(job), rel=1e-9)
        assert jobs.place[job] == (0 if naive.uniform(job, 2) < 0.2 else 1)
        assert jobs.deadlines_s[jobs.place[job]] == (4.0 if jobs.place[job] == 0 else np.inf)
        sigma = np.log(0.9 / 0.2) / 1.6448536269514722
        z = normal_quantile(naive.uniform(job, HANDLING, 1))
        assert jobs.handling_s[job, 1] == pytest.approx(0.2 * np.exp(sigma * z), rel=1e-9)
        assert jobs.refuses(job, 1, 2) == (naive.uniform(job, U_REFUSAL, 101 + 2) < 0.05)


@pytest.mark.parametrize(
    "arrivals",
    [
        {"process": "poisson", "rate_per_s": 5.0},
        {"process": "gamma", "rate_per_s": 5.0, "cv": 2.0},
        {"process": "regular", "rate_per_s": 5.0},
        {"process": "bursts", "rate_per_s": 5.0, "peak_to_mean": 4.0, "peak_s": 10.0, "every_s": 60.0},
    ],
)
@pytest.mark.parametrize("length", [{"jobs": 300}, {"jobs": None, "duration_s": 50.0}])
def test_the_kernel_sees_the_same_jobs(arrivals: dict[str, Any], length: dict[str, Any]) -> None:
    """With a server for everybody a job takes its service time: the kernel's sums are those of the arrays."""
    scenario = a_scenario(arrivals=arrivals, synchronous={"workers": 1000}, failures={"poison_percent": 5.0}, **length)
    jobs, result = draw_jobs(scenario, "synchronous"), simulate(scenario, replications=1).synchronous
    ends = jobs.arrival_s + jobs.service_s
    finished = ends <= jobs.end_s
    assert result.offered == len(jobs)
    assert result.failed == np.sum(jobs.poison & finished)
    assert result.completed == np.sum(~jobs.poison & finished)
    assert result.latency_s is not None
    assert result.provider_calls == len(jobs)


def test_a_trace_gives_its_own_instants_tokens_and_durations() -> None:
    trace = Trace(
        arrivals_s=np.array([0.0, 1.0, 3.0]),
        input_tokens=np.array([10.0, 20.0, 30.0]),
        output_tokens=np.array([1.0, 2.0, 3.0]),
        service_s=np.array([0.5, 0.25, 4.0]),
    )
    scenario = a_scenario(
        jobs=None, arrivals={"process": "trace", "path": "t.csv", "speed": 2.0}, service={"distribution": "empirical"}
    )
    jobs = draw_jobs(scenario, "event_driven", trace=trace)
    assert list(jobs.arrival_s) == [0.0, 0.5, 1.5]
    assert list(jobs.service_s) == [0.5, 0.25, 4.0]
    assert list(jobs.input_tokens) == [10, 20, 30]
    assert list(jobs.output_tokens) == [1, 2, 3]


def test_durations_of_a_file_are_drawn_as_the_kernel_draws_them() -> None:
    durations = np.array([1.0, 2.0, 4.0, 8.0])
    scenario = a_scenario(service={"distribution": "empirical", "path": "durations.csv"})
    jobs, naive = draw_jobs(scenario, "event_driven", durations_s=durations), Draws(scenario, 0)
    assert list(jobs.service_s) == [durations[int(naive.uniform(job, 1) * 4)] for job in range(300)]


def test_both_designs_see_the_same_jobs() -> None:
    scenario = a_scenario(failures={"transient_percent": 20.0, "poison_percent": 5.0}, retries={"max": 2})
    one, other = draw_jobs(scenario, "synchronous"), draw_jobs(scenario, "event_driven")
    for name in ("arrival_s", "service_s", "place", "poison"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert [one.fails(job, 1) for job in range(300)] == [other.fails(job, 1) for job in range(300)]


def test_a_part_reads_them_without_the_compiled_kernel(tmp_path: Path) -> None:
    jobs = draw_jobs(a_scenario(retries={"max": 2}), "event_driven")
    jobs.write(tmp_path / "jobs.npz")
    program = (
        "import sys; from pathlib import Path; import simulator.live.system.config; from simulator.live.system.jobs import Jobs;"
        "jobs = Jobs.read(Path(sys.argv[1])); print(jobs.pauses_s(7), jobs.arrival_s[7], jobs.retries, len(jobs));"
        "print(sorted({'numba', 'scipy', 'django', 'advisor'} & set(sys.modules)))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "jobs.npz")], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert completed == [f"{jobs.pauses_s(7)} {jobs.arrival_s[7]} 2 300", "[]"]
    assert isinstance(Jobs.read(tmp_path / "jobs.npz").retries, int)
