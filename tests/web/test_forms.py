"""The bridge between fields and Answers."""

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from advisor.advice.answers import answers_from
from advisor.advice.templates import TEMPLATES
from advisor.web.forms import errors_by_field, given_from, groups_of, numbers
from advisor.web.forms.paths import QUESTIONS, TRACE, owner_of
from advisor.web.templatetags import words
from simulator.schema import InvalidInput, Problem


def posted(template: str) -> QueryDict:
    """Every field of a page as a browser sends it when nothing was touched."""
    post = QueryDict(mutable=True)
    for group in groups_of(TEMPLATES[template].answers):
        for field in group.fields:
            path = field.question.path
            if path != TRACE:
                texts = ["", *field.chosen] if field.question.kind == "hops" else [field.text]
                post.setlist(path, texts)
                post.setlist(f"unit:{path}", [field.unit])
    return post


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_untouched_page_changes_nothing(template: str) -> None:
    answers = TEMPLATES[template].answers
    assert answers_from(given_from(posted(template), answers)) == answers


@given(st.floats(min_value=0.001, max_value=31_536_000))
def test_a_number_reads_back_as_it_was_written(value: float) -> None:
    assert numbers.parsed(numbers.written(value), whole=False) == value


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_reason(text: str) -> None:
    try:
        numbers.parsed(text, whole=True)
    except ValueError as error:
        assert str(error)


@given(st.sampled_from(sorted(set(QUESTIONS) - {TRACE})), st.text(max_size=200))
def test_any_text_in_any_field_is_an_answer_or_a_problem_of_a_field(path: str, text: str) -> None:
    post = QueryDict(mutable=True)
    post.setlist(path, [text])
    before = TEMPLATES["document_extraction"].answers
    try:
        answers_from(given_from(post, before))
    except InvalidInput as error:
        errors = errors_by_field(error.problems)
        assert "" not in errors
        groups_of(before, post, error.problems)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("processing.p95_s", "processing.p95_s"),
        ("synchronous.hops.1.limit_s", "synchronous.hops"),
        ("priorities", "priorities.urgent.share_percent"),
        ("priorities.batch", "priorities.batch.share_percent"),
        ("jobs", ""),
        ("", ""),
    ],
)
def test_a_problem_stands_beside_the_field_that_can_mend_it(path: str, owner: str) -> None:
    assert owner_of(path) == owner


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("must be at least p50_s, 6", "This must be at least p50 of 6."),
        ("must be at least min_workers, 20", "This must be at least min workers of 20."),
        ("there is no such trace; upload it first", "There is no such trace; upload it first."),
        ("is required", "This is required."),
    ],
)
def test_a_reason_becomes_a_sentence(reason: str, sentence: str) -> None:
    assert errors_by_field([Problem("processing.p95_s", reason)]) == {"processing.p95_s": sentence}


def test_a_hop_of_ones_own_is_added_once_it_is_whole() -> None:
    before = TEMPLATES["document_extraction"].answers
    post = QueryDict(mutable=True)
    post.setlist("synchronous.hops", ["", "nginx"])
    post["own-hop:name"] = "Our mesh"
    assert answers_from(given_from(post, before)).synchronous.hops == ("nginx",)
    post["own-hop:limit_s"] = "12.5"
    hops = answers_from(given_from(post, before)).model_dump()["synchronous"]["hops"]
    assert hops[1] == {"name": "Our mesh", "limit_s": 12.5, "kind": "total"}


def test_numbers_and_units_stay_on_one_line() -> None:
    assert words.glued("p95 28 s, past 29 s of 3 min 20 s") == "p95 28\u00a0s, past 29\u00a0s of 3\u00a0min 20\u00a0s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(2, "a few seconds"), (23, "about 25 s"), (200, "about 3 min"), (4000, "about 1 h 7 min")]
)
def test_a_remaining_time_is_not_more_exact_than_it_is(seconds: float, text: str) -> None:
    assert words.coarse(seconds) == text
