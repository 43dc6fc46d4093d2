"""What stands beside a number: how it reads in another unit, and what the advice takes a range for."""

from typing import Any

from advisor.advice.answers import Answers
from advisor.advice.questionnaire import Question
from advisor.reports.document.answers import exact_words, value_words
from advisor.web.forms import numbers
from core.numbers import MISSING, number
from core.paths import value_at
from core.units import DAY_S

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
            return f"taken as {middle}" if numbers.is_plain(text) else f"= {ends}, taken as {middle}"
        known = answers.uncertain[question.path]
        return f"{value_words(question.path, known.ends())}, taken as {middle}"
    words = _other_words(question, value, unit if numbers.is_plain(text) else "")
    return "" if words in (MISSING, f"{text.strip()} {unit}".strip()) else f"= {words}"


def _other_words(question: Question, value: float, typed_in: str) -> str:
    """The value at another scale than the one in which it was typed; the dash where there is no better one."""
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
