"""The HTML of a question's field is made once for what it shows."""

from dataclasses import replace

import pytest
from django.template.loader import render_to_string

from advisor.advice.answers import answers_from
from advisor.advice.templates import TEMPLATES
from advisor.web.forms.fields import Field, FieldHints, groups_of
from advisor.web.templatetags.questions import question_field


def fields_of(template: str) -> list[Field]:
    answers = answers_from({"template": template})
    return [field for group in groups_of(answers) for field in group.fields if field.is_independent]


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_field_shows_this_answer_and_not_that_of_a_page_before(template: str) -> None:
    for field in fields_of(template):
        for oob in (False, True):
            assert question_field(field, oob=oob) == render_to_string(
                "decisions/_field.html", {"field": field, "oob": oob}
            )


@pytest.mark.parametrize(
    "change",
    [
        {"text": "7"},
        {"unit": "min"},
        {"error": "should be over 0"},
        {"hidden": True},
        {"partners": ("field-caller-deadline_s",)},
        {"hints": FieldHints(certainty="range", reading="2 to 8")},
        {"hints": FieldHints(why="As measured")},
    ],
    ids=str,
)
def test_whatever_changes_is_shown(change: dict[str, object]) -> None:
    field = next(one for one in fields_of("document_extraction") if one.question.path == "processing.p50_s")
    before = question_field(field)
    changed = question_field(replace(field, **change))  # type: ignore[arg-type]
    assert changed != before
    assert question_field(field) == before
