"""Which answers have no effect in the Scenario, and why."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from advisor.advice.answers import Answers
from advisor.advice.contract import NotSimulated
from advisor.advice.scenario import LONGEST_CYCLE_S, consumers_allowed, first_token_s, slowdown_of
from core.numbers import duration
from core.units import DAY_S

_Reason = Callable[[Answers], str | None]


def _peaks(answers: Answers) -> str | None:
    volume = answers.volume
    if not volume.peaks or volume.trace is not None:
        return None
    every_s = DAY_S / volume.peaks_per_day
    if every_s > LONGEST_CYCLE_S:
        return f"A peak every {duration(every_s)} is too rare to simulate: requests arrive at the mean rate."
    if volume.peak_minutes * 60 >= every_s:
        return "The peaks follow each other without a pause: requests arrive at the mean rate."
    return None


def _order(answers: Answers) -> str | None:
    """Of the order within keys the event-driven design alone keeps it, and only if the keys are counted."""
    if answers.subscribers.ordering != "per_key":
        return None
    if answers.subscribers.keys is None:
        return "Without a number of keys the order within keys is not simulated: it costs nothing if there are many more keys than consumers."
    return "The event-driven design keeps the order within keys; synchronous calls are simulated in any order."


def _fewest_workers(answers: Answers) -> str | None:
    if answers.operations.min_workers >= consumers_allowed(answers):
        return None
    return "Every worker that is planned is up for the whole run: nothing says when their number would be scaled."


def _outage(answers: Answers) -> str | None:
    if answers.resilience.outage_minutes == 0 or answers.volume.trace is None:
        return None
    return "An outage is simulated in the peak of arrivals with a given rate; the peaks of a recording are not known beforehand."


def _slowdown(answers: Answers) -> str | None:
    if answers.processing.high_mean_s is None or slowdown_of(answers) is not None:
        return None
    return "The calls are no slower at once than alone, so that no slowdown is simulated."


def _first_token(answers: Answers) -> str | None:
    if first_token_s(answers) is None or answers.caller.first_token_s is not None:
        return None
    return "It is not known when a stream begins: every stream is taken to begin in time."


def _lease(answers: Answers) -> str | None:
    operations = answers.operations
    if operations.lease_s is None or operations.crashes_per_hour == 0 or operations.acknowledges == "late":
        return None
    return "A request that is acknowledged when it is taken has no lease that could end."


REASONS_NOT_SIMULATED: Mapping[str, _Reason] = MappingProxyType(
    {
        "caller.first_token_s": _first_token,
        "volume.peak_to_mean": _peaks,
        "processing.high_mean_s": _slowdown,
        "subscribers.ordering": _order,
        "resilience.outage_minutes": _outage,
        "operations.min_workers": _fewest_workers,
        "operations.lease_s": _lease,
    }
)
"""Of answers that some sheets give without an effect: the sentence that says why, or None if they have one."""


def not_simulated(answers: Answers) -> tuple[NotSimulated, ...]:
    """The answers of this sheet that the Scenario leaves out, in the order of the questionnaire."""
    reasons = {field: reason(answers) for field, reason in REASONS_NOT_SIMULATED.items()}
    return tuple(NotSimulated(field=field, reason=reason) for field, reason in reasons.items() if reason is not None)
