"""Runs a Scenario through the designs."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.arrivals import Trace
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.schema import Problem


@dataclass(frozen=True)
class Progress:
    """How far a run is: the step in words, and the fraction of the whole (0 to 1)."""

    step: str
    fraction: float


@dataclass(frozen=True)
class Estimate:
    """What a run will take: jobs simulated in all (designs and replications together), and bytes of memory at once."""

    jobs: int
    memory_bytes: int


OnProgress = Callable[[Progress], None]


def simulate(
    scenario: Scenario,
    *,
    trace: Trace | None = None,
    replications: int | None = None,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> Result:
    """Both designs on the same jobs. `on_progress` is called from this thread; what it raises stops the run and propagates."""
    raise NotImplementedError


def estimate(scenario: Scenario, trace: Trace | None = None, replications: int | None = None) -> Estimate:
    """What the run will take, before it is begun."""
    raise NotImplementedError


def warm(on_progress: OnProgress | None = None) -> None:
    """Load the compiled kernel, or compile it, once."""
    raise NotImplementedError


def unsupported(scenario: Scenario) -> tuple[Problem, ...]:
    """The fields that this engine does not honour."""
    raise NotImplementedError
