"""A live run finds a kernel that is wrong: for each mechanism, the right prediction agrees and one without the mechanism differs.

Each live run exercises several mechanisms at once; the kernel then predicts the same jobs with one of them made wrong. The runs'
journals are kept in `recorded_runs/`, so that every change of the kernel is held to them; `--full` runs all of them anew.
`python -m tests.live.test_mechanisms`, on a quiet machine, records them anew (or those that are named).
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.arrivals import TraceArrivals
from simulator.live.run.calibrate import predict
from simulator.live.run.compare import Resolution, compare_figures
from simulator.live.run.design_run import DesignRun, DesignSetup, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.folders import run_folder
from simulator.live.run.window import Window
from simulator.live.system.clock import RunClock
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.result import Costs, Design, DesignResult, Lateness, LiveFigure
from simulator.scenario import Scenario
from simulator.summary import design_result
from simulator.traces import Trace

RECORDED = Path(__file__).with_name("recorded_runs")
SOURCES = pytest.mark.parametrize("source", ["recorded", pytest.param("live", marks=pytest.mark.full)])
SPEED = 4.0
COSTS = Costs(accept_s=0.004, pickup_s=0.003, dispatch_s=0.008, release_s=0.002, synchronous_s=0.004, retry_tick_s=0.0)
"""About what two cores take; the times of these workloads are ten times as long and more."""
LATE = Lateness(mean_s=0.001, p99_s=0.005, max_s=0.02)

EVENTS: dict[str, Any] = {
    "seed": 5,
    "deadline_s": 30,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "failures": {"transient_percent": 30},
    "retries": {"max": 2, "base_s": 6, "cap_s": 12, "jitter": "full"},
    "event_driven": {
        "consumers": 6,
        "queues": {"urgent": 30.0, "standard": 70.0},
        "discipline": "dedicated",
        "expires_s": 25,
        "accept_s": 1.0,
        "dispatch_s": 0.5,
        "delivery": {"method": "polling", "interval_s": 4},
    },
}
LIMITED: dict[str, Any] = {
    "seed": 6,
    "service": {"distribution": "deterministic", "mean_s": 1.0},
    "provider": {"requests_per_minute": 90, "max_concurrency": 3, "outages": [{"start_s": 20, "length_s": 12}]},
    "retries": {"max": 6, "base_s": 4, "cap_s": 30, "jitter": "equal"},
    "event_driven": {"consumers": 12, "queues": {"a": 50.0, "b": 50.0}, "delivery": {"method": "none"}},
}
CALLS: dict[str, Any] = {
    "seed": 7,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "provider": {"output_tokens": 100.0, "output_tokens_per_minute": 7000},
    "failures": {"transient_percent": 20},
    "retries": {"max": 2, "base_s": 2, "cap_s": 8, "jitter": "full"},
    "subscribers": {
        "count": 3,
        "handling_p50_s": 0.6,
        "handling_p95_s": 1.0,
        "failure_percent": 30,
        "inline": "one_by_one",
    },
    "synchronous": {
        "workers": 12,
        "backlog": 12,
        "overflow": "drop",
        "client_timeout_s": 20,
        "hops": [{"name": "proxy", "limit_s": 8, "kind": "total"}],
        "client_retries": 1,
        "client_backoff_s": 3,
        "inline_retries": 1,
    },
}
HOOKED: dict[str, Any] = {
    "seed": 8,
    "deadline_s": 40,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "failures": {"transient_percent": 48},
    "retries": {"max": 2, "intervals_s": [3, 12]},
    "subscribers": {"count": 2, "handling_p50_s": 0.6, "handling_p95_s": 1.0, "failure_percent": 50},
    "event_driven": {
        "consumers": 6,
        "queues": {"a": 20.0, "b": 50.0, "c": 30.0},
        "discipline": "weighted",
        "max_queue": 25,
        "dead_letter": False,
        "delivery": {"method": "webhook", "failure_percent": 40, "schedule": [0, 8, 24]},
    },
}

SLOWING: dict[str, Any] = {
    "seed": 9,
    "deadline_s": 20,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "provider": {
        "slowdown": {"measured_in_flight": 2, "high_in_flight": 10, "high_mean_s": 5.0},
        "call_timeout_s": 12,
        "outages": [{"start_s": 25, "length_s": 15, "mode": "hang"}],
    },
    "failures": {"transient_percent": 20, "failure_s": 0.5},
    "retries": {"max": 1, "base_s": 2, "cap_s": 8, "jitter": "full"},
    "synchronous": {"workers": 10, "client_timeout_s": 30},
}
HANGING: dict[str, Any] = {
    "seed": 10,
    "deadline_s": 30,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "provider": {"call_timeout_s": 6, "outages": [{"start_s": 15, "length_s": 20, "mode": "hang"}]},
    "failures": {"transient_percent": 10, "failure_s": 0.4},
    "retries": {"max": 3, "base_s": 2, "cap_s": 8, "jitter": "full"},
    "event_driven": {
        "consumers": 8,
        "circuit_breaker": {"failures": 4, "pause_s": 5},
        "delivery": {"method": "none"},
    },
}

ORDERED: dict[str, Any] = {
    "seed": 13,
    "deadline_s": 30,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "failures": {"transient_percent": 25},
    "retries": {"max": 2, "base_s": 3, "cap_s": 8, "jitter": "full"},
    "event_driven": {"consumers": 12, "ordering": "per_key", "keys": 8, "delivery": {"method": "sse"}},
}
FULL: dict[str, Any] = {
    "seed": 16,
    "deadline_s": 30,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "subscribers": {"count": 2, "handling_p50_s": 0.8, "handling_p95_s": 1.5, "consumers": 1},
    "event_driven": {
        "consumers": 4,
        "max_queue": 6,
        "client_retries": 2,
        "client_backoff_s": 5,
        "delivery": {"method": "sse"},
    },
}
FAILING: dict[str, Any] = {
    "seed": 14,
    "deadline_s": 30,
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "provider": {"max_concurrency": 4, "pacing": "none", "retry_after": "ignored"},
    "retries": {"max": 2, "base_s": 1, "cap_s": 4, "jitter": "full"},
    "subscribers": {
        "count": 2,
        "handling_p50_s": 0.6,
        "handling_p95_s": 1.0,
        "failure_percent": 60,
        "consumers": 2,
        "inline_failure": "fails_the_call",
    },
    "synchronous": {"workers": 10, "client_retries": 1, "client_backoff_s": 2},
}
CLIENTS: dict[str, Any] = {
    "seed": 15,
    "deadline_s": 10,
    "arrivals": {"process": "closed", "clients": 12, "think_s": 3},
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "failures": {"transient_percent": 10},
    "retries": {"max": 1, "base_s": 2, "cap_s": 8, "jitter": "full"},
    "event_driven": {"consumers": 4, "delivery": {"method": "sse"}},
}


def steady(rate_per_s: float, length_s: float, seed: int) -> Trace:
    draws = np.random.default_rng(seed)
    return Trace(np.sort(draws.uniform(0, length_s, draws.poisson(rate_per_s * length_s))))


TRACES = {
    "events": steady(2.4, 60, 1),
    "limited": steady(1.3, 60, 2),
    "calls": steady(2.6, 60, 3),
    "hooked": steady(1.9, 60, 4),
    "slowing": steady(1.5, 60, 5),
    "hanging": steady(2.2, 60, 6),
    "ordered": steady(1.6, 60, 9),
    "full": steady(2.4, 60, 11),
    "failing": steady(1.4, 60, 10),
    "clients": Trace(np.linspace(0, 60, 110)),
}
GIVEN: dict[str, tuple[Design, dict[str, Any]]] = {
    "events": (EVENT_DRIVEN, EVENTS),
    "limited": (EVENT_DRIVEN, LIMITED),
    "calls": (SYNCHRONOUS, CALLS),
    "hooked": (EVENT_DRIVEN, HOOKED),
    "slowing": (SYNCHRONOUS, SLOWING),
    "hanging": (EVENT_DRIVEN, HANGING),
    "ordered": (EVENT_DRIVEN, ORDERED),
    "full": (EVENT_DRIVEN, FULL),
    "failing": (SYNCHRONOUS, FAILING),
    "clients": (EVENT_DRIVEN, CLIENTS),
}


def scenario_of(given: dict[str, Any]) -> Scenario:
    return Scenario.model_validate({"arrivals": TraceArrivals(process="trace", trace="steady")} | given)


def result_of(scenario: Scenario, tally: Any) -> DesignResult:
    return design_result([tally], list(scenario.event_driven.queues), stable=True)


def setup_of(name: str) -> DesignSetup:
    design, given = GIVEN[name]
    scenario = scenario_of(given)
    return DesignSetup(
        scenario, design, draw_jobs(scenario, design, trace=TRACES[name]), SPEED, 30.0, "document_extraction"
    )


def run_live(name: str) -> DesignRun:
    with run_folder(f"mechanisms-{name}") as folder:
        return run_design(setup_of(name), folder, lambda _: None)


def read_recorded(name: str) -> DesignRun:
    with np.load(RECORDED / f"{name}.npz") as stored:
        return DesignRun(setup_of(name), RunClock(0, SPEED), "", stored["rows"], ended=True)


def record(name: str) -> None:
    run = run_live(name)
    run.rows["at_ns"] -= run.clock.started_ns
    np.savez_compressed(RECORDED / f"{name}.npz", rows=run.rows)


@cache
def measured(name: str, source: str) -> DesignResult:
    run = run_live(name) if source == "live" else read_recorded(name)
    return result_of(run.setup.scenario, run.tally())


def judge(name: str, source: str, wrong: dict[str, Any]) -> list[LiveFigure]:
    design, given = GIVEN[name]
    after = measured(name, source)
    changed = {part: given.get(part, {}) | values for part, values in wrong.items()}
    scenario = scenario_of(given | changed)
    jobs = draw_jobs(scenario, design, trace=TRACES[name])
    window = Window(scenario, TRACES[name], None, 60.0, "the whole workload")
    before = result_of(scenario, predict(window, COSTS, SPEED, jobs, design))
    resolution = Resolution.from_run(after, design, COSTS, LATE, speed=SPEED, calls_per_s=100.0, service_s=2.0)
    unpaced = scenario_of(given).provider.is_unpaced
    return compare_figures(design, before, after, resolution, is_unpaced=unpaced)


def differing(figures: list[LiveFigure]) -> dict[str, str]:
    return {
        f"{figure.figure}{f' of {figure.queue}' if figure.queue else ''}": f"{figure.predicted} -> {figure.measured}"
        for figure in figures
        if not (figure.within or figure.below_resolution)
    }


@SOURCES
@pytest.mark.parametrize("name", GIVEN)
def test_the_right_kernel_agrees(name: str, source: str) -> None:
    """But for a figure or two: one run is a sample, and its largest and rarest figures differ most."""
    figures = judge(name, source, {})
    assert len(differing(figures)) <= 0.15 * len(figures), differing(figures)


@SOURCES
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        pytest.param("events", {"event_driven": {"discipline": "strict"}}, id="strict for dedicated"),
        pytest.param("events", {"failures": {"transient_percent": 0}}, id="no failures"),
        pytest.param("events", {"retries": {"max": 0}}, id="no retries"),
        pytest.param("events", {"retries": {"jitter": "none"}}, id="no jitter"),
        pytest.param("events", {"event_driven": {"expires_s": None}}, id="no expiry"),
        pytest.param("events", {"event_driven": {"accept_s": 0, "dispatch_s": 0}}, id="no costs"),
        pytest.param("events", {"event_driven": {"delivery": {"method": "sse"}}}, id="push for polling"),
        pytest.param("limited", {"provider": {"requests_per_minute": None}}, id="no request quota"),
        pytest.param("limited", {"provider": {"outages": []}}, id="no outage"),
        pytest.param("limited", {"retries": {"base_s": 30}}, id="long backoff"),
        pytest.param("limited", {"event_driven": {"circuit_breaker": True}}, id="a circuit breaker"),
        pytest.param("limited", {"event_driven": {"discipline": "weighted"}}, id="weighted for strict"),
        pytest.param("calls", {"synchronous": {"backlog": None}}, id="no bound of the backlog"),
        pytest.param("calls", {"synchronous": {"overflow": "refuse"}}, id="connections refused, not dropped"),
        pytest.param("calls", {"synchronous": {"client_timeout_s": None, "hops": ()}}, id="patient clients"),
        pytest.param("calls", {"synchronous": {"hops": ()}}, id="no hop"),
        pytest.param("calls", {"provider": {"output_tokens_per_minute": None}}, id="no token quota"),
        pytest.param("calls", {"subscribers": {"failure_percent": 0}}, id="subscribers never fail in line"),
        pytest.param("calls", {"subscribers": {"inline": "together"}}, id="subscribers together"),
        pytest.param("calls", {"synchronous": {"client_retries": 0}}, id="clients call once"),
        pytest.param("calls", {"synchronous": {"inline_retries": 0}}, id="no retries in line"),
        pytest.param("calls", {"subscribers": {"count": 1}}, id="no subscribers in line"),
        pytest.param("calls", {"synchronous": {"drops_abandoned": True}}, id="abandoned calls dropped"),
        pytest.param("hooked", {"event_driven": {"discipline": "strict"}}, id="strict for weighted"),
        pytest.param("hooked", {"event_driven": {"discipline": "dedicated"}}, id="dedicated for weighted"),
        pytest.param("hooked", {"retries": {"intervals_s": None, "flat_s": 1.0}}, id="no interval list"),
        pytest.param("hooked", {"event_driven": {"max_queue": None}}, id="no bound of the queues"),
        pytest.param("hooked", {"event_driven": {"dead_letter": True}}, id="dead letters"),
        pytest.param("hooked", {"subscribers": {"failure_percent": 0}}, id="subscribers never fail"),
        pytest.param(
            "hooked",
            {"event_driven": {"delivery": {"method": "webhook", "failure_percent": 40, "schedule": [0]}}},
            id="one webhook call",
        ),
        pytest.param(
            "hooked",
            {"event_driven": {"delivery": {"method": "webhook", "failure_percent": 0, "schedule": [0, 8, 24]}}},
            id="webhooks never fail",
        ),
        pytest.param("slowing", {"provider": {"slowdown": None}}, id="no slowdown"),
        pytest.param("slowing", {"provider": {"call_timeout_s": None}}, id="workers' calls never given up"),
        pytest.param(
            "slowing", {"provider": {"outages": [{"start_s": 25, "length_s": 15}]}}, id="workers' calls refused"
        ),
        pytest.param("slowing", {"failures": {"failure_s": None}}, id="failures known late"),
        pytest.param("hanging", {"provider": {"call_timeout_s": None}}, id="calls never given up"),
        pytest.param("hanging", {"event_driven": {"circuit_breaker": False}}, id="no circuit breaker"),
        pytest.param(
            "hanging",
            {"event_driven": {"circuit_breaker": {"failures": 4, "pause_s": 25}}},
            id="another pause of the circuit breaker",
        ),
        pytest.param("full", {"event_driven": {"client_retries": 0}}, id="callers of a full queue call once"),
        pytest.param("full", {"subscribers": {"consumers": None}}, id="any number of consumers of a subscriber"),
        pytest.param("ordered", {"event_driven": {"ordering": "none"}}, id="no order"),
        pytest.param("ordered", {"event_driven": {"keys": 16}}, id="more keys"),
        pytest.param("failing", {"subscribers": {"inline_failure": "ignored"}}, id="subscribers fail no call"),
        pytest.param("failing", {"subscribers": {"consumers": None}}, id="any number of consumers in line"),
        pytest.param("failing", {"provider": {"pacing": "paced"}}, id="workers' calls wait for the limits"),
        pytest.param("clients", {"arrivals": {"think_s": 6}}, id="clients think longer"),
        pytest.param("clients", {"arrivals": {"clients": 6}}, id="fewer clients"),
    ],
)
def test_a_kernel_without_the_mechanism_differs(name: str, source: str, wrong: dict[str, Any]) -> None:
    right, figures = differing(judge(name, source, {})), judge(name, source, wrong)
    assert differing(figures).keys() - right.keys(), f"{len(figures)} figures, and none tells them apart"


if __name__ == "__main__":
    for workload in sys.argv[1:] or GIVEN:
        record(workload)
