"""What was posted, as answers are given; and the choice next to a number: one number, a range, or not known."""

import math
import re
from collections.abc import Mapping
from copy import copy
from typing import Any, Literal, assert_never

from django.http import QueryDict

from advisor.advice import library
from advisor.advice.answers import Answers, answers_from
from advisor.advice.library_overrides import SHIPPED, Library, hop_by_value
from advisor.advice.questionnaire import Question
from advisor.advice.ranges import UNKNOWN, Range, template_range
from advisor.reports.document.answers import QUESTIONS, TRACE, value_words
from advisor.web.forms import typed_numbers
from advisor.web.forms.hops import NOT_YES_OR_NO, hop_from, typed_hop
from advisor.web.forms.questions import choice_reason, owner_of
from core.errors import InvalidInput, Problem
from core.paths import set_value, value_at


def ends_in_words(question: Question) -> tuple[str, ...]:
    if question.low is None or question.high is None:
        return ()
    return tuple(_written_out(value_words(question.path, end)) for end in (question.low, question.high))


def _written_out(words: str) -> str:
    return re.sub(r" /d$", " a day", re.sub(r" d$", " days", words))


Certainty = Literal["number", "range", "unknown"]
CERTAINTIES: tuple[tuple[Certainty, str], ...] = (
    ("number", "one number"),
    ("range", "a range"),
    ("unknown", "don't know"),
)
CHOSEN_PREFIX, SHOWN_PREFIX = "as:", "was:"
"""Prefixes of a question's path: the certainty that is chosen, and the one that the page was made with."""
RANGE_DIGITS = 2


def certainty_of(value: Any) -> Certainty:
    if not isinstance(value, dict):
        return "number"
    return "unknown" if value.get("unknown") else "range"


def apply_certainty_choices(post: QueryDict, before: Answers) -> tuple[QueryDict, frozenset[str]]:
    """The post with each newly made choice turned into text ("4 to 15"), as if it had been typed; and the paths of those.

    Text that already is what was chosen stays as it is; an unknown choice changes nothing.
    """
    chosen = [
        path
        for path in QUESTIONS
        if path in post and post.get(CHOSEN_PREFIX + path, "") != post.get(SHOWN_PREFIX + path, "")
    ]
    changed = {path: text for path in chosen if (text := _chosen_text(QUESTIONS[path], post, before)) is not None}
    if not changed:
        return post, frozenset()
    result = copy(post)  # its lists are replaced, never changed
    for path, text in changed.items():
        result[path] = text
        result[f"unit:{path}"] = QUESTIONS[path].unit
    return result, frozenset(changed)


def _chosen_text(question: Question, post: QueryDict, before: Answers) -> str | None:
    choice = next((choice for choice, _ in CERTAINTIES if choice == post[CHOSEN_PREFIX + question.path]), None)
    value = _typed_value(question, post, before)
    if not question.uncertain or choice is None or certainty_of(value) == choice:
        return None
    match choice:
        case "unknown":
            return typed_numbers.UNKNOWN_TEXT
        case "range":
            return typed_numbers.written(_around(value, _known(question, before), question).ends())
        case "number":
            known = before.uncertain.get(question.path)
            if certainty_of(value) == "unknown":
                given = _known(question, before)
            elif known is not None and known.given() == value:
                given = known
            else:
                given = Range(value["low"], value["high"])
            return typed_numbers.written(_middle(given, question))
        case _:
            assert_never(choice)


def _known(question: Question, before: Answers) -> Range:
    """The range of "don't know", given the other answers: the template's range, cut so that it contradicts none of them."""
    given = before.model_dump()
    set_value(given, question.path, dict(UNKNOWN))
    try:
        return answers_from(given).uncertain[question.path]
    except InvalidInput:
        return template_range(library.sheets()[before.template], question.path)


def _middle(given: Range, question: Question) -> float | int:
    rounded = _bounded(given.middle, question)
    if given.low <= rounded <= given.high:
        return rounded
    return round(given.middle) if question.kind == "integer" else given.middle


def _typed_value(question: Question, post: QueryDict, before: Answers) -> Any:
    """The value in the text; the stored value if the text cannot be read."""
    try:
        factor = question.factor(post.get(f"unit:{question.path}", question.unit))
        return typed_numbers.parse_answer(
            post.getlist(question.path)[-1], question.kind == "integer", question.unit, factor
        )
    except ValueError:
        return value_at(before.model_dump(), question.path)


def _around(value: Any, known: Range, question: Question) -> Range:
    """The template's range if it contains the number; else from half of the number to its double."""
    if not isinstance(value, int | float) or known.low <= value <= known.high or not math.isfinite(value):
        return Range(known.low, known.high)
    return Range(_bounded(value / 2, question), _bounded(value * 2, question))


def _bounded(value: float, question: Question) -> float | int:
    rounded = float(f"{value:.{RANGE_DIGITS}g}")
    low, high = question.low, question.high
    within = min(rounded if high is None else high, max(rounded if low is None else low, rounded))
    return round(within) if question.kind == "integer" else within


MOST_DURATIONS, LONGEST_DURATION_S = 20, 31_536_000


def given_from(post: QueryDict, before: Answers, own: Library = SHIPPED) -> dict[str, Any]:
    """The stored answers, with each posted field in place of its own.

    A profile that was just chosen brings its limits along, except for those that were changed in the same post.

    Raises:
        InvalidInput: with every problem of every field, those of the rest of the answers included.
    """
    typed, problems = _typed(post, before, own)
    given = _over(before, typed, own)
    if problems:
        raise InvalidInput([*problems, *_other_problems(given)])
    return given


def valid_from(post: QueryDict, before: Answers, own: Library = SHIPPED) -> tuple[Answers, bool]:
    """The stored answers with each valid posted field in place of its own, and whether any was invalid.

    Of fields that contradict each other none is taken.
    """
    typed, problems = _typed(post, before, own)
    refused = bool(problems)
    while typed:
        try:
            return answers_from(_over(before, typed, own)), refused
        except InvalidInput as error:
            refused = True
            wrong = {owner_of(path) for problem in error.problems for path in (problem.path, *dict(problem.others))}
            left = {path: value for path, value in typed.items() if path not in wrong}
            typed = left if len(left) < len(typed) else {}
    return before, refused


def _over(before: Answers, typed: Mapping[str, Any], own: Library) -> dict[str, Any]:
    given = before.model_dump()
    for path, value in typed.items():
        set_value(given, path, value)
    _take_profile(given, before, own)
    return given


def externally_changed_fields(
    post: QueryDict, before: Answers, after: Answers, own: Library = SHIPPED
) -> frozenset[str]:
    """The paths of the fields whose value is not what was typed into them."""
    shown, stored = before.model_dump(), after.model_dump()
    typed, problems = _typed(post, before, own)
    changed = {path for path in QUESTIONS if value_at(stored, path) != typed.get(path, value_at(shown, path))}
    return frozenset(changed | {problem.path for problem in problems})


def _typed(post: QueryDict, before: Answers, own: Library) -> tuple[dict[str, Any], list[Problem]]:
    typed, problems = {}, []
    for path, question in QUESTIONS.items():
        if path == TRACE or path not in post:
            continue
        try:
            typed[path] = _value(question, post, before, own)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
    return typed, problems


def _value(question: Question, post: QueryDict, before: Answers, own: Library) -> Any:
    texts = post.getlist(question.path)
    text = texts[-1]
    if question.uncertain and post.get(CHOSEN_PREFIX + question.path, "") not in ("", *dict(CERTAINTIES)):
        raise ValueError(choice_reason(post.get(CHOSEN_PREFIX + question.path, ""), tuple(dict(CERTAINTIES).values())))
    match question.kind:
        case "number" | "integer":
            return number_from(question, post)
        case "flag":
            if any(given not in ("on", "") for given in texts):
                raise ValueError(NOT_YES_OR_NO)
            return text == "on"
        case "hops":
            hops = (*(hop_from(name) for name in texts if name), *typed_hop(post))
            return tuple(hop_by_value(hop, own, before.caller.streams_response) for hop in hops)
        case "profile":
            return text or None
        case "durations":
            return _durations(question, text)
        case "choice" | "text":
            return text.strip()
        case _:
            assert_never(question.kind)


def _durations(question: Question, text: str) -> tuple[float, ...] | None:
    values = typed_numbers.number_list(text, question.unit)
    if values is not None and len(values) > MOST_DURATIONS:
        raise ValueError(f"must be at most {MOST_DURATIONS} durations, not {len(values)}")
    for value in values or ():
        if not 0 <= value <= LONGEST_DURATION_S:
            raise ValueError("must be durations between 0 s and 365 days, such as 2, 5, 1m30")
    return values


def number_from(question: Question, post: QueryDict) -> Any:
    """The number, range or "don't know" that is posted for a question; None if it is empty and may be.

    Raises:
        ValueError: with the reason, if it is none of these.
    """
    text = post.getlist(question.path)[-1]
    factor = question.factor(post.get(f"unit:{question.path}", question.unit))
    if question.optional and typed_numbers.is_nothing(text):
        return None
    if not text.strip():
        raise ValueError("is required")
    value = typed_numbers.parse_answer(text, question.kind == "integer", question.unit, factor)
    _require_bounds(question, value)
    return value


def _require_bounds(question: Question, value: Any) -> None:
    if question.low is None or question.high is None:
        return
    ends = (value,) if not isinstance(value, dict) else tuple(value[end] for end in ("low", "high") if end in value)
    if all(question.low <= end <= question.high for end in ends):
        return
    between = f"must be between {' and '.join(ends_in_words(question))}"
    raise ValueError(f"{between}: more than 0" if 0 < question.low < 1 and min(ends) <= 0 else between)


def _take_profile(given: dict[str, Any], before: Answers, own: Library) -> None:
    profile = own.profiles.get(str(given["provider"]["profile"]))
    if profile is None or profile.name == before.provider.profile:
        return
    stored = before.model_dump()["provider"]
    for name, limit in profile.limits.items():
        if given["provider"][name] == stored[name]:
            given["provider"][name] = limit


def _other_problems(given: Mapping[str, Any]) -> tuple[Problem, ...]:
    try:
        answers_from(given)
    except InvalidInput as error:
        return error.problems
    return ()
