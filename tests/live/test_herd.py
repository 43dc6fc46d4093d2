"""The pair of examples of an outage: what comes back of a herd, in the kernel and live, by the figures of the chart."""

from pathlib import Path

import numpy as np
import pytest

from advisor.advice.yaml_json import read_mapping
from simulator.experiment import simulate
from simulator.live.run import engine
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario

EXAMPLES = Path(__file__).parents[2] / "examples"
EMPTIES_S = 6
"""In which the queue has emptied into the outage, with either kind of retries."""


def example(name: str) -> Scenario:
    return Scenario.parse(read_mapping((EXAMPLES / f"{name}.yaml").read_bytes(), name))


def comes_back(scenario: Scenario, design: DesignResult) -> int:
    (outage,) = scenario.provider.outages
    rate = design.call_rate
    starts_s = np.arange(len(rate.per_s)) * rate.width_s
    later = (starts_s > outage.start_s + EMPTIES_S) & (starts_s < outage.start_s + outage.length_s)
    return int(np.asarray(rate.per_s)[later].max())


def test_flat_retries_come_back_as_a_herd_in_the_kernel_and_jittered_ones_do_not() -> None:
    flat, jitter = (
        comes_back(scenario, simulate(scenario, replications=1).event_driven)
        for scenario in map(example, ("herd-flat", "herd-jitter"))
    )
    assert flat > 4 * jitter


@pytest.mark.full
def test_flat_retries_come_back_as_a_herd_live_and_jittered_ones_do_not() -> None:
    def simulate_example(name: str) -> tuple[Scenario, Result]:
        result = engine.simulate_live(example(name))
        assert result.live is not None
        return result.live.scenario, result

    (flat, one), (jitter, other) = simulate_example("herd-flat"), simulate_example("herd-jitter")
    assert comes_back(flat, one.event_driven) > 1.5 * comes_back(jitter, other.event_driven)
