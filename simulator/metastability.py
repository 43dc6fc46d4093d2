"""Whether a design recovers when a trigger that overloaded it has gone: the overload may stay, kept up by retries.

Source: Bronson et al., Metastable failures in distributed systems, HotOS 2021; Huang et al., Metastable failures in the wild, OSDI 2022.
"""

from dataclasses import dataclass

import numpy as np

from simulator.replications import OnProgress
from simulator.result import DesignResult
from simulator.scenario import BurstArrivals, Scenario
from simulator.simulate import simulate


@dataclass(frozen=True)
class Recovery:
    """What a trigger did to a design. Depths are of jobs waiting; amplification is the clients' calls an offered job, by those of a quiet run."""

    recovers: bool
    drain_s: float | None
    """From the end of the trigger until the queue was as short as before it; None where it never was."""
    amplification: float
    peak_depth: float
    dead_lettered: int
    """Beyond those of a quiet run; the synchronous design's are its failures and timeouts."""


def metastability(
    scenario: Scenario, *, trigger: tuple[float, float], observe_s: float, on_progress: OnProgress | None = None
) -> dict[str, Recovery]:
    """Each design's recovery from a `trigger` (start and end, seconds), watched for `observe_s` after it.

    The trigger is in the scenario: one burst, or an outage of the provider. The same seed without it is the quiet run.
    """
    start, end = trigger
    length = {"jobs": None, "duration_s": end + observe_s, "warmup_jobs": 0}
    disturbed = simulate(scenario.model_copy(update=length), replications=1, on_progress=on_progress)
    quiet = simulate(_without_trigger(scenario).model_copy(update=length), replications=1, on_progress=on_progress)
    return {
        "synchronous": _recovery(disturbed.synchronous, quiet.synchronous, start, end),
        "event_driven": _recovery(disturbed.event_driven, quiet.event_driven, start, end),
    }


def _without_trigger(scenario: Scenario) -> Scenario:
    provider = scenario.provider.model_copy(update={"outages": ()})
    arrivals = scenario.arrivals
    if isinstance(arrivals, BurstArrivals):
        low = (arrivals.every_s - arrivals.peak_to_mean * arrivals.peak_s) / (arrivals.every_s - arrivals.peak_s)
        arrivals = arrivals.model_copy(update={"rate_per_s": arrivals.rate_per_s * low, "peak_to_mean": 1.0})
    return scenario.model_copy(update={"provider": provider, "arrivals": arrivals})


def _recovery(disturbed: DesignResult, quiet: DesignResult, start: float, end: float) -> Recovery:
    at, depth = np.array(disturbed.series.t_s), np.array(disturbed.series.queue_depth)
    usual = float(np.quantile(depth[at < start], 0.99)) if (at < start).any() else 0.0
    after = at >= end
    back = np.flatnonzero(depth[after] <= max(usual, 1.0))
    lost = [design.dead_lettered + design.failed + design.timed_out for design in (disturbed, quiet)]
    return Recovery(
        recovers=len(back) > 0,
        drain_s=float(at[after][back[0]] - end) if len(back) else None,
        amplification=_calls(disturbed) / max(_calls(quiet), 1.0),
        peak_depth=float(depth.max()) if len(depth) else 0.0,
        dead_lettered=max(0, lost[0] - lost[1]),
    )


def _calls(design: DesignResult) -> float:
    return design.client_calls / design.offered if design.offered else 1.0
