"""Answers, and what was posted in their stead, as a page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from django.http import QueryDict

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.editions import SHIPPED, Library
from advisor.advice.library import Profile
from advisor.advice.questionnaire import SECTIONS, Question, Section
from advisor.reports.document.answers import exact_words
from advisor.web.forms import numbers
from advisor.web.forms.beside import Beside, beside_of, best_written
from advisor.web.forms.bounds import bounds_of
from advisor.web.forms.hops import OWN_KIND, OWN_LIMIT, OWN_NAME, choices_of, kept_choices, own_hops, texts_of
from advisor.web.forms.paths import QUESTIONS, field_id, owner_of
from advisor.web.forms.posted import number_from
from advisor.web.forms.sentences import sentence_of
from advisor.web.forms.turns import Turns, turns_by_path
from core.errors import Problem
from core.paths import value_at


@dataclass(frozen=True)
class Field:
    """One question with its answer."""

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
    beside: Beside = field(default_factory=Beside)
    library: Library = SHIPPED
    """The hops and profiles that are offered."""
    partners: tuple[str, ...] = ()
    """The ids of the fields that the error is between, if it is a contradiction: it is calm while these are typed into."""
    unsaved: bool = False
    """Whether what was typed is not what is stored: then nothing is said of how it reads."""

    @property
    def id(self) -> str:
        """Unique on the page, and fit for a selector."""
        return field_id(self.question.path)

    @property
    def profile(self) -> Profile | None:
        """The provider profile that is chosen."""
        return self.library.profiles.get(self.text) if self.question.kind == "profile" else None

    @property
    def checked(self) -> bool:
        """Of a flag: yes."""
        return self.text == "on"

    @property
    def bounds(self) -> str:
        """Between which numbers it must lie."""
        return bounds_of(self.question)

    @property
    def options(self) -> tuple[tuple[str, str, bool], ...]:
        """Value, words and whether it is chosen, of whatever may be chosen."""
        chosen = self.chosen if self.question.kind == "hops" else (self.text,)
        kept = kept_choices(self.question, chosen, self.library)
        offered = (*choices_of(self.question, self.library), *kept, *own_hops(self.chosen))
        return tuple((value, words, value in chosen) for value, words in offered)


@dataclass(frozen=True)
class FieldGroup:
    """A section with its state and its fields."""

    section: Section
    state: str
    fields: tuple[Field, ...]

    @property
    def faulty(self) -> bool:
        """Whether any of its fields has an error."""
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
    turns = turns_by_path(answers, recommendation) if recommendation else {}
    return tuple(
        FieldGroup(
            section,
            section.state(answers),
            tuple(
                replace(
                    _field(question, answers, stored, post, errors, turns.get(question.path, Turns()), own),
                    partners=partners.get(question.path, ()),
                )
                for question in section.questions
            ),
        )
        for section in SECTIONS
    )


def errors_by_field(problems: Iterable[Problem]) -> dict[str, str]:
    """The first sentence for each field; what belongs to none stands under the empty path."""
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(owner_of(problem.path), _sentence(problem))
    return errors


def _sentence(problem: Problem) -> str:
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
    turns: Turns,
    own: Library,
) -> Field:
    value = value_at(stored, question.path)
    chosen = texts_of(value, own) if question.kind == "hops" else ()
    text, unit = _written(question, value)
    beside = beside_of(question, value, answers, text, unit, turns)
    unsaved = bool(errors) and post is not None and question.uncertain and _holds_other(question, value, post)
    if unsaved:
        beside = replace(beside, reading="")
    if post is not None and question.path in post:
        texts = post.getlist(question.path)
        text, unit = texts[-1], post.get(f"unit:{question.path}", unit)
        chosen = tuple(filter(None, texts)) if question.kind == "hops" else ()
    error = errors.get(question.path, "")
    hidden = not error and not question.applies(answers)
    return Field(
        question, text, unit, chosen, error, hidden, _own_hop(post) if post else {}, beside, own, unsaved=unsaved
    )


def _holds_other(question: Question, value: Any, post: QueryDict) -> bool:
    """Whether a post holds another number than the stored one, or none."""
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
    """The value as its field shows it, and the unit."""
    match question.kind:
        case "flag":
            return "on" if value else "", ""
        case "number" | "integer":
            return best_written(question, value)
        case "hops":
            return "", ""
        case "durations":
            return numbers.written(value), question.unit
        case "choice" | "text" | "profile":
            return value or "", ""
        case _:
            assert_never(question.kind)
