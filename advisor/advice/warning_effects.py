"""Which warnings are worth a word: those with an effect in the simulation, the largest first. Without one, all that apply."""

from collections.abc import Callable, Mapping

from advisor.advice.checks import CHECKS, Case
from advisor.advice.contract import AdviceWarning
from core.numbers import percent

NEGLIGIBLE = 0.1
"""An effect on less than this part of the requests that may miss is none."""
BEYOND_P95 = 0.05
"""The part of a class that waits longer than its p95 at least."""


def _missed(case: Case) -> float:
    return 0.0 if case.outcome is None else 1 - case.outcome.good_share


def _missed_if_not_met(case: Case) -> float:
    return 0.0 if case.outcome is None or case.outcome.conclusion == "meets" else _missed(case)


def _waited_too_long(case: Case) -> float:
    outcome = case.outcome
    return 0.0 if outcome is None else outcome.timed_out_share + outcome.refused_share + outcome.late_share


def _missed_in_line(case: Case) -> float:
    return 0.0 if case.style == "event_driven" else _waited_too_long(case)


def _late(case: Case) -> float:
    return 0.0 if case.outcome is None else case.outcome.late_share


def _given_up_in_outage(case: Case) -> float:
    """Beyond those that never work."""
    return 0.0 if case.outage is None or case.breaker else case.outage.given_up_share - case.point.failure.poison


def _held_in_outage(case: Case) -> float:
    """A circuit breaker ends the calls that hang."""
    if case.style == "event_driven" and case.breaker:
        return 0.0
    return 1.0 if case.outage is None else 1 - case.outage.good_share


EFFECTS: Mapping[str, Callable[[Case], float]] = {
    "overload": _missed_if_not_met,
    "impossible_deadline": lambda case: case.point.work.late_share,
    "peak_past_workers": _missed_in_line,
    "demand_past_provider": _missed_if_not_met,
    "targets_need_more_consumers": lambda case: BEYOND_P95 * sum(q.share_percent / 100 for q in case.late_queues),
    "recovery_too_slow": lambda case: 1.0 if case.outage is None else 1 - case.outage.good_share,
    "slows_down": _waited_too_long,
    "timeout_under_p99": lambda case: (
        0.0 if case.outcome is None or case.style == "event_driven" else case.outcome.timed_out_share
    ),
    "retry_window_past_deadline": _late,
    "outage_outlasts_retries": _given_up_in_outage,
    "outage_hangs": _held_in_outage,
    "call_timeout_too_short": lambda case: case.point.work.past_call_timeout,
    "lease_too_short": lambda case: case.point.work.past_lease,
    "quota_burnt": _missed_if_not_met,
    "refused_calls": _missed_if_not_met,
    "poison_without_dead_letters": lambda case: case.point.failure.poison,
    "order_needs_partitions": lambda case: 0.0,
}
"""The share of the requests that each concerns, if the simulation or the answers say it; the last is a practice."""
MEASURED: Mapping[str, str] = {
    "overload": "miss the deadline",
    "peak_past_workers": "are refused, late or time out",
    "demand_past_provider": "miss the deadline",
    "timeout_under_p99": "time out",
    "retry_window_past_deadline": "are late",
    "outage_outlasts_retries": "are given up if the outage begins with a peak",
    "quota_burnt": "miss the deadline",
    "refused_calls": "miss the deadline",
}
"""What becomes of that share in the simulation, if the warning itself does not say it."""


def find_warnings(case: Case) -> tuple[AdviceWarning, ...]:
    fired = [check for check in CHECKS if check.when(case)]
    if not case.is_simulated:
        return tuple(AdviceWarning(code=check.code, text=check.sentence(case)) for check in fired)
    shares = {check.code: EFFECTS[check.code](case) for check in fired if check.code in EFFECTS}
    least = NEGLIGIBLE * case.point.caller.tolerated
    worth = [check for check in fired if shares.get(check.code, 1.0) > least]
    worth.sort(key=lambda check: -shares.get(check.code, 0.0))
    return tuple(
        AdviceWarning(code=check.code, text=check.sentence(case) + _effect(check.code, shares)) for check in worth
    )


def _effect(code: str, shares: Mapping[str, float]) -> str:
    return (
        f" In the simulation {percent(100 * shares[code])} of the requests {MEASURED[code]}."
        if code in MEASURED
        else ""
    )
