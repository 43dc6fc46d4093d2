"""What a live run is going to be: which part of the workload, how fast, for how long, and what it may spend at an outside endpoint."""

from dataclasses import dataclass
from math import ceil, floor

from simulator.arrivals import Trace
from simulator.live.run import speed as speeds
from simulator.live.run.speed import Limit
from simulator.live.run.window import Window, simulate_window, window_of
from simulator.live.system.config import ExternalEndpoint
from simulator.plan import Floats, mean_service_s
from simulator.scenario import Failures, Scenario, TraceArrivals
from simulator.schema import InvalidInput, Problem

STARTING_S = 1.5
"""What starting and ending one design's parts takes, about."""
CALIBRATING_S = 3.0
"""`calibrate.SECONDS`, in which jobs arrive; what only says what a run will be imports none of its parts."""
ARRIVING = 0.5
"""The share of a design's time at an outside endpoint in which jobs arrive; the rest is for those under way."""
RESERVE = 0.8
"""The share of a design's calls that its jobs may take at the first attempt, where there are retries."""
TRIES = 8


@dataclass(frozen=True, eq=False)
class LiveRunPlan:
    """A live run before it is started."""

    window: Window
    speed: float
    limit: Limit
    """The highest speed, and what sets it."""
    real_s: float
    """About, from the start to the result."""
    most_calls: int
    """To the provider, both designs together, retries included."""
    external: ExternalEndpoint | None = None

    @property
    def most_output_tokens(self) -> int | None:
        """At an outside endpoint, both designs together; None at the sample one, which costs nothing."""
        return self.most_calls * self.external.max_tokens_a_call if self.external is not None else None


def plan_live_run(
    scenario: Scenario,
    trace: Trace | None = None,
    durations_s: Floats | None = None,
    *,
    speed: float | None = None,
    external: ExternalEndpoint | None = None,
) -> LiveRunPlan:
    """The run that this workload would be. `speed` None: as fast as it can tell the truth.

    Raises:
        InvalidInput: on `speed`, where it is more than this machine tells the truth at; on `endpoint`, where an outside one cannot serve it.
    """
    trace = trace if isinstance(scenario.arrivals, TraceArrivals) else None
    if external is not None:
        return _at_outside(scenario, trace, durations_s, speed, external)
    limit = speeds.limit_of(scenario, trace, durations_s)
    pace = limit.checked(speed)
    window = window_of(scenario, trace, durations_s, speeds.SECONDS * pace)
    return _course(window, pace, limit)


def _at_outside(
    scenario: Scenario, trace: Trace | None, durations_s: Floats | None, speed: float | None, external: ExternalEndpoint
) -> LiveRunPlan:
    """In real time, with failures and outages of its own: those of the Scenario are left out, of the prediction, too."""
    if speed not in (None, 1.0):
        raise InvalidInput([Problem("speed", "should be left empty: an outside endpoint answers in real time")])
    provider = scenario.provider.model_copy(update={"outages": ()})
    scenario = scenario.model_copy(update={"failures": Failures(), "provider": provider})
    limit = speeds.limit_of(scenario, trace, durations_s)
    if limit.speed < 1:
        reason = f"cannot serve this workload from here: it answers in real time, and {limit.reason}"
        raise InvalidInput([Problem("endpoint", f"an outside endpoint {reason}")])
    window = _affordable(scenario, trace, durations_s, external)
    return _course(window, 1.0, limit, external)


def _affordable(
    scenario: Scenario, trace: Trace | None, durations_s: Floats | None, external: ExternalEndpoint
) -> Window:
    """The longest window whose first attempts fit into the calls and the time; at the least a burst of a single instant."""
    has_retries = scenario.retries.max > 0 or scenario.synchronous.client_retries > 0
    jobs = max(1, floor(external.calls_a_design * (RESERVE if has_retries else 1.0)))
    longest = ARRIVING * external.seconds_a_design
    found = window_of(scenario, trace, durations_s, longest)
    if found.jobs <= jobs:
        return found
    least, too_long = 0.0, longest
    for _ in range(TRIES):
        length_s = (least + too_long) / 2
        try:
            tried = window_of(scenario, trace, durations_s, length_s)
        except InvalidInput:  # nothing arrives in so little
            least = length_s
            continue
        if tried.jobs > jobs:
            found, too_long = tried if found.jobs > jobs else found, length_s
        else:
            found, least = tried, length_s
    return found


def _course(window: Window, speed: float, limit: Limit, external: ExternalEndpoint | None = None) -> LiveRunPlan:
    scenario = window.scenario
    attempts = (scenario.retries.max + 1) * (scenario.synchronous.client_retries + 1)
    calls = window.jobs * (attempts + scenario.retries.max + 1)
    mean_s = mean_service_s(scenario, window.trace, window.durations_s) / speed
    calibrating_s = CALIBRATING_S + (mean_s if external is None else min(1.0, mean_s))
    accounts = simulate_window(scenario, window.trace, window.durations_s).values()
    real_s = sum(ceil(window.done_s(tally) / speed) for tally in accounts) + 4 * STARTING_S + 2 * calibrating_s
    return LiveRunPlan(
        window=window,
        speed=speed,
        limit=limit,
        real_s=float(ceil(real_s)),
        most_calls=calls if external is None else min(calls, 2 * external.calls_a_design),
        external=external,
    )
