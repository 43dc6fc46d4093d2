"""What was posted, as answers are given."""

from collections.abc import Mapping
from typing import Any, assert_never

from django.http import QueryDict

from advisor.advice.answers import Answers, answers_from
from advisor.advice.editions import SHIPPED, Library, by_value
from advisor.advice.questionnaire import Question
from advisor.web.forms import numbers
from advisor.web.forms.bounds import ends_in_words
from advisor.web.forms.certainty import AS, CHOICES
from advisor.web.forms.hops import hop_from, typed_hop
from advisor.web.forms.paths import QUESTIONS, TRACE, owner_of
from advisor.web.forms.sentences import choice_reason
from core.errors import InvalidInput, Problem
from core.paths import set_value, value_at

MOST_DURATIONS, LONGEST_DURATION_S = 20, 31_536_000


def given_from(post: QueryDict, before: Answers, own: Library = SHIPPED) -> dict[str, Any]:
    """The stored answers, with each posted field in place of its own.

    A profile that was just chosen brings its limits along, but for those that were changed in the same breath.

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


def moved(post: QueryDict, before: Answers, after: Answers, own: Library = SHIPPED) -> frozenset[str]:
    """The paths of the fields that now hold something else than the page shows: whoever filled them in, it wasn't by typing."""
    shown, stored = before.model_dump(), after.model_dump()
    typed, problems = _typed(post, before, own)
    elsewhere = {path for path in QUESTIONS if value_at(stored, path) != typed.get(path, value_at(shown, path))}
    return frozenset(elsewhere | {problem.path for problem in problems})


def _typed(post: QueryDict, before: Answers, own: Library) -> tuple[dict[str, Any], list[Problem]]:
    """The posted fields' values by path, and what is wrong with the others."""
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
    """The field's value.

    Raises:
        ValueError: with the reason, if what was typed can't be read.
    """
    texts = post.getlist(question.path)
    text = texts[-1]
    if question.uncertain and post.get(AS + question.path, "") not in ("", *dict(CHOICES)):
        raise ValueError(choice_reason(post.get(AS + question.path, ""), tuple(dict(CHOICES).values())))
    match question.kind:
        case "number" | "integer":
            return number_from(question, post)
        case "flag":
            if any(given not in ("on", "") for given in texts):
                raise ValueError("must be yes or no: on, or empty")
            return text == "on"
        case "hops":
            hops = (*(hop_from(name) for name in texts if name), *typed_hop(post))
            return tuple(by_value(hop, own, before.caller.streams_response) for hop in hops)
        case "profile":
            return text or None
        case "durations":
            return _durations(question, text)
        case "choice" | "text":
            return text.strip()
        case _:
            assert_never(question.kind)


def _durations(question: Question, text: str) -> tuple[float, ...] | None:
    """The durations between commas; None if there are none.

    Raises:
        ValueError: with the reason, if one is no duration, or there are too many.
    """
    values = numbers.listed(text, question.unit)
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
    if question.optional and numbers.is_nothing(text):
        return None
    if not text.strip():
        raise ValueError("is required")
    value = numbers.parsed(text, question.kind == "integer", question.unit, factor)
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
