# mypy: disable-error-code="no-any-return"
"""The circuit breaker of the event-driven design: closed, open for a pause, then a single call as the probe. See `scenario.CircuitBreaker`."""

from simulator.kernel import layout
from simulator.kernel.access import slot
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine
from simulator.kernel.machine import is_poison, outage_at

CLOSED, OPEN, PROBING = 0, 1, 2


@compiled
def circuit_allows(m: Machine, now: float) -> bool:
    """Whether the circuit lets a call through; if time alone will, a timer is set."""
    if m.breaker == PROBING:
        return False
    if m.breaker == OPEN and now < m.breaker_until:
        m.timer = m.breaker_until
        return False
    return True


@compiled
def record_in_circuit(m: Machine, s: int, fails: bool, now: float) -> bool:
    """Record how a call ended. Returns whether it was a probe whose failure is no attempt of the job."""
    record = slot(m.slots, s)
    if fails and record.flags & layout.F_NO_ANSWER == 0 and is_poison(m, record.job):
        fails = False
    probe = record.flags & layout.F_PROBE != 0
    record.flags &= ~layout.F_PROBE
    m.streak = m.streak + 1 if fails else 0
    if m.breaker == CLOSED:
        opens = m.streak >= m.breaker_failures
    else:
        if not probe:
            return False
        opens = fails
    m.breaker = OPEN if opens else CLOSED
    if opens:
        m.breaker_until = now + m.breaker_pause
    if probe and fails and not timed_out(m, s):
        record.caller += layout.PROBED
        return True
    return False


@compiled
def timed_out(m: Machine, s: int) -> bool:
    """Whether a call without an answer was given up although the provider was in service: its job takes too long at every attempt."""
    record = slot(m.slots, s)
    return record.flags & layout.F_NO_ANSWER != 0 and outage_at(m, record.began + m.dispatch_cost) < 0
