"""What the comments of the examples say of their results."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.experiment import simulate
from simulator.result import Result
from simulator.scenario import Scenario

EXAMPLES = Path(__file__).parents[2] / "examples"


def result_of(name: str, **provider: Any) -> Result:
    given = yaml.safe_load((EXAMPLES / name).read_text())
    given["provider"] |= provider
    return simulate(Scenario.parse(given), replications=10)


def test_a_hanging_provider_takes_the_synchronous_design_down_and_a_short_call_timeout_saves_it() -> None:
    down, saved = result_of("hanging-provider.yaml"), result_of("hanging-provider-short-timeout.yaml")
    for before, after in ((down.synchronous, saved.synchronous), (down.event_driven, saved.event_driven)):
        assert before.good / before.offered == pytest.approx(0.79, abs=0.01)
        assert after.good / after.offered == pytest.approx(0.93, abs=0.01)
    assert (down.verdict, saved.verdict) == ("neither", ["synchronous", "event_driven"])


def test_unpaced_retries_keep_a_quota_empty_that_would_do_for_paced_calls() -> None:
    storm, paced = result_of("unpaced-retry-storm.yaml"), result_of("unpaced-retry-storm.yaml", pacing="paced")
    for unpaced, waiting in ((storm.synchronous, paced.synchronous), (storm.event_driven, paced.event_driven)):
        assert unpaced.completed / unpaced.offered == pytest.approx(0.28, abs=0.02)
        assert unpaced.provider_calls / unpaced.offered == pytest.approx(4.7, abs=0.1)
        assert waiting.completed == waiting.offered
