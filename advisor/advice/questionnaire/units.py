"""The units in which a number may be typed, by how people spell them, and what each is in the question's own unit."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache

UNIT_SECONDS: Mapping[str, Fraction] = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86_400),
    "week": Fraction(604_800),
}
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "ms": ("msec", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "min": ("m", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "week": ("w", "weeks"),
}
PER: Mapping[str, str] = {"/s": "s", "/min": "min", "tokens/min": "min", "a day": "d"}
"""Units that are something a time, and that time."""
SHORT: Mapping[str, str] = {"rps": "s", "rpm": "min", "tpm": "min", "rph": "h", "qps": "s"}
COUNTED = (
    "requests",
    "request",
    "req",
    "calls",
    "call",
    "tokens",
    "token",
    "jobs",
    "job",
    "peaks",
    "peak",
    "x",
    "times",
)
"""What a rate may say that it counts."""
OTHER: Mapping[str, tuple[str, ...]] = {
    "%": ("%", "percent", "per cent", "pct"),
    "x": ("x", "×", "times"),
    "retries": ("retries", "retry", "times"),
    "times": ("times", "x", "retries", "retry"),
}


@cache
def spelled(unit: str) -> Mapping[str, Fraction]:
    """Every spelling that a question in `unit` takes, as `plainly` has it, with its factor into `unit`."""
    if unit in UNIT_SECONDS:
        return {word: seconds / UNIT_SECONDS[unit] for word, seconds in _times().items()}
    if unit in PER:
        own = UNIT_SECONDS[PER[unit]]
        rates = {f"/{word}": own / seconds for word, seconds in _times().items()}
        return rates | {word: own / UNIT_SECONDS[time] for word, time in SHORT.items()}
    words = OTHER.get(unit, (unit, unit.removesuffix("s")) if unit else ())
    return {plainly(word): Fraction(1) for word in words}


@cache
def next_smaller(word: str) -> tuple[str, int] | None:
    name = next(name for name in UNIT_SECONDS if word in (name, *SPELLINGS[name]))
    below = max(
        (other for other in UNIT_SECONDS if UNIT_SECONDS[other] < UNIT_SECONDS[name]),
        key=UNIT_SECONDS.__getitem__,
        default=None,
    )
    return (below, int(UNIT_SECONDS[name] / UNIT_SECONDS[below])) if below else None


def plainly(text: str) -> str:
    """A unit as typed, without what does not tell: "requests per day", "a day" and "/ day" are all "/day"."""
    words = text.lower().replace("/", " / ").split()
    if words and words[0] in COUNTED and len(words) > 1:
        words = words[1:]
    if words and words[0] in ("per", "a", "an", "each", "every") and len(words) > 1:
        words = ["/", *words[1:]]
    return "".join(words)


def _times() -> dict[str, Fraction]:
    return {word: UNIT_SECONDS[name] for name, more in SPELLINGS.items() for word in (name, *more)}


def named(unit: str) -> str:
    if unit in UNIT_SECONDS:
        return "ms, s, min, h or d"
    return "/s, /min, /h or /day" if unit in PER else unit
