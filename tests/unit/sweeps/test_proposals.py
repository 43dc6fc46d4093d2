"""What a map may vary, and the range that it begins with."""

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.templates import TEMPLATES
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.grid import build_grid
from advisor.sweeps.proposals import proposals
from tests.rules_alone import advise_by_rules


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_range_can_be_drawn_and_holds_the_answer_and_where_the_style_turns(template: str) -> None:
    answers = answers_from({"template": template})
    advice = advise_by_rules(answers)
    offered = proposals(answers, advice)
    nearest = {
        flip.field: float(flip.to)
        for flip in reversed(advice.flips)
        if type(flip.to) in (int, float)
        and (flip.becomes.style != advice.style or flip.becomes.feasible != advice.feasible)
    }
    assert offered
    for proposal in offered:
        build_grid(answers, SweepAxis.from_steps(proposal.field, proposal.low, proposal.high, 5))
        if proposal.turns:
            assert proposal.low <= nearest[proposal.field] <= proposal.high
    assert {proposal.field for proposal in offered if proposal.turns} <= set(nearest)
    assert [proposal.turns for proposal in offered] == sorted((proposal.turns for proposal in offered), reverse=True)


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_answer_that_does_not_apply_is_not_offered(template: str) -> None:
    answers = answers_from({"template": template})
    silent = {question.path for section in SECTIONS for question in section.questions if not question.applies(answers)}
    assert silent
    assert silent.isdisjoint(proposal.field for proposal in proposals(answers, advise_by_rules(answers)))
