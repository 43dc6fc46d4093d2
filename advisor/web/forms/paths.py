"""Questions by their dotted paths, and values at these paths in a nested mapping."""

from collections.abc import Mapping

from advisor.advice.questionnaire import SECTIONS, Question

QUESTIONS: Mapping[str, Question] = {question.path: question for section in SECTIONS for question in section.questions}
TRACE = "volume.trace"
"""Not a field to type into: a trace is uploaded and removed by actions of its own."""


def field_id(path: str) -> str:
    """The id of a question's field: unique on the page, and fit for a selector."""
    return "field-" + path.replace(".", "-")


def owner_of(path: str) -> str:
    """The question beside which a problem is shown: its own, the one of its list, the first of its group; empty if there is none."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in QUESTIONS:
            return prefix
        first = next((known for known in QUESTIONS if known.startswith(prefix + ".")), None)
        if first:
            return first
    return ""
