"""Answers, and what was posted instead, as a page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, assert_never

from django.http import QueryDict

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.library import Profile
from advisor.advice.library_overrides import SHIPPED, Library
from advisor.advice.questionnaire import SECTIONS, Question, QuestionSection
from advisor.advice.templates import TEMPLATES
from advisor.reports.document.answers import QUESTIONS, exact_words, value_words
from advisor.web.forms import typed_numbers
from advisor.web.forms.hops import OWN_KIND, OWN_LIMIT, OWN_NAME, choices_of, kept_choices, own_hops, texts_of
from advisor.web.forms.posts import CERTAINTIES, Certainty, bounds_of, certainty_of, number_from
from advisor.web.forms.questions import field_id, owner_of, sentence_of
from advisor.web.forms.thresholds import Thresholds, thresholds_by_path
from core.errors import Problem
from core.numbers import MISSING, number
from core.paths import value_at
from core.units import DAY_S

SHORT_TEXT = 7
"""Text up to this length is shown in the question's own unit."""
NO_THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class FieldHints:
    certainty: Certainty = "number"
    reading: str = ""
    why: str = ""
    """The template's reason, if the answer is the template's value."""
    text: str = ""
    unit: str = ""
    """How the page would write it."""
    thresholds: Thresholds = NO_THRESHOLDS

    @property
    def choices(self) -> tuple[tuple[str, str, bool], ...]:
        return tuple((value, words, value == self.certainty) for value, words in CERTAINTIES)


def hints_for(
    question: Question, value: Any, answers: Answers, text: str, unit: str, thresholds: Thresholds = NO_THRESHOLDS
) -> FieldHints:
    template = TEMPLATES[answers.template]
    own = question.path in template.why and value == value_at(_values(answers.template), question.path)
    return FieldHints(
        certainty=certainty_of(value),
        reading=reading(question, value, answers, text, unit),
        why=template.why[question.path] if own else "",
        text=text,
        unit=unit,
        thresholds=thresholds,
    )


@cache
def _values(template: str) -> Mapping[str, Any]:
    return TEMPLATES[template].answers.model_dump()


def best_written(question: Question, value: Any) -> tuple[str, str]:
    """Text and unit: the question's own unit, unless that is long and another says it shorter ("5000 per day")."""
    own = typed_numbers.written(value)
    if len(own) <= SHORT_TEXT or value is None or isinstance(value, dict):
        return own, question.unit
    whole = question.kind == "integer"
    candidates = [(own, question.unit)]
    for unit in question.converters:
        factor = question.factor(unit)
        text = typed_numbers.written(float(f"{value / float(factor):.12g}"))
        if typed_numbers.parse_answer(text, whole, question.unit, factor) == value:
            candidates.append((text, unit))
    return min(candidates, key=lambda candidate: len(candidate[0]))


MANY = 10_000
"""From here on a number reads better with its thousands apart."""


def reading(question: Question, value: Any, answers: Answers, text: str, unit: str) -> str:
    """The value in words, where they say more than the `text` in its `unit` does; empty where they don't."""
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
    """The ids of the fields that the error is between, if it is a contradiction: it is calm while these are typed into."""
    unsaved: bool = False
    """Whether what was typed is not what is stored: then nothing is said of how it reads."""

    @property
    def id(self) -> str:
        return field_id(self.question.path)

    @property
    def profile(self) -> Profile | None:
        return self.library.profiles.get(self.text) if self.question.kind == "profile" else None

    @property
    def checked(self) -> bool:
        return self.text == "on"

    @property
    def bounds(self) -> str:
        return bounds_of(self.question)

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
    def faulty(self) -> bool:
        return any(field.error for field in self.fields)


def groups_of(
    answers: Answers,
    post: QueryDict | None = None,
    problems: Iterable[Problem] = (),
    recommendation: Recommendation | None = None,
    own: Library = SHIPPED,
) -> tuple[FieldGroup, ...]:
    """Every section, filled with the answers; where a post was refused, with what was posted and what is wrong with it.

    With the `recommendation` on these answers, each field says where it turns. `own` is the library that it offers.
    """
    stored = answers.model_dump()
    problems = tuple(problems)
    errors, partners = errors_by_field(problems), _partners(problems)
    thresholds = thresholds_by_path(answers, recommendation) if recommendation else {}
    return tuple(
        FieldGroup(
            section,
            section.state(answers),
            tuple(
                replace(
                    _field(question, answers, stored, post, errors, thresholds.get(question.path, Thresholds()), own),
                    partners=partners.get(question.path, ()),
                )
                for question in section.questions
            ),
        )
        for section in SECTIONS
    )


def errors_by_field(problems: Iterable[Problem]) -> dict[str, str]:
    """The first sentence for each field; what belongs to none is under the empty path."""
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(owner_of(problem.path), _problem_sentence(problem))
    return errors


def _problem_sentence(problem: Problem) -> str:
    """What is wrong; another answer is named by its question, with its unit."""
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


def _field(
    question: Question,
    answers: Answers,
    stored: Mapping[str, Any],
    post: QueryDict | None,
    errors: Mapping[str, str],
    thresholds: Thresholds,
    own: Library,
) -> Field:
    value = value_at(stored, question.path)
    chosen = texts_of(value, own) if question.kind == "hops" else ()
    text, unit = _written(question, value)
    hints = hints_for(question, value, answers, text, unit, thresholds)
    unsaved = bool(errors) and post is not None and question.uncertain and _holds_other(question, value, post)
    if unsaved:
        hints = replace(hints, reading="")
    if post is not None and question.path in post:
        texts = post.getlist(question.path)
        text, unit = texts[-1], post.get(f"unit:{question.path}", unit)
        chosen = tuple(filter(None, texts)) if question.kind == "hops" else ()
    error = errors.get(question.path, "")
    hidden = not error and not question.applies(answers)
    return Field(
        question, text, unit, chosen, error, hidden, _own_hop(post) if post else {}, hints, own, unsaved=unsaved
    )


def _holds_other(question: Question, value: Any, post: QueryDict) -> bool:
    if question.path not in post:
        return False
    try:
        return bool(number_from(question, post) != value)
    except ValueError:
        return True


def _own_hop(post: QueryDict) -> dict[str, str]:
    names = {"name": OWN_NAME, "limit_s": OWN_LIMIT, "kind": OWN_KIND}
    return {key: post.get(name, "") for key, name in names.items()}


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
