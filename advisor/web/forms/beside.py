"""What stands beside an answer besides itself: how sure it is, how it reads, where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from advisor.advice.answers import Answers
from advisor.advice.questionnaire import Question
from advisor.advice.templates import TEMPLATES
from advisor.web.forms import numbers
from advisor.web.forms.certainty import CHOICES, Certainty, certainty_of
from advisor.web.forms.readings import reading
from advisor.web.forms.turns import Turns
from core.paths import value_at

SHORT = 7
"""Text up to this length is shown in the question's own unit."""
NONE = Turns()


@dataclass(frozen=True)
class Beside:
    """What the page says of a stored answer."""

    certainty: Certainty = "number"
    reading: str = ""
    why: str = ""
    """The template's reason, while its value stands."""
    text: str = ""
    unit: str = ""
    """How the page would write it."""
    turns: Turns = NONE

    @property
    def choices(self) -> tuple[tuple[str, str, bool], ...]:
        """How sure it may be: value, words, and whether it is so."""
        return tuple((value, words, value == self.certainty) for value, words in CHOICES)


def beside_of(question: Question, value: Any, answers: Answers, text: str, unit: str, turns: Turns = NONE) -> Beside:
    """What stands beside the answer, which the page writes as `text` in `unit`."""
    template = TEMPLATES[answers.template]
    own = question.path in template.why and value == value_at(_values(answers.template), question.path)
    return Beside(
        certainty=certainty_of(value),
        reading=reading(question, value, answers, text, unit),
        why=template.why[question.path] if own else "",
        text=text,
        unit=unit,
        turns=turns,
    )


@cache
def _values(template: str) -> Mapping[str, Any]:
    return TEMPLATES[template].answers.model_dump()


def best_written(question: Question, value: Any) -> tuple[str, str]:
    """Text and unit: the question's own unit, unless that is long and another says it shorter ("5000 per day")."""
    own = numbers.written(value)
    if len(own) <= SHORT or value is None or isinstance(value, dict):
        return own, question.unit
    whole = question.kind == "integer"
    candidates = [(own, question.unit)]
    for unit in question.converters:
        factor = question.factor(unit)
        text = numbers.written(float(f"{value / float(factor):.12g}"))
        if numbers.parsed(text, whole, question.unit, factor) == value:
            candidates.append((text, unit))
    return min(candidates, key=lambda candidate: len(candidate[0]))
