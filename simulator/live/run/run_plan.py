"""Plans a live run: which part of the workload, how fast, for how long, and what it may spend at an external endpoint."""

from dataclasses import dataclass, replace
from math import ceil, floor, inf

import numpy as np

from core.errors import InvalidInput, Problem
from core.numbers import count
from core.units import DAY_S
from simulator.arrivals import TraceArrivals
from simulator.conclusions import jobs_for_verdict
from simulator.deliveries import PollingDelivery
from simulator.live.run.machine_capacity import SHARE, Capacity, current
from simulator.live.run.window import Window, cut_window, simulate_window
from simulator.live.system.config import ExternalEndpoint
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS, called_subscribers, mean_service_s
from simulator.result import WorkerKind
from simulator.scenario import Failures, Scenario
from simulator.tally import Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace

DEFAULT_S = 20.0
"""Real seconds over which jobs arrive, unless a verdict takes more or the user chooses."""
POLL = 0.1
"""What a poll asks of the machine, next to a job: 0.3 ms of processor time against 4 to 8, and some in reserve."""
TIMES_OVERHEAD = 20.0
"""A mean service time lasts at least this many times what the machine's own processes take for a job."""
STEPS = 24
PEAK_S = 3.0
"""The busiest real seconds that count: a burst of less is smoothed by what waits."""
STARTING_S = 1.5
CALIBRATING_S = 3.0
"""`calibrate.SECONDS`, in which jobs arrive; planning a run does not import its processes."""
ARRIVING = 0.5
"""The share of a design's time at an external endpoint in which jobs arrive; the rest is for those under way."""
RESERVE = 0.8
"""The share of a design's calls that its jobs may take at the first attempt, where there are retries."""
TRIES = 8
LONGEST_DEFAULT_S = 120.0
"""Real seconds over which jobs arrive, at most, unless the user chooses more."""
FEWEST_SECONDS, MOST_SECONDS = 1.0, 86_400.0
LENGTH_RESERVE = 1.1
"""Arrivals and classes are random: longer than the mean rate asks for, by this factor."""


@dataclass(frozen=True)
class Limit:
    speed: float
    reason: str

    def checked(self, asked: float | None) -> float:
        """The speed to run at: the highest unless one is asked for. Raises InvalidInput on `speed`, where that is more."""
        if asked is None:
            return self.speed
        if asked > self.speed * 1.001:
            raise InvalidInput([Problem("speed", f"should be at most {self.speed:g} here: {self.reason}")])
        return asked


@dataclass(frozen=True, eq=False)
class LiveRunPlan:
    window: Window
    speed: float
    limit: Limit
    seconds: float
    """Real seconds over which jobs arrive, at most."""
    workers: WorkerKind
    real_s: float
    """About, from the start to the result."""
    most_calls: int
    """To the provider, both designs together, retries included."""
    is_measured: bool
    """Whether this machine was measured with such workers; otherwise the first run does, and may change speed and jobs."""
    verdict_jobs: int | None = None
    external: ExternalEndpoint | None = None

    @property
    def most_output_tokens(self) -> int | None:
        return self.most_calls * self.external.max_tokens_a_call if self.external is not None else None

    @property
    def verdict_seconds(self) -> float | None:
        """About how long jobs have to arrive for a verdict, if this run is too short for one; None if it is not, or if no length helps."""
        if self.verdict_jobs is None or self.window.jobs >= self.verdict_jobs or self.window.is_whole:
            return None
        return float(ceil(self.seconds * self.verdict_jobs / self.window.jobs))


def plan_live_run(
    scenario: Scenario,
    trace: Trace | None = None,
    durations_s: Floats | None = None,
    *,
    speed: float | None = None,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
    external: ExternalEndpoint | None = None,
    capacity: Capacity | None = None,
    time_limit_s: float = inf,
) -> LiveRunPlan:
    """The run that this workload would be.

    `speed` None: as fast as it can measure the designs and not the machine. `seconds` None: long enough for a verdict, or for the whole
    workload, if that takes no more than `LONGEST_DEFAULT_S` and the run no more than `time_limit_s`; otherwise short. `capacity` None: as it
    is known.

    Raises:
        InvalidInput: on `speed`, `seconds` or `workers`, if it is more than this machine can do, or cannot be; on `endpoint`, if an external
            one cannot serve it.
    """
    trace = trace if isinstance(scenario.arrivals, TraceArrivals) else None
    if seconds is not None and not FEWEST_SECONDS <= seconds <= MOST_SECONDS:
        raise InvalidInput(
            [Problem("seconds", f"should be between {FEWEST_SECONDS:g} s and {MOST_SECONDS / 3600:g} h, such as 60 s")]
        )
    if workers == "stock" and speed not in (None, 1.0):
        raise InvalidInput([Problem("speed", "should be left empty, or be 1: stock workers run in real time")])
    workload = Workload(scenario, trace, durations_s, capacity or current(workers), workers, speed)
    if external is not None:
        return _plan_external(workload, seconds, external)
    if seconds is not None:
        return workload.plan_for(seconds)
    return _long_enough(workload, time_limit_s)


@dataclass(frozen=True, eq=False)
class Workload:
    scenario: Scenario
    trace: Trace | None
    durations_s: Floats | None
    capacity: Capacity
    workers: WorkerKind = "threads"
    speed: float | None = None

    def limit(self, seconds: float = DEFAULT_S) -> Limit:
        """The highest speed at which a run says something about the designs, and not about this machine, if jobs arrive for `seconds`.

        Raises:
            InvalidInput: on `workers`, if this machine does not carry the workload in real time, as stock workers run.
        """
        if self.workers == "stock":
            if reason := self._overload(1.0, seconds):
                reason = f"should not be stock here: stock workers run in real time, and {reason}"
                raise InvalidInput([Problem("workers", reason)])
            return Limit(1.0, "stock workers run in real time: rq's own scheduler looks for due retries once a second")
        by_service = self._limit_by_service()
        low, high = by_service.speed / 2**STEPS, by_service.speed
        reason = self._overload(high, seconds)
        if reason is None:
            return by_service
        for _ in range(TRIES):
            middle = (low + high) / 2 if low > high / 8 else high / 2
            overload = self._overload(middle, seconds)
            if overload is None:
                low = middle
            else:
                high, reason = middle, overload
            if high - low < 0.05 * high:
                break
        return Limit(round_speed_down(low), reason)

    def _limit_by_service(self) -> Limit:
        mean_s = mean_service_s(self.scenario, self.trace, self.durations_s)
        overhead_s = self.capacity.overhead_s
        least_s = TIMES_OVERHEAD * overhead_s
        return Limit(
            round_speed_down(mean_s / least_s),
            f"a mean service time of {_digits(mean_s)} s has to last {_digits(1000 * least_s)} ms, {TIMES_OVERHEAD:g} times the "
            f"{_digits(1000 * overhead_s)} ms that the parts of a live run take for a job on this machine{self._how_measured}",
        )

    @property
    def _how_measured(self) -> str:
        if not self.capacity.measured:
            return ", by a cautious estimate: the first live run here measures it"
        return ", measured while it was busy with other things" if self.capacity.busy else ""

    def _overload(self, speed: float, seconds: float) -> str | None:
        """What this machine does not carry at that speed; None if it carries all. Each subscriber's share of a job counts as one."""
        window, capacity = self.window(seconds * speed), self.capacity
        shares = 1 + called_subscribers(self.scenario)
        rate = window.peak_rate_per_s(PEAK_S * speed) * speed
        carried = min(capacity.synchronous_jobs_per_s, capacity.event_driven_jobs_per_s)
        has = f"this machine carries {carried / shares:.0f} at full use, of which a run takes {capacity.jobs_per_s / shares:.0f}{self._how_measured}"
        if rate * shares > capacity.jobs_per_s:
            each = f", handed to {count(shares - 1, 'subscriber')} each" if shares > 1 else ""
            return f"the busiest seconds would bring {rate:.0f} jobs a second{each}, and {has}"
        tallies = simulate_window(window.scenario, window.trace, window.durations_s)
        carries = {SYNCHRONOUS: capacity.synchronous_jobs_per_s, EVENT_DRIVEN: capacity.event_driven_jobs_per_s}
        for design, full in carries.items():
            attempts = _attempts_per_s(tallies[design], PEAK_S * speed) * speed
            if attempts > SHARE * full:
                return (
                    f"the busiest seconds would bring {attempts:.0f} attempts a second, retries included, and this machine carries "
                    f"{full:.0f} at full use, of which a run takes {SHARE * full:.0f}{self._how_measured}"
                )
        polls = _polls_per_s(self.scenario, tallies[EVENT_DRIVEN], speed)
        if rate * shares + POLL * polls > capacity.jobs_per_s:
            return f"callers would poll {polls:.0f} times a second beside {rate:.0f} jobs, {1 / POLL:g} polls cost what a job does, and {has}"
        return None

    def window(self, length_s: float) -> Window:
        return cut_window(self.scenario, self.trace, self.durations_s, length_s)

    def plan_for(self, seconds: float) -> LiveRunPlan:
        limit = self.limit(seconds)
        pace = limit.checked(self.speed)
        return self.plan(self.window(seconds * pace), pace, limit, seconds)

    def plan(
        self, window: Window, speed: float, limit: Limit, seconds: float, external: ExternalEndpoint | None = None
    ) -> LiveRunPlan:
        scenario = window.scenario
        attempts = (scenario.retries.max + 1) * (scenario.synchronous.client_retries + 1)
        deliveries = scenario.event_driven.max_deliveries or scenario.retries.max + 1
        calls = window.jobs * (attempts + deliveries)
        mean_s = mean_service_s(scenario, window.trace, window.durations_s) / speed
        calibrating_s = CALIBRATING_S + (mean_s if external is None else min(1.0, mean_s))
        tallies = simulate_window(scenario, window.trace, window.durations_s).values()
        self._require_one_day(window, max(window.done_s(tally) for tally in tallies))
        real_s = sum(ceil(window.done_s(tally) / speed) for tally in tallies) + 4 * STARTING_S + 2 * calibrating_s
        return LiveRunPlan(
            window=window,
            speed=speed,
            limit=limit,
            seconds=min(seconds, float(ceil(window.length_s / speed))),
            workers=self.workers,
            real_s=float(ceil(real_s)),
            most_calls=calls if external is None else min(calls, 2 * external.calls_a_design),
            is_measured=self.capacity.measured,
            verdict_jobs=jobs_for_verdict(scenario),
            external=external,
        )

    def _require_one_day(self, window: Window, done_s: float) -> None:
        """Raises InvalidInput: calls would wait for the next day's quota."""
        quota = self.scenario.provider.requests_per_day
        if quota is not None and done_s >= DAY_S > window.trace.arrivals_s[-1]:
            problem = (
                f"should be above the calls of a live run, or left empty: {window.jobs:,} jobs arrive in {window.words}, their calls would use up"
                f" the day's {quota:,}, and the rest would wait until the next day; use the kernel"
            )
            raise InvalidInput([Problem("provider.requests_per_day", problem)])


def _long_enough(workload: Workload, time_limit_s: float) -> LiveRunPlan:
    """For a verdict or for the whole workload, if that takes no more than `LONGEST_DEFAULT_S` and the time limit; otherwise short."""
    shortest = LONGEST_DEFAULT_S if workload.workers == "stock" else DEFAULT_S
    plan = short = workload.plan_for(shortest)
    for _ in range(TRIES):
        wanted_s = plan.verdict_seconds
        if wanted_s is None:
            return plan
        longer_s = ceil(LENGTH_RESERVE * wanted_s)
        try:
            plan = workload.plan_for(min(longer_s, LONGEST_DEFAULT_S))
        except InvalidInput:  # the busiest part of a longer window is too much at the speed that was asked for
            return short
        if plan.real_s > time_limit_s or (longer_s > LONGEST_DEFAULT_S and not plan.window.is_whole):
            return short
    return short


def _plan_external(workload: Workload, seconds: float | None, external: ExternalEndpoint) -> LiveRunPlan:
    """In real time, with failures and outages of its own: those of the Scenario are left out, of the prediction, too."""
    if workload.speed not in (None, 1.0):
        raise InvalidInput([Problem("speed", "should be left empty: an outside endpoint answers in real time")])
    most_s = ARRIVING * external.seconds_a_design
    if seconds is not None and seconds > most_s:
        reason = f"should be at most {most_s:g} s: {external.host} may be called for {external.max_seconds:g} s, half of them for each design"
        raise InvalidInput([Problem("seconds", f"{reason}, and the calls of the last jobs need time, too")])
    provider = workload.scenario.provider.model_copy(update={"outages": ()})
    scenario = workload.scenario.model_copy(update={"failures": Failures(), "provider": provider})
    workload = replace(workload, scenario=scenario)
    limit = workload.limit(DEFAULT_S)
    if limit.speed < 1:
        reason = f"cannot serve this workload from here: it answers in real time, and {limit.reason}"
        raise InvalidInput([Problem("endpoint", f"an outside endpoint {reason}")])
    longest_s = seconds or most_s
    return workload.plan(_affordable(workload, longest_s, external), 1.0, limit, longest_s, external)


def _affordable(workload: Workload, longest: float, external: ExternalEndpoint) -> Window:
    """The longest window whose first attempts fit into the calls and the time; at the least a burst of a single instant."""
    scenario = workload.scenario
    has_retries = scenario.retries.max > 0 or scenario.synchronous.client_retries > 0
    jobs = max(1, floor(external.calls_a_design * (RESERVE if has_retries else 1.0)))
    window = workload.window(longest)
    if window.jobs <= jobs:
        return window
    least, too_long = 0.0, longest
    for _ in range(TRIES):
        length_s = (least + too_long) / 2
        try:
            tried = workload.window(length_s)
        except InvalidInput:  # nothing arrives in so little
            least = length_s
            continue
        if tried.jobs > jobs:
            window, too_long = tried if window.jobs > jobs else window, length_s
        else:
            window, least = tried, length_s
    return window


def _attempts_per_s(tally: Tally, over_s: float) -> float:
    """In the busiest `over_s` Scenario seconds, by the kernel's account."""
    seconds = max(1, round(over_s / tally.call_width_s))
    calls = np.convolve(tally.call_bins, np.ones(min(seconds, len(tally.call_bins))))
    return float(calls.max(initial=0.0)) / seconds


def _polls_per_s(scenario: Scenario, tally: Tally, speed: float) -> float:
    delivery = scenario.event_driven.delivery
    if not isinstance(delivery, PollingDelivery) or delivery.interval_s <= 0:
        return 0.0
    return (tally.depth_max + scenario.event_driven.consumers) / delivery.interval_s * speed


def round_speed_down(speed: float) -> float:
    if speed >= 10:
        return float(floor(speed))
    return floor(speed * 10) / 10 if speed >= 1 else floor(speed * 100) / 100 or speed


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
