"""What would make a design meet the deadline, as sentences."""

from collections.abc import Mapping
from types import MappingProxyType

from advisor.reports.wording import design_name, listed
from core.numbers import count, duration, percent, share
from simulator.result import ChangedSetting, DesignRemedies, Remedy, Result

COUNTED_BY_PATH: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "synchronous.workers": ("worker", "workers"),
        "event_driven.consumers": ("consumer", "consumers"),
        "provider.max_concurrency": ("concurrent call", "concurrent calls"),
        "provider.requests_per_minute": ("request a minute", "requests a minute"),
        "provider.requests_per_day": ("request a day", "requests a day"),
        "provider.input_tokens_per_minute": ("input token a minute", "input tokens a minute"),
        "provider.output_tokens_per_minute": ("output token a minute", "output tokens a minute"),
    }
)
"""What each number that may be changed counts."""


def remedy_sentences(result: Result, tolerated_percent: float) -> tuple[str, ...]:
    """A sentence a design; none if the result does not say."""
    return tuple(
        _sentence(design_name(style), remedies, 100 - tolerated_percent)
        for style, remedies in (result.remedies or {}).items()
    )


def _sentence(design: str, remedies: DesignRemedies, wanted_percent: float) -> str:
    if remedies.remedies:
        ways = ", or ".join(_way(remedy) for remedy in remedies.remedies)
        return f"The {design} design would meet it {ways}."
    one, *others = (COUNTED_BY_PATH[path][1] for path in remedies.limits)
    if remedies.can_meet:
        return f"The {design} design meets it if {listed([one, *others])} are not limited; the search found no number that is sure to do."
    if remedies.best_s is None:
        because = f"even then fewer than {percent(wanted_percent)} of its jobs have a result"
    else:
        because = f"even then {percent(wanted_percent)} of its jobs take up to {duration(remedies.best_s)}"
    more = f"more {one}" if not others else f"more {one}, nor with more {listed(others)}"
    return f"The {design} design does not meet it with {more}: {because}."


def _way(remedy: Remedy) -> str:
    low, high = remedy.good_share
    together = " together" if len(remedy.changes) > 1 else ""
    return (
        f"with {listed([_change(change) for change in remedy.changes])}{together} ({share((low + high) / 2)} in time)"
    )


def _change(change: ChangedSetting) -> str:
    return f"{count(change.needed, *COUNTED_BY_PATH[change.path])} instead of {count(change.now)}"
