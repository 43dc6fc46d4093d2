"""How fast a live run may go: as fast as this machine keeps its own overheads out of the figures, and no faster."""

from dataclasses import dataclass
from math import floor

from simulator.arrivals import Trace
from simulator.live.window import Window, window_of
from simulator.plan import EVENT_DRIVEN, Floats, called_subscribers, mean_service_s
from simulator.replications import Runner
from simulator.scenario import PollingDelivery, Scenario
from simulator.schema import InvalidInput, Problem

SECONDS = 20.0
"""Real seconds over which jobs arrive."""
JOBS_PER_S = 80.0
"""Jobs a real second that two cores carry through either design with all of its parts, each subscriber's share counted as one, with room
to spare."""
CALLS_PER_S = 400.0
"""Polls a real second that two cores answer beside that."""
DISPATCH_S = 0.012
"""What a consumer or a worker takes for an attempt beside the model's own time, at most."""
TIMES_DISPATCH = 20.0
"""A mean service time has to last so many dispatches."""
STEPS = 24
PEAK_S = 3.0
"""The busiest real seconds that count: a burst of less is smoothed by what waits."""


@dataclass(frozen=True)
class Limit:
    """The highest speed, and what sets it, in words with the figure."""

    speed: float
    reason: str


def proposed(scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> float:
    """The speed to run at unless one is asked for: the highest there is, or real time where that is less."""
    return limit_of(scenario, trace, durations_s).speed


def limit_of(scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> Limit:
    """The highest speed at which a live run says something about the designs, and not about this machine."""
    service = _by_service(scenario, trace, durations_s)
    low, high = service.speed / 2**STEPS, service.speed
    at_high = _too_much(scenario, trace, durations_s, high)
    if at_high is None:
        return service
    reason = at_high
    for _ in range(8):
        middle = (low + high) / 2 if low > high / 8 else high / 2
        found = _too_much(scenario, trace, durations_s, middle)
        if found is None:
            low = middle
        else:
            high, reason = middle, found
        if high - low < 0.05 * high:
            break
    return Limit(_rounded(low), reason)


def checked(scenario: Scenario, trace: Trace | None, durations_s: Floats | None, asked: float | None) -> float:
    """The speed to run at.

    Raises:
        InvalidInput: on `speed`, where the one asked for is more than this machine can tell the truth at.
    """
    limit = limit_of(scenario, trace, durations_s)
    if asked is None:
        return limit.speed
    if asked > limit.speed * 1.001:
        raise InvalidInput([Problem("speed", f"should be at most {limit.speed:g} here: {limit.reason}")])
    return asked


def _by_service(scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> Limit:
    mean_s = mean_service_s(scenario, trace, durations_s)
    speed = _rounded(mean_s / (TIMES_DISPATCH * DISPATCH_S))
    least_ms = 1000 * TIMES_DISPATCH * DISPATCH_S
    return Limit(
        speed,
        f"a mean service time of {mean_s:.3g} s has to last {least_ms:.0f} ms, {TIMES_DISPATCH:g} times what a dispatch costs",
    )


def _too_much(scenario: Scenario, trace: Trace | None, durations_s: Floats | None, speed: float) -> str | None:
    """What a speed asks of this machine that it does not have; None where it has."""
    window = window_of(scenario, trace, durations_s, SECONDS * speed)
    hands = 1 + called_subscribers(scenario)
    rate = window.peak_rate_per_s(PEAK_S * speed) * speed * hands
    if rate > JOBS_PER_S:
        each = f", handed to {hands - 1} subscribers each" if hands > 1 else ""
        return f"the busiest seconds would bring {rate / hands:.0f} jobs a second{each}, and two cores carry {JOBS_PER_S / hands:.0f} a second"
    polls = _polls_per_s(window, speed)
    if polls > CALLS_PER_S:
        return f"callers would poll {polls:.0f} times a second, and two cores answer {CALLS_PER_S:g}"
    return None


def _polls_per_s(window: Window, speed: float) -> float:
    """At the worst instant, by the kernel's account of the window."""
    delivery = window.scenario.event_driven.delivery
    if not isinstance(delivery, PollingDelivery) or delivery.interval_s <= 0:
        return 0.0
    runner = Runner(window.scenario, window.trace, window.durations_s, {"synchronous": True, EVENT_DRIVEN: True}, 1)
    runner.run(1)
    tally = runner.tallies[EVENT_DRIVEN][0]
    return (tally.depth_max + window.scenario.event_driven.consumers) / delivery.interval_s * speed


def _rounded(speed: float) -> float:
    """Down to two digits, as a person would say it."""
    if speed >= 10:
        return float(floor(speed))
    return floor(speed * 10) / 10 if speed >= 1 else floor(speed * 100) / 100 or speed
