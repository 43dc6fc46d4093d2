"""How sure an answer is: one number, a range, or not known. The choice beside a number, and what it makes of what was typed."""

import math
from typing import Any, Literal, assert_never

from django.http import QueryDict

from advisor.advice import library
from advisor.advice.answers import Answers, answers_from
from advisor.advice.questionnaire import Question
from advisor.advice.ranges import UNKNOWN, Range, template_range
from advisor.web.forms import numbers
from advisor.web.forms.paths import QUESTIONS
from core.errors import InvalidInput
from core.paths import set_value, value_at

Certainty = Literal["number", "range", "unknown"]
CHOICES: tuple[tuple[Certainty, str], ...] = (("number", "one number"), ("range", "a range"), ("unknown", "don't know"))
AS, WAS = "as:", "was:"
"""Before a question's path: what is chosen beside the number, and what was when the page was made."""
DIGITS = 2


def certainty_of(value: Any) -> Certainty:
    """What kind of answer a stored value is."""
    if not isinstance(value, dict):
        return "number"
    return "unknown" if value.get("unknown") else "range"


def settled(post: QueryDict, before: Answers) -> tuple[QueryDict, frozenset[str]]:
    """The post with each newly made choice turned into text ("4 to 15"), as if it had been typed; and the paths of those.

    Text that already is what was chosen stays as it is. So does a choice that is none.
    """
    chosen = [path for path in QUESTIONS if path in post and post.get(AS + path, "") != post.get(WAS + path, "")]
    changed = {path: text for path in chosen if (text := _text(QUESTIONS[path], post, before)) is not None}
    if not changed:
        return post, frozenset()
    result = post.copy()
    for path, text in changed.items():
        result[path] = text
        result[f"unit:{path}"] = QUESTIONS[path].unit
    return result, frozenset(changed)


def _text(question: Question, post: QueryDict, before: Answers) -> str | None:
    """What the choice makes of the number that was there; None where there is nothing to change."""
    choice = next((choice for choice, _ in CHOICES if choice == post[AS + question.path]), None)
    value = _typed(question, post, before)
    if not question.uncertain or choice is None or certainty_of(value) == choice:
        return None
    match choice:
        case "unknown":
            return numbers.UNKNOWN
        case "range":
            return numbers.written(_around(value, _known(question, before), question).ends())
        case "number":
            known = before.uncertain.get(question.path)
            if certainty_of(value) == "unknown":
                given = _known(question, before)
            elif known is not None and known.given() == value:
                given = known
            else:
                given = Range(value["low"], value["high"])
            return numbers.written(_middle(given, question))
        case _:
            assert_never(choice)


def _known(question: Question, before: Answers) -> Range:
    """What "don't know" would mean beside the other answers: the template's range, kept on its side of them."""
    given = before.model_dump()
    set_value(given, question.path, dict(UNKNOWN))
    try:
        return answers_from(given).uncertain[question.path]
    except InvalidInput:
        return template_range(library.sheets()[before.template], question.path)


def _middle(given: Range, question: Question) -> float | int:
    """Two digits of a range's middle, where they still lie in it."""
    rounded = _bounded(given.middle, question)
    if given.low <= rounded <= given.high:
        return rounded
    return round(given.middle) if question.kind == "integer" else given.middle


def _typed(question: Question, post: QueryDict, before: Answers) -> Any:
    """What the text says; what is stored where it says nothing that can be read."""
    try:
        factor = question.factor(post.get(f"unit:{question.path}", question.unit))
        return numbers.parsed(post.getlist(question.path)[-1], question.kind == "integer", question.unit, factor)
    except ValueError:
        return value_at(before.model_dump(), question.path)


def _around(value: Any, known: Range, question: Question) -> Range:
    """The template's range, where it holds the number; else from half of it to its double."""
    if not isinstance(value, int | float) or known.low <= value <= known.high or not math.isfinite(value):
        return Range(known.low, known.high)
    return Range(_bounded(value / 2, question), _bounded(value * 2, question))


def _bounded(value: float, question: Question) -> float | int:
    """Two digits of a number, within the question's bounds."""
    rounded = float(f"{value:.{DIGITS}g}")
    low, high = question.low, question.high
    within = min(rounded if high is None else high, max(rounded if low is None else low, rounded))
    return round(within) if question.kind == "integer" else within
