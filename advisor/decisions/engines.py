"""What can run a Scenario."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.decisions.models import EngineName
from simulator import simulate as kernel
from simulator.arrivals import Trace
from simulator.live import engine as live
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.schema import Problem
from simulator.simulate import Estimate, Progress


class Simulate(Protocol):
    """Runs both designs. `on_progress` is called a few times a second; what it raises stops the run and propagates.

    `options` are those of an engine that has some (`Engine.is_live`).
    """

    def __call__(
        self,
        scenario: Scenario,
        *,
        trace: Trace | None,
        replications: int | None,
        on_progress: Callable[[Progress], None],
        durations_s: NDArray[np.float64] | None = None,
        **options: Any,
    ) -> Result: ...


@dataclass(frozen=True)
class Engine:
    """One engine: how it runs, what a run will take, and what it doesn't honour."""

    simulate: Simulate
    estimate: Callable[[Scenario, Trace | None, int | None], Estimate]
    unsupported: Callable[[Scenario], tuple[Problem, ...]]
    is_live: bool = False
    """Whether it runs in real time, and takes a `speed`, a `label` for its folder and a `workload` to send."""


ENGINES: Mapping[str, Engine] = {
    EngineName.KERNEL: Engine(kernel.simulate, kernel.estimate, kernel.unsupported),
    EngineName.LIVE: Engine(live.simulate, live.estimate, live.unsupported, is_live=True),
}
