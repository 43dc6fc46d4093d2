"""A hop or profile as a form: what is typed to the figures of an edit, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import QueryDict

from advisor.web.forms import typed_numbers
from advisor.web.forms.questions import choice_reason, sentence_of
from core.errors import InvalidInput, Problem


@dataclass(frozen=True)
class EntryQuestion:
    name: str
    label: str
    help: str
    unit: str = ""
    kind: str = "text"
    required: bool = False
    whole: bool = False
    choices: tuple[tuple[str, str], ...] = ()


ENTRY_TITLE = EntryQuestion("title", "What is it called?", "As it is offered in the questionnaire.", required=True)
ENTRY_ORIGIN = (
    EntryQuestion("note", "What should one know of it?", "Shown next to it: exceptions, and what can be changed."),
    EntryQuestion("source", "Source", "An address, a contract, a measurement of yours.", required=True),
    EntryQuestion(
        "checked",
        "When was that checked?",
        "Limits change: the date says how far to trust it.",
        kind="date",
        required=True,
    ),
)
ENTRY_QUESTIONS: Mapping[str, tuple[EntryQuestion, ...]] = {
    "hop": (
        ENTRY_TITLE,
        EntryQuestion(
            "limit_s", "After how long does it give up?", "The in-line answer must fit under it.", "s", "number", True
        ),
        EntryQuestion(
            "kind",
            "What does the limit count?",
            "A total limit ends a response however it goes; an idle one is reset by every byte, so that streaming escapes it.",
            kind="choice",
            choices=(("total", "the whole time"), ("idle", "silence between bytes")),
        ),
        EntryQuestion("streaming_limit_s", "And where the response streams?", "Empty: the same limit.", "s", "number"),
        EntryQuestion(
            "adjustable",
            "Does a setting of yours change it?",
            "If so, the advice says what to raise it to; if not, a slower answer in line is ruled out.",
            kind="yes_or_no",
            choices=(("no", "no"), ("yes", "yes")),
        ),
        *ENTRY_ORIGIN,
    ),
    "profile": (
        ENTRY_TITLE,
        EntryQuestion("max_concurrency", "How many calls at once?", "Empty: unlimited.", "calls", "number", whole=True),
        EntryQuestion("requests_per_minute", "How many requests a minute?", "Empty: unlimited.", "/min", "number"),
        EntryQuestion(
            "input_tokens_per_minute", "How many input tokens a minute?", "Empty: unlimited.", "tokens/min", "number"
        ),
        EntryQuestion(
            "output_tokens_per_minute", "How many output tokens a minute?", "Empty: unlimited.", "tokens/min", "number"
        ),
        *ENTRY_ORIGIN,
    ),
}


@dataclass(frozen=True)
class FilledQuestion:
    asked: EntryQuestion
    text: str
    error: str = ""


def edit_from(kind: str, post: QueryDict) -> dict[str, Any]:
    """What was typed, as `save_entry` takes it.

    Raises:
        InvalidInput: with every field that is no number.
    """
    given: dict[str, Any] = {}
    problems = []
    for asked in ENTRY_QUESTIONS[kind]:
        text = post.get(asked.name, "").strip()
        try:
            given[asked.name] = _value(asked, text)
        except ValueError as error:
            problems.append(Problem(asked.name, str(error)))
    if problems:
        raise InvalidInput(problems)
    return given


def _value(asked: EntryQuestion, text: str) -> Any:
    if (asked.kind == "choice" or text) and asked.choices and text not in dict(asked.choices):
        raise ValueError(choice_reason(text, tuple(dict(asked.choices).values())))
    if asked.kind == "yes_or_no":
        return text == "yes" if text else None
    if asked.kind != "number":
        return text
    if not text:
        if asked.required:
            raise ValueError("is required")
        return None
    number = typed_numbers.parse_number(text, asked.whole, asked.unit)
    return int(number) if asked.whole else float(number)


def fill_entry(
    kind: str, stored: Mapping[str, Any], post: QueryDict | None = None, problems: Iterable[Problem] = ()
) -> tuple[FilledQuestion, ...]:
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(problem.path, sentence_of(problem.reason))
    fresh = {"checked": date.today().isoformat(), "kind": "total"}  # noqa: DTZ011  the user's day

    def text(asked: EntryQuestion) -> str:
        if post is not None:
            return post.get(asked.name, "")
        value = stored.get(asked.name, fresh.get(asked.name, ""))
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    return tuple(FilledQuestion(asked, text(asked), errors.get(asked.name, "")) for asked in ENTRY_QUESTIONS[kind])
