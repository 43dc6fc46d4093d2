"""The kernel held to live runs: the seed workloads, a recorded burst, an outage and its herd, the death of a consumer."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from simulator.arrivals import Trace
from simulator.live.run import engine, folders, run_plan
from simulator.live.run.design_run import DesignRun, Stage, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.measure import Rows
from simulator.live.system.journal import What
from simulator.result import DesignResult, LiveReport
from simulator.scenario import Scenario

OUTCOMES = ("completed", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost", "in_system")
HELD = {"wait_s.mean", "latency_s.p95", "good_share", "queue_depth.max"}
"""The figures in which the kernel may not differ."""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of this test's own for runs' folders, with a short path."""
    at = Path("/tmp") / f"cla-{os.getpid()}"  # noqa: S108
    at.mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(at))
    yield at
    assert not list(folders.runs_folder().glob("run-*"))
    shutil.rmtree(at)


def conserves(design: DesignResult) -> bool:
    return design.offered == sum(getattr(design, name) for name in OUTCOMES)


def off(live: LiveReport) -> list[str]:
    """The held figures that differ."""
    return [
        f"{figure.design} {figure.figure}: {figure.predicted} predicted, {figure.measured} measured"
        for figure in live.figures
        if figure.figure in HELD and not (figure.within or figure.below_resolution)
    ]


@pytest.mark.full
@pytest.mark.parametrize("template", ["document_extraction", "form_classification", "email_triage"])
def test_the_kernel_tells_what_a_seed_workload_does_live(template: str) -> None:
    answers = answers_from({"template": template})
    began = time.monotonic()
    result = engine.simulate(scenario_of(answers, advise(answers)), workload=template)
    assert time.monotonic() - began < 90
    assert result.live is not None
    assert not off(result.live)
    assert conserves(result.synchronous) and conserves(result.event_driven)


def test_the_kernel_tells_what_a_burst_does_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_plan, "DEFAULT_S", 4.0)
    monkeypatch.setattr(run_plan, "LONGEST_DEFAULT_S", 4.0)
    monkeypatch.setattr("simulator.live.run.calibrate.SECONDS", 1.0)
    scenario = Scenario.model_validate(
        {
            "deadline_s": 60,
            "arrivals": {"process": "bursts", "rate_per_s": 0.7, "peak_to_mean": 4, "peak_s": 20, "every_s": 200},
            "service": {"distribution": "lognormal", "p50_s": 5, "p95_s": 9},
            "synchronous": {"workers": 8, "backlog": 50, "client_timeout_s": 30},
            "event_driven": {"consumers": 8, "delivery": {"method": "sse"}},
        }
    )
    result = engine.simulate(scenario, speed=8)
    assert result.live is not None
    assert not off(result.live)


def an_outage(jitter: dict[str, object]) -> Scenario:
    return Scenario.model_validate(
        {
            "seed": 3,
            "arrivals": {"process": "trace", "trace": "steady"},
            "service": {"distribution": "deterministic", "mean_s": 2},
            "provider": {"outages": [{"start_s": 10, "length_s": 15}]},
            "retries": {"max": 8, **jitter},
            "event_driven": {"consumers": 40, "delivery": {"method": "none"}},
        }
    )


def performed(
    scenario: Scenario, arrivals_s: np.ndarray[tuple[int], np.dtype[np.float64]], pace: float, watch: object
) -> DesignRun:
    jobs = draw_jobs(scenario, "event_driven", trace=Trace(arrivals_s))
    stage = Stage(scenario, "event_driven", jobs, pace, 20.0, "document_extraction")
    with folders.run_folder("acceptance") as folder:
        return run_design(stage, folder, watch)  # type: ignore[arg-type]


def busiest(found: DesignRun, from_s: float, width_s: float) -> int:
    """The most calls to the provider in a stretch of `width_s`, from then on."""
    at_s = Rows.of(found.rows, found.clock).at_s[found.rows["what"] == What.PROVIDER_CALL]
    at_s = at_s[at_s >= from_s]
    return int((np.searchsorted(at_s, at_s + width_s) - np.arange(len(at_s))).max())


@pytest.mark.full
def test_flat_retries_come_back_as_a_herd_and_jittered_ones_do_not() -> None:
    arrivals_s = np.concatenate([np.linspace(0, 9, 9), np.full(25, 10.5), np.linspace(12, 30, 18)])
    flat = performed(an_outage({"flat_s": 6}), arrivals_s, 4.0, lambda _: None)
    full = performed(an_outage({"base_s": 6, "cap_s": 12, "jitter": "full"}), arrivals_s, 4.0, lambda _: None)
    assert busiest(flat, 13, 1.5) > 1.5 * busiest(full, 13, 1.5)
