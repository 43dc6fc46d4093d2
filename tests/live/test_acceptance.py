"""The kernel held to live runs: the seed workloads and a burst."""

import time

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from simulator.live.run import engine, run_plan
from simulator.result import DesignResult, LiveReport
from simulator.scenario import Scenario
from tests.outcomes import OUTCOMES

HELD = {"wait_s.mean", "latency_s.p95", "good_share", "queue_depth.max"}
"""The figures in which the kernel may not differ."""


pytestmark = pytest.mark.usefixtures("place")


def conserves(design: DesignResult) -> bool:
    return design.offered == sum(getattr(design, name) for name in OUTCOMES)


def off(live: LiveReport) -> list[str]:
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
    result = engine.simulate_live(scenario_of(Evaluation.from_answers(answers)), workload=template)
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
    result = engine.simulate_live(scenario, speed=8)
    assert result.live is not None
    assert not off(result.live)
