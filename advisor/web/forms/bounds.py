"""Between which numbers an answer must lie, in words."""

import re

from advisor.advice.questionnaire import Question
from advisor.reports.document.answers import value_words


def bounds_of(question: Question) -> str:
    """As a range: 1 ms to 365 days; empty if it is no number."""
    return " to ".join(ends_in_words(question)) if question.uncertain else ""


def ends_in_words(question: Question) -> tuple[str, ...]:
    """The smallest and the largest number, each with its unit; nothing if they are not bounded."""
    if question.low is None or question.high is None:
        return ()
    return tuple(_written_out(value_words(question.path, end)) for end in (question.low, question.high))


def _written_out(words: str) -> str:
    return re.sub(r" /d$", " a day", re.sub(r" d$", " days", words))
