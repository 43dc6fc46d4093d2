from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from advisor.decisions.models import EngineName
from core.errors import Problem
from simulator import experiment as kernel
from simulator.experiment import Estimate
from simulator.live.run.run_plan import LiveRunPlan, plan_live_run
from simulator.live.run.support import estimate_live, find_unsupported
from simulator.remedies import simulate_with_remedies
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.traces import Trace

Simulate = Callable[..., Result]
"""Run both designs: `scenario`, then by name `trace`, `replications`, `on_progress`, `durations_s`, and the options of an engine that has some.
`on_progress` is called a few times a second; what it raises stops the run and propagates.
"""


@dataclass(frozen=True)
class Engine:
    simulate: Simulate
    estimate: Callable[[Scenario, Trace | None, int | None], Estimate]
    unsupported: Callable[..., tuple[Problem, ...]]
    """Takes the scenario; of a live engine, also the kind of workers."""
    is_live: bool = False
    """Whether it runs in real time, and takes `speed`, `seconds`, `workers`, `time_limit_s`, a `label` for its folder, a `workload` to send, and an
    outside endpoint (`external`, `key`) to call.
    """
    plan: Callable[..., LiveRunPlan] = plan_live_run


def _simulate_live(scenario: Scenario, **options: Any) -> Result:
    from simulator.live.run.engine import simulate_live

    return simulate_live(scenario, **options)


ENGINES: Mapping[str, Engine] = {
    EngineName.KERNEL: Engine(simulate_with_remedies, kernel.estimate, kernel.unsupported),
    EngineName.LIVE: Engine(_simulate_live, estimate_live, find_unsupported, is_live=True),
}
