"""Proposed answers next to those of now, each with a box to take or leave it."""

from dataclasses import dataclass

from django.http import QueryDict

from advisor.advice.answers import Answers
from advisor.advice.proposed_answers import MEASURED_TOGETHER, ProposedAnswers
from advisor.reports.document.answers import LABELS, value_words
from core.errors import InvalidInput
from core.paths import value_at

TAKEN, BOXES_SHOWN = "take", "offered"
"""Names of the boxes, and of the mark of a page that has boxes: without it all is taken."""


@dataclass(frozen=True)
class ProposedRow:
    path: str
    label: str
    now: str
    proposed: str
    is_changed: bool
    has_box: bool
    """The box of the first of several answers that are taken together is that of all."""


def proposed_rows(proposed: ProposedAnswers, answers: Answers) -> list[ProposedRow]:
    given = answers.model_dump()
    rows = []
    for path, value in proposed.values.items():
        now, words = value_words(path, value_at(given, path)), value_words(path, value)
        rows.append(
            ProposedRow(path, LABELS[path], now, words, now != words, has_box=path not in MEASURED_TOGETHER[1:])
        )
    return rows


def taken_answers(post: QueryDict) -> list[str] | None:
    """The paths that are taken; None: all of them."""
    if BOXES_SHOWN not in post:
        return None
    taken = post.getlist(TAKEN)
    return [*taken, *MEASURED_TOGETHER[1:]] if MEASURED_TOGETHER[0] in taken else taken


def problem_sentences(error: InvalidInput) -> list[str]:
    """What is wrong with taking them, each with the question that it is about."""
    return [f"“{LABELS[one.path]}” {one.reason}" if one.path in LABELS else one.reason for one in error.problems]
