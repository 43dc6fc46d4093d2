"""What would make advice feasible: the nearest change of one answer, with its words."""

from collections.abc import Callable, Iterable, Mapping

from advisor.advice.contract import Flip, Remedy
from advisor.advice.flips import distance
from advisor.advice.words import count, duration, exactly, number, percent, rate

SACRIFICES = ("provider.", "operations.", "synchronous.", "caller.", "processing.", "volume.")
"""Of remedies about as near as each other: capacity first, then patience, then the work and the load themselves."""

NOUNS: Mapping[str, Callable[[float], str]] = {
    "provider.max_concurrency": lambda value: f"{count(value, 'call')} at once",
    "provider.requests_per_minute": lambda value: f"a quota of {exactly(value, number)} requests a minute",
    "provider.input_tokens_per_minute": lambda value: f"a quota of {exactly(value, number)} input tokens a minute",
    "provider.output_tokens_per_minute": lambda value: f"a quota of {exactly(value, number)} output tokens a minute",
    "provider.share_percent": lambda value: f"{exactly(value, percent)} of the provider's quotas",
    "operations.max_workers": lambda value: f"up to {count(value, 'worker')}",
    "synchronous.workers": lambda value: count(value, "worker"),
    "caller.deadline_s": lambda value: f"a deadline of {exactly(value, duration)}",
    "caller.tolerated_miss_percent": lambda value: f"{exactly(value, percent)} that may be late or missing",
    "processing.p50_s": lambda value: (
        f"processing that typically takes {exactly(value, duration)}, the slowest in proportion"
    ),
    "processing.p95_s": lambda value: f"processing with p95 {exactly(value, duration)}, the typical time in proportion",
    "processing.input_tokens": lambda value: f"{count(value, 'input token')} a request",
    "processing.output_tokens": lambda value: f"{count(value, 'output token')} a request",
    "volume.mean_rate_per_s": lambda value: f"an average of {exactly(value, rate)}",
    "volume.peak_to_mean": lambda value: f"peaks of {exactly(value, number)}x the average",
    "volume.peak_minutes": lambda value: f"peaks of {exactly(60 * value, duration)}",
    "volume.peaks_per_day": lambda value: f"{exactly(value, number)} peaks a day",
    "failures.transient_percent": lambda value: f"{exactly(value, percent)} of the calls failing",
    "failures.poison_percent": lambda value: f"{exactly(value, percent)} of the requests never working",
    "failures.max_retries": lambda value: count(value, "retry"),
}
"""Each answer that can make a design feasible, as what would do."""


def remedy_of(flips: Iterable[Flip], feasible: bool) -> Remedy | None:
    if feasible:
        return None
    mends = [flip for flip in flips if flip.becomes.feasible and flip.field in NOUNS]
    nearest = min(mends, key=lambda flip: (round(distance(flip), 1), _sacrifice(flip.field)), default=None)
    return None if nearest is None else Remedy(field=nearest.field, to=nearest.to, text=_text(nearest))


def _text(flip: Flip) -> str:
    return f"The nearest single change that helps: {NOUNS[flip.field](flip.to)} (by the rules, not simulated)."


def _sacrifice(path: str) -> int:
    return next(place for place, start in enumerate((*SACRIFICES, "")) if path.startswith(start))
