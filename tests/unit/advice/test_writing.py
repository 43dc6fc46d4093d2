"""Answers written to a file read back as the same answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advice.answers import Answers, answers_from
from advisor.advice.templates import TEMPLATES
from advisor.advice.yaml_json import as_json, as_yaml, read_mapping
from core.errors import InvalidInput

UNSURE = {
    "processing": {"p50_s": {"low": 0.25, "high": 8}, "p95_s": {"unknown": True}},
    "synchronous": {"hops": ["nginx", {"name": "our: [gateway]", "limit_s": 12.5, "kind": "total"}]},
}


def back(answers: Answers) -> tuple[Answers, Answers]:
    return (
        answers_from(read_mapping(as_yaml(answers).encode(), "a.yaml")),
        answers_from(read_mapping(as_json(answers).encode(), "a.json")),
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_and_its_doubts_come_back_whole(name: str) -> None:
    for answers in (TEMPLATES[name].answers, answers_from({"template": name, **UNSURE})):
        assert back(answers) == (answers, answers)
        assert all(read.uncertain == answers.uncertain for read in back(answers))


@pytest.mark.slow
@given(st.text(min_size=1, max_size=120))
def test_any_name_comes_back_as_it_was(name: str) -> None:
    try:
        answers = answers_from({"name": name})
    except InvalidInput:
        return
    assert back(answers) == (answers, answers)


@pytest.mark.parametrize(
    "name", ["null", "true", "no", "12:30", "1e3", "~", "NaN", "# x", "a: b", "- x", '"', "\\", "{", "é\u2028"]
)
def test_names_that_yaml_takes_for_something_else_come_back_as_text(name: str) -> None:
    answers = answers_from({"name": name})
    assert back(answers) == (answers, answers)
