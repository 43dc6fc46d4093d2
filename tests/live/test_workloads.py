"""Sample prompts and documents: a set a template, answers that fit their form and their length."""

import json

import pytest

from advisor.advice.templates import TEMPLATES
from simulator.live.system import workloads

SETS = workloads.names()


def test_every_template_has_a_set_and_no_set_is_without_template() -> None:
    assert set(SETS) == set(TEMPLATES)


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_ten_documents_of_its_own_with_their_answers(name: str) -> None:
    workload = workloads.load(name)
    assert len(workload.documents) == 10
    assert len({document.text for document in workload.documents}) == 10
    assert workload.system
    for document in workload.documents:
        assert isinstance(document.answer, dict if workload.answers == "json" else str)
        assert document.answer


@pytest.mark.parametrize("name", SETS)
def test_a_prompt_is_recognised_by_its_document(name: str) -> None:
    workload = workloads.load(name)
    for job in range(20):
        assert workload.number_of("\n".join(part["content"] for part in workload.messages(job))) == job % 10


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("tokens", [0, 20, 150, 400, 2000])
def test_answers_keep_their_form_and_are_about_as_long_as_they_should_be(name: str, tokens: int) -> None:
    workload = workloads.load(name)
    for number, document in enumerate(workload.documents):
        text = workload.answer(number, tokens)
        if workload.answers == "json":
            fields = json.loads(text)
            assert fields.items() <= (document.answer | {"evidence": fields.get("evidence")}).items()
        else:
            assert text.startswith(document.answer.split(". ")[0].rstrip("."))
        if tokens == 0:
            assert "evidence" not in text
        elif tokens >= 150:
            assert 0.6 * 4 * tokens <= len(text) <= 4 * tokens
    assert workload.answer(3, tokens) == workload.answer(13, tokens)


def test_a_strangers_prompt_gets_the_same_document_every_time() -> None:
    workload = workloads.load("chat_assistant")
    assert workload.number_of("What is the time?") == workload.number_of("What is the time?")


def test_a_set_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match="tarot"):
        workloads.load("tarot")
