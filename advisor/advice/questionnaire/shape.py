"""What a question and a section are. Bounds, choices and whether a field may be empty come from the Answers schema."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from advisor.advice import library
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.questionnaire.units import plainly, spelled
from advisor.advice.words import duration
from core.closed_sets import complete_table
from core.paths import value_at

Kind = Literal["number", "integer", "choice", "flag", "text", "hops", "profile", "durations"]


def always(_: Answers) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    path: str
    label: str
    help: str
    """What the answer changes in the advice."""
    unit: str = ""
    example: str = ""
    applies: Callable[[Answers], bool] = always
    labels: tuple[tuple[str, str], ...] = ()
    converters: tuple[str, ...] = ()
    """Other units to choose from; more may be typed."""

    def __post_init__(self) -> None:
        if self.kind == "choice":
            complete_table(LEAVES[self.path].choices, dict(self.labels))

    @cached_property
    def kind(self) -> Kind:
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


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    questions: tuple[Question, ...]
    sentence: Callable[[Answers], str]

    def state(self, answers: Answers) -> str:
        return self.sentence(answers)


def said(answers: Answers, path: str, words: Callable[[Any], str]) -> str:
    uncertain = answers.uncertain.get(path)
    if uncertain is None:
        return words(value_at(answers, path))
    return f"{words(uncertain.low)} to {words(uncertain.high)}"


PER_SECOND, PER_MINUTE, PER_HOUR, PER_DAY = "per second", "per minute", "per hour", "per day"
MILLISECONDS, MINUTES, HOURS, DAYS = "ms", "min", "h", "d"
