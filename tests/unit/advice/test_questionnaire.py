"""The questionnaire asks for every answer once, in plain words, with the bounds of the schema."""

from advisor.advice.answers import LEAVES, answers_from
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.templates import TEMPLATES

QUESTIONNAIRE = {section.id: section for section in SECTIONS}
QUESTIONS = {question.path: question for section in SECTIONS for question in section.questions}


def test_every_answer_is_asked_for_exactly_once() -> None:
    assert set(QUESTIONS) == set(LEAVES) - {"schema", "template"}
    assert len(QUESTIONS) == sum(len(section.questions) for section in SECTIONS)


def test_every_question_is_a_question_with_help_and_numbers_have_an_example() -> None:
    for question in QUESTIONS.values():
        assert question.label.endswith("?"), question.path
        assert question.help.endswith("."), question.path
        if question.uncertain:
            assert question.example, question.path
            assert LEAVES[question.path].fault(float(question.example)) is None, question.path


def test_every_choice_of_the_schema_has_its_words() -> None:
    for question in QUESTIONS.values():
        if question.kind == "choice":
            assert [value for value, _ in question.choices] == list(LEAVES[question.path].choices)


def test_every_number_has_bounds_from_the_schema() -> None:
    for question in QUESTIONS.values():
        if question.uncertain:
            assert question.low is not None, question.path
            assert question.high is not None, question.path


def test_nobody_who_waits_is_not_asked_about_a_client_timeout() -> None:
    nobody, person = answers_from({"template": "email_triage"}), answers_from({"template": "chat_assistant"})
    assert not QUESTIONS["synchronous.client_timeout_s"].applies(nobody)
    assert QUESTIONS["synchronous.client_timeout_s"].applies(person)
    assert QUESTIONS["caller.first_token_s"].applies(person)


def test_a_folded_section_says_its_state() -> None:
    states = {section.id: section.state(answers_from({})) for section in SECTIONS}
    assert states["load"] == "0.5 /s, peaks of 8x; p50 8 s, p95 20 s"
    assert "deadline 30 min" in states["caller"]


def test_a_section_says_a_range_as_one() -> None:
    answers = answers_from(
        {"processing": {"p95_s": {"low": 12, "high": 60}}, "caller": {"deadline_s": {"unknown": True}}}
    )
    assert "p95 12 s to 60 s" in QUESTIONNAIRE["load"].state(answers)
    assert "deadline 5 min to 4 h" in QUESTIONNAIRE["caller"].state(answers)


def test_every_template_fills_every_field_with_its_reason() -> None:
    for template in TEMPLATES.values():
        assert set(template.why) == set(LEAVES) - {"schema", "template", "name"}
        assert all(reason.endswith(".") for reason in template.why.values())
        for path, leaf in LEAVES.items():
            if leaf.numeric:
                low, high = template.ranges[path]
                assert leaf.fault(low) is None, path
                assert leaf.fault(high) is None, path
