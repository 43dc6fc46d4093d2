"""A recorded burst through both designs, live, held to the kernel: `examples/azure-code-live.yaml`."""

from pathlib import Path

import pytest
import yaml

from simulator.live.run import engine
from simulator.scenario import Scenario
from tests.live.test_acceptance import conserves, off
from tests.unit.simulator.test_real_traces import trace_of

pytestmark = pytest.mark.usefixtures("place")

EXAMPLE = Path(__file__).parents[2] / "examples" / "azure-code-live.yaml"


@pytest.mark.full
def test_the_kernel_tells_what_a_recorded_burst_does_live() -> None:
    given = yaml.safe_load(EXAMPLE.read_text())
    given["arrivals"] = {"process": "trace", "trace": "code", "speed": given["arrivals"]["speed"]}
    result = engine.simulate_live(Scenario.parse(given), trace=trace_of("code"))
    assert result.live is not None
    assert not off(result.live)
    synchronous, event_driven = result.synchronous, result.event_driven
    assert conserves(synchronous) and conserves(event_driven)
    assert synchronous.rejected > 0 and event_driven.rejected == 0
    assert event_driven.queue_depth.max > synchronous.queue_depth.max
    ahead = result.live.predicted_event_driven.good_share > result.live.predicted_synchronous.good_share
    assert (event_driven.good_share > synchronous.good_share) is ahead
