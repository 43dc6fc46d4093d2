"""Answers, and what was posted instead, as a page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any, assert_never

from django.http import QueryDict

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.library import Profile
from advisor.advice.library_overrides import SHIPPED, Library
from advisor.advice.questionnaire import FIRST_QUESTIONS, SECTIONS, Question, QuestionSection
from advisor.advice.questionnaire.units import UNIT_SECONDS
from advisor.advice.templates import TEMPLATES
from advisor.reports.document.answers import QUESTIONS, exact_words, value_words
from advisor.web.forms import typed_numbers
from advisor.web.forms.hops import OWN_HOP_NAMES, choices_of, kept_choices, own_hops, texts_of
from advisor.web.forms.posts import CERTAINTIES, Certainty, certainty_of, number_from
from advisor.web.forms.questions import field_id, owner_of, sentence_of
from advisor.web.forms.thresholds import Thresholds, thresholds_by_path
from core.errors import Problem
from core.numbers import MISSING, number
from core.paths import value_at
from core.units import DAY_S

SHORT_TEXT = 7
"""Text up to this length is shown in the question's own unit."""
SHORT_TIME, LONG_TIME = 2, 3
"""The same for times, and how long a text in another unit may be: 60 s and 1.962 s, but 30 min rather than 1800 s."""


@dataclass(frozen=True)
class FieldHints:
    certainty: Certainty = "number"
    reading: str = ""
    source: str = ""
    """Where the answer comes from, if no person gave it."""
    why: str = ""
    """The template's reason, if the answer is the template's value; else what the template has."""
    text: str = ""
    unit: str = ""
    """How the page would write it."""
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def choices(self) -> tuple[tuple[str, str, bool], ...]:
        return tuple((value, words, value == self.certainty) for value, words in CERTAINTIES)


@cache
def _values(template: str) -> Mapping[str, Any]:
    return TEMPLATES[template].answers.model_dump()


def best_written(question: Question, value: Any) -> tuple[str, str]:
    """Text and unit: the question's own unit, unless that is long and shorter in another unit ("30 min", "5000 per day")."""
    if value is None or isinstance(value, dict):
        return typed_numbers.written(value), question.unit
    return _number_written(question.path, value)


@lru_cache(maxsize=4096, typed=True)
def _number_written(path: str, value: float) -> tuple[str, str]:
    question = QUESTIONS[path]
    own, is_time = typed_numbers.written(value), question.unit in UNIT_SECONDS
    if len(own) <= (SHORT_TIME if is_time else SHORT_TEXT):
        return own, question.unit
    whole = question.kind == "integer"
    candidates = [(own, question.unit)]
    for unit in question.converters:
        factor = question.factor(unit)
        text = typed_numbers.written(float(f"{value / float(factor):.12g}"))
        is_short = len(text) <= LONG_TIME or not is_time or len(own) > SHORT_TEXT
        if is_short and typed_numbers.parse_answer(text, whole, question.unit, factor) == value:
            candidates.append((text, unit))
    return min(candidates, key=lambda candidate: len(candidate[0]))


MANY = 10_000
"""From here on a number is also shown with its thousands separated."""


def reading(question: Question, value: Any, answers: Answers, text: str, unit: str) -> str:
    """The value in words; empty if they say no more than the `text` in its `unit`."""
    if not question.uncertain or value is None:
        return ""
    if isinstance(value, dict):
        middle = value_words(question.path, value_at(answers, question.path))
        if not value.get("unknown"):
            ends = " to ".join(exact_words(question.path, value[end]) for end in ("low", "high"))
            return f"taken as {middle}" if typed_numbers.is_plain(text) else f"= {ends}, taken as {middle}"
        known = answers.uncertain[question.path]
        return f"{value_words(question.path, known.ends())}, taken as {middle}"
    words = _other_words(question, value, unit if typed_numbers.is_plain(text) else "")
    return "" if words in (MISSING, f"{text.strip()} {unit}".strip()) else f"= {words}"


def _other_words(question: Question, value: float, typed_in: str) -> str:
    own = typed_in == question.unit
    match question.unit:
        case "/s" if own:
            return f"{number(value * DAY_S)} a day"
        case "/s":
            return f"{number(value)} /s"
        case "/min" if own:
            return f"{number(value / 60)} /s"
        case "s" | "min" | "h":
            words = exact_words(question.path, value)
            return MISSING if own and words.endswith(f" {question.unit}") and words.count(" ") == 1 else words
    return exact_words(question.path, value) if not own or value >= MANY else MISSING


@dataclass(frozen=True)
class Field:
    question: Question
    text: str
    """As typed, or as stored."""
    unit: str
    chosen: tuple[str, ...]
    """The hops that are ticked."""
    error: str
    hidden: bool
    own_hop: Mapping[str, str] = field(default_factory=dict)
    """The hop that is being described, as typed."""
    hints: FieldHints = field(default_factory=FieldHints)
    library: Library = SHIPPED
    """The hops and profiles that are offered."""
    partners: tuple[str, ...] = ()
    """The ids of the fields that the error is between, if it is a contradiction: it is shown without alarm while these are typed into."""
    unsaved: bool = False
    """Whether what was typed is not what is stored: then it has no reading."""

    @property
    def id(self) -> str:
        return field_id(self.question.path)

    @property
    def profile(self) -> Profile | None:
        return self.library.profiles.get(self.text) if self.question.kind == "profile" else None

    @property
    def is_independent(self) -> bool:
        """Whether its HTML follows from it alone: not from the library, nor from the decision's recording."""
        return self.question.kind not in ("hops", "profile") and self.question.path != "volume.trace"

    @property
    def checked(self) -> bool:
        return self.text == "on"

    @property
    def example(self) -> str:
        example = self.question.example or ""
        try:
            return exact_words(self.question.path, float(example))
        except ValueError:
            return example

    @property
    def options(self) -> tuple[tuple[str, str, bool], ...]:
        chosen = self.chosen if self.question.kind == "hops" else (self.text,)
        kept = kept_choices(self.question, chosen, self.library)
        offered = (*choices_of(self.question, self.library), *kept, *own_hops(self.chosen))
        return tuple((value, words, value in chosen) for value, words in offered)


@dataclass(frozen=True)
class FieldGroup:
    section: QuestionSection
    state: str
    fields: tuple[Field, ...]

    @property
    def further_fields(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.question.path not in FIRST_QUESTIONS)

    @property
    def faulty(self) -> bool:
        return any(field.error for field in self.further_fields)


def first_fields(groups: Iterable[FieldGroup]) -> list[Field]:
    by_path = {field.question.path: field for group in groups for field in group.fields}
    return [by_path[path] for path in FIRST_QUESTIONS]


def groups_of(
    answers: Answers,
    post: QueryDict | None = None,
    problems: Iterable[Problem] = (),
    recommendation: Recommendation | None = None,
    own: Library = SHIPPED,
) -> tuple[FieldGroup, ...]:
    """Every section, filled with the answers; if a post was refused, with what was posted and what is wrong with it.

    With the `recommendation` on these answers, each field has its thresholds. `own` is the library that it offers.
    """
    problems = tuple(problems)
    thresholds = thresholds_by_path(answers, recommendation) if recommendation else {}
    filler = _Filler(answers, post, errors_by_field(problems), _partners(problems), thresholds, own)
    return tuple(
        FieldGroup(section, section.state(answers), tuple(map(filler.field, section.questions))) for section in SECTIONS
    )


@dataclass(frozen=True)
class _Filler:
    """Fills the fields of questions."""

    answers: Answers
    post: QueryDict | None
    errors: Mapping[str, str]
    partners: Mapping[str, tuple[str, ...]]
    thresholds: Mapping[str, Thresholds]
    own: Library

    @cached_property
    def stored(self) -> Mapping[str, Any]:
        return self.answers.model_dump()

    def field(self, question: Question) -> Field:
        path, post = question.path, self.post
        value = value_at(self.stored, path)
        text, unit = _written(question, value)
        chosen = texts_of(value, self.own) if question.kind == "hops" else ()
        unsaved = bool(self.errors) and question.uncertain and self._holds_other(question, value)
        hints = self._hints(question, value, text, unit, unsaved=unsaved)
        if post is not None and path in post:
            texts = post.getlist(path)
            text, unit = texts[-1], post.get(f"unit:{path}", unit)
            chosen = tuple(filter(None, texts)) if question.kind == "hops" else ()
        error = self.errors.get(path, "")
        return Field(
            question,
            text,
            unit,
            chosen,
            error,
            hidden=not error and not question.applies(self.answers),
            own_hop={key: post.get(name, "") for key, name in OWN_HOP_NAMES.items()} if post else {},
            hints=hints,
            library=self.own,
            partners=self.partners.get(path, ()),
            unsaved=unsaved,
        )

    def _hints(self, question: Question, value: Any, text: str, unit: str, *, unsaved: bool) -> FieldHints:
        path, template = question.path, TEMPLATES[self.answers.template]
        source = self.answers.source_of(path)
        is_templates = (
            source is None and path in template.why and value == value_at(_values(self.answers.template), path)
        )
        return FieldHints(
            certainty=certainty_of(value),
            reading="" if unsaved else reading(question, value, self.answers, text, unit),
            source=source.text if source else "",
            why=self._why(question, is_templates=is_templates) if source is None else "",
            text=text,
            unit=unit,
            thresholds=self.thresholds.get(path, Thresholds()),
        )

    def _why(self, question: Question, *, is_templates: bool) -> str:
        path = question.path
        if is_templates:
            return f"From the template: {TEMPLATES[self.answers.template].why[path]}"
        if path not in TEMPLATES[self.answers.template].why:
            return ""
        templates = value_words(path, value_at(_values(self.answers.template), path))
        return f"Your answer. The template has {templates}."

    def _holds_other(self, question: Question, value: Any) -> bool:
        if self.post is None or question.path not in self.post:
            return False
        try:
            return bool(number_from(question, self.post) != value)
        except ValueError:
            return True


def errors_by_field(problems: Iterable[Problem]) -> dict[str, str]:
    """The first sentence for each field; what belongs to none is under the empty path."""
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(owner_of(problem.path), _problem_sentence(problem))
    return errors


def _problem_sentence(problem: Problem) -> str:
    if len(problem.others) != 1:
        return sentence_of(problem.reason)
    [(other, least)] = problem.others
    words = exact_words(other, least)
    return f"This must be at least {words}, the answer to “{QUESTIONS[other].label}”."


def _partners(problems: Iterable[Problem]) -> Mapping[str, tuple[str, ...]]:
    """By the question at which a contradiction is shown, the ids of all fields that it is between."""
    return {
        owner_of(problem.path): tuple(
            dict.fromkeys(field_id(owner_of(path)) for path in (problem.path, *dict(problem.others)))
        )
        for problem in reversed(tuple(problems))
        if problem.others
    }


def _written(question: Question, value: Any) -> tuple[str, str]:
    match question.kind:
        case "flag":
            return "on" if value else "", ""
        case "number" | "integer":
            return best_written(question, value)
        case "hops":
            return "", ""
        case "durations":
            return typed_numbers.written(value), question.unit
        case "choice" | "text" | "profile":
            return value or "", ""
        case _:
            assert_never(question.kind)
