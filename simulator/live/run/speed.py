"""How fast a live run may go: as fast as this machine keeps its own overheads out of the figures, and no faster."""

from dataclasses import dataclass
from math import floor

from simulator.arrivals import Trace
from simulator.live.run.machine_capacity import Capacity, current
from simulator.live.run.window import Window, simulate_window, window_of
from simulator.plan import EVENT_DRIVEN, Floats, called_subscribers, mean_service_s
from simulator.plurals import counted
from simulator.scenario import PollingDelivery, Scenario
from simulator.schema import InvalidInput, Problem

DEFAULT_S = 20.0
"""Real seconds over which jobs arrive, unless the user chooses fewer."""
POLL = 0.1
"""What asking and answering once asks of the machine, next to a job: 0.3 ms of processor time against 4 to 8, and some in reserve."""
TIMES_OVERHEAD = 20.0
"""A mean service time has to last so many times what the machine's own parts take for a job."""
STEPS = 24
PEAK_S = 3.0
"""The busiest real seconds that count: a burst of less is smoothed by what waits."""


@dataclass(frozen=True)
class Limit:
    """The highest speed, and what sets it, in words with the figure."""

    speed: float
    reason: str

    def checked(self, asked: float | None) -> float:
        """The speed to run at: the highest unless one is asked for. Raises InvalidInput on `speed`, where that is more."""
        if asked is None:
            return self.speed
        if asked > self.speed * 1.001:
            raise InvalidInput([Problem("speed", f"should be at most {self.speed:g} here: {self.reason}")])
        return asked


def limit_of(
    scenario: Scenario,
    trace: Trace | None,
    durations_s: Floats | None,
    capacity: Capacity | None = None,
    *,
    seconds: float = DEFAULT_S,
) -> Limit:
    """The highest speed at which a live run says something about the designs, and not about this machine, if jobs arrive for `seconds`.

    `capacity` None: as it was measured, or taken with caution until the first live run here measures it.
    """
    machine = capacity or current()
    service = _by_service(scenario, trace, durations_s, machine)
    low, high = service.speed / 2**STEPS, service.speed
    at_high = _too_much(scenario, trace, durations_s, high, machine, seconds)
    if at_high is None:
        return service
    reason = at_high
    for _ in range(8):
        middle = (low + high) / 2 if low > high / 8 else high / 2
        found = _too_much(scenario, trace, durations_s, middle, machine, seconds)
        if found is None:
            low = middle
        else:
            high, reason = middle, found
        if high - low < 0.05 * high:
            break
    return Limit(_rounded(low), reason)


def real_time(
    scenario: Scenario, trace: Trace | None, durations_s: Floats | None, capacity: Capacity, *, seconds: float
) -> Limit:
    """Of workers of rq that nothing is replaced of: their scheduler looks once a second, so they run at speed 1.

    Raises:
        InvalidInput: on `workers`, if this machine does not carry the workload at that speed.
    """
    if reason := _too_much(scenario, trace, durations_s, 1.0, capacity, seconds):
        raise InvalidInput(
            [Problem("workers", f"should not be stock here: stock workers run in real time, and {reason}")]
        )
    return Limit(1.0, "stock workers run in real time: rq's own scheduler looks for due retries once a second")


def _by_service(scenario: Scenario, trace: Trace | None, durations_s: Floats | None, machine: Capacity) -> Limit:
    mean_s = mean_service_s(scenario, trace, durations_s)
    least_s = TIMES_OVERHEAD * machine.overhead_s
    return Limit(
        _rounded(mean_s / least_s),
        f"a mean service time of {_digits(mean_s)} s has to last {_digits(1000 * least_s)} ms, {TIMES_OVERHEAD:g} times the "
        f"{_digits(1000 * machine.overhead_s)} ms that the parts of a live run take for a job on this machine{_told(machine)}",
    )


def _digits(value: float) -> str:
    """Three digits, and no power of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _told(machine: Capacity) -> str:
    if not machine.measured:
        return ", by a cautious estimate: the first live run here measures it"
    return ", measured while it was busy with other things" if machine.busy else ""


def _too_much(
    scenario: Scenario,
    trace: Trace | None,
    durations_s: Floats | None,
    speed: float,
    machine: Capacity,
    seconds: float,
) -> str | None:
    """What a speed asks of this machine that it does not have; None where it has. Each subscriber's share of a job counts as one."""
    window = window_of(scenario, trace, durations_s, seconds * speed)
    hands = 1 + called_subscribers(scenario)
    rate = window.peak_rate_per_s(PEAK_S * speed) * speed
    carried = min(machine.synchronous_jobs_per_s, machine.event_driven_jobs_per_s)
    has = f"this machine carries {carried / hands:.0f} at full use, of which a run takes {machine.jobs_per_s / hands:.0f}{_told(machine)}"
    if rate * hands > machine.jobs_per_s:
        each = f", handed to {counted(hands - 1, 'subscriber')} each" if hands > 1 else ""
        return f"the busiest seconds would bring {rate:.0f} jobs a second{each}, and {has}"
    polls = _polls_per_s(window, speed)
    if rate * hands + POLL * polls > machine.jobs_per_s:
        return f"callers would poll {polls:.0f} times a second beside {rate:.0f} jobs, {1 / POLL:g} polls cost what a job does, and {has}"
    return None


def _polls_per_s(window: Window, speed: float) -> float:
    """At the worst instant, by the kernel's account of the window."""
    delivery = window.scenario.event_driven.delivery
    if not isinstance(delivery, PollingDelivery) or delivery.interval_s <= 0:
        return 0.0
    tally = simulate_window(window.scenario, window.trace, window.durations_s)[EVENT_DRIVEN]
    return (tally.depth_max + window.scenario.event_driven.consumers) / delivery.interval_s * speed


def _rounded(speed: float) -> float:
    """Down to two digits, as a person would say it."""
    if speed >= 10:
        return float(floor(speed))
    return floor(speed * 10) / 10 if speed >= 1 else floor(speed * 100) / 100 or speed
