"""What a question and a section are, and when a question applies. Bounds and choices come from the Answers schema."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from advisor.advice import library
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.questionnaire.units import plainly, spelled
from core.closed_sets import complete_table
from core.numbers import duration
from core.paths import value_at

QuestionKind = Literal["number", "integer", "choice", "flag", "text", "hops", "profile", "durations"]


def always(_: Answers) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    path: str
    label: str
    help: str
    """What the answer changes in the advice."""
    unit: str = ""
    example: str | None = None
    """By default the default template's number."""
    applies: Callable[[Answers], bool] = always
    labels: tuple[tuple[str, str], ...] = ()
    converters: tuple[str, ...] = ()
    """Other units to choose from; more may be typed."""

    def __post_init__(self) -> None:
        if self.kind == "choice":
            complete_table(LEAVES[self.path].choices, dict(self.labels))
        if self.example is None:
            object.__setattr__(self, "example", _usual_number(self.path))

    @cached_property
    def kind(self) -> QuestionKind:
        if self.path == "synchronous.hops":
            return "hops"
        if self.path == "provider.profile":
            return "profile"
        if self.path == "failures.retry_intervals_s":
            return "durations"
        kind = LEAVES[self.path].kind
        if kind == "list":
            raise TypeError(f"{self.path} has no kind of question")
        return kind

    @property
    def low(self) -> float | None:
        return LEAVES[self.path].low

    @property
    def high(self) -> float | None:
        return LEAVES[self.path].high

    def factor(self, unit: str) -> Fraction:
        """What a value in one of the `units` is multiplied with for the question's own.

        Raises:
            ValueError: if it has no such unit.
        """
        if unit not in self.units:
            raise ValueError("has no such unit")
        return Fraction(1) if unit == self.unit else spelled(self.unit)[plainly(unit)]

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit, *self.converters)

    @property
    def optional(self) -> bool:
        return LEAVES[self.path].nullable

    @property
    def uncertain(self) -> bool:
        return LEAVES[self.path].numeric

    @cached_property
    def choices(self) -> tuple[tuple[str, str], ...]:
        if self.kind == "hops":
            return tuple((fact.name, f"{fact.title}, {duration(fact.limit_s)}") for fact in library.hops().values())
        if self.kind == "profile":
            return tuple((profile.name, profile.title) for profile in library.profiles().values())
        words = dict(self.labels)
        return tuple((value, words[value]) for value in LEAVES[self.path].choices)


def _usual_number(path: str) -> str:
    default = library.sheets()[library.DEFAULT_TEMPLATE].defaults.get(path)
    return f"{default.value:g}" if default and LEAVES[path].numeric and default.value is not None else ""


@dataclass(frozen=True)
class QuestionSection:
    id: str
    title: str
    questions: tuple[Question, ...]
    state: Callable[[Answers], str]
    """The section's answers in a short sentence."""


def number_words(answers: Answers, path: str, words: Callable[[Any], str]) -> str:
    uncertain = answers.uncertain.get(path)
    if uncertain is None:
        return words(value_at(answers, path))
    return f"{words(uncertain.low)} to {words(uncertain.high)}"


PER_SECOND, PER_MINUTE, PER_HOUR, PER_DAY = "per second", "per minute", "per hour", "per day"
MILLISECONDS, MINUTES, HOURS, DAYS = "ms", "min", "h", "d"


def someone_waits(answers: Answers) -> bool:
    return answers.caller.kind != "nobody"


def a_service_waits(answers: Answers) -> bool:
    return answers.caller.kind in ("internal", "partner")


def sender_acknowledged(answers: Answers) -> bool:
    return answers.caller.sends_and_forgets


def streams(answers: Answers) -> bool:
    return someone_waits(answers) and answers.caller.streams_response


def rate_matters(answers: Answers) -> bool:
    return answers.volume.trace is None and not answers.volume.is_closed


def peaks(answers: Answers) -> bool:
    return rate_matters(answers) and answers.volume.peak_to_mean > 1


def has_no_trace(answers: Answers) -> bool:
    return answers.volume.trace is None


def has_clients(answers: Answers) -> bool:
    return answers.volume.is_closed


def slows_down(answers: Answers) -> bool:
    return answers.processing.high_mean_s is not None


def has_quota(answers: Answers) -> bool:
    provider = answers.provider
    quotas = (
        provider.requests_per_minute,
        provider.input_tokens_per_minute,
        provider.output_tokens_per_minute,
        provider.requests_per_day,
    )
    return any(quota is not None for quota in quotas)


def has_limit(answers: Answers) -> bool:
    return has_quota(answers) or answers.provider.max_concurrency is not None


def refuses_calls(answers: Answers) -> bool:
    return has_limit(answers) and answers.provider.pacing == "none"


def backlog_is_bounded(answers: Answers) -> bool:
    return answers.synchronous.backlog is not None


def has_retries(answers: Answers) -> bool:
    return answers.failures.max_retries > 0


def backs_off(answers: Answers) -> bool:
    return has_retries(answers) and answers.failures.retry_intervals_s is None


def either_side_backs_off(answers: Answers) -> bool:
    return backs_off(answers) or (someone_waits(answers) and answers.synchronous.client_retries > 0)


def others_react(answers: Answers) -> bool:
    return answers.subscribers.count > (1 if someone_waits(answers) else 0)


def outage(answers: Answers) -> bool:
    return answers.resilience.outage_minutes > 0


def orders_by_key(answers: Answers) -> bool:
    return answers.subscribers.ordering == "per_key"


def has_lease(answers: Answers) -> bool:
    return answers.operations.lease_s is not None


def runs_a_broker(answers: Answers) -> bool:
    return answers.operations.runs_a_broker_today


def crashes(answers: Answers) -> bool:
    return answers.operations.crashes_per_hour > 0


def delivers_again(answers: Answers) -> bool:
    return has_lease(answers) or crashes(answers)


def has_class(name: str) -> Callable[[Answers], bool]:
    return lambda answers: name in answers.priorities.shares()


def class_differs(name: str) -> Callable[[Answers], bool]:
    """Whether the class has a processing time of its own."""
    return lambda answers: name in answers.priorities.shares() and getattr(answers.priorities, name).p50_s is not None
