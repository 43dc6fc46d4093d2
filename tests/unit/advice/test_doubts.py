"""What keeps advice from being clear: near flips, answers that are still the template's, and ranges."""

from typing import Any

import pytest

from advisor.advice import library
from advisor.advice.answers import answers_from
from advisor.advice.contract import Flip, FlipOutcome, Style
from advisor.advice.decision import StyleDecision
from advisor.advice.doubts import find_doubts
from advisor.advice.ranges import template_range

CLEAR = StyleDecision("event_driven", "clear", 0.8, True, frozenset({"hybrid"}))
ANSWERS = answers_from({"template": "document_extraction"})


def flip(field: str, from_: Any, to: Any, style: Style = "synchronous", *, feasible: bool = True) -> Flip:
    becomes = FlipOutcome(style=style, strength="clear", delivery="inline", feasible=feasible)
    return Flip(field=field, from_=from_, to=to, becomes=becomes)


@pytest.mark.parametrize(
    ("flips", "whys"),
    [
        ([flip("volume.mean_rate_per_s", 10.0, 11.9)], {"near"}),
        ([flip("volume.mean_rate_per_s", 10.0, 12.1)], set()),
        ([flip("volume.mean_rate_per_s", 10.0, 11.0, "event_driven")], set()),
        ([flip("volume.mean_rate_per_s", 10.0, 11.0, feasible=False)], set()),
        ([flip("caller.needs_immediate_response", False, True)], set()),
        ([flip("volume.mean_rate_per_s", 0.5, 0.8)], {"default"}),
        ([flip("volume.mean_rate_per_s", 0.5, 1e6)], set()),
    ],
)
def test_clear_advice_has_no_flip_of_style_near_a_number_or_within_the_range_of_a_default(
    flips: list[Flip], whys: set[str]
) -> None:
    assert {doubt.why for doubt in find_doubts(ANSWERS, CLEAR, flips, None)} == whys


@pytest.mark.parametrize(("quantile", "whys"), [(0.85, ["default"]), (0.95, [])])
def test_a_default_is_in_doubt_if_a_tenth_of_its_usual_values_lead_to_another_style(
    quantile: float, whys: list[str]
) -> None:
    path = "volume.mean_rate_per_s"
    usual = template_range(library.sheets()["document_extraction"], path)
    doubts = find_doubts(ANSWERS, CLEAR, [flip(path, 0.5, usual.at(quantile))], None)
    assert [doubt.why for doubt in doubts] == whys


def test_an_answer_that_was_changed_from_the_template_is_no_default() -> None:
    answers = answers_from({"template": "document_extraction", "volume": {"mean_rate_per_s": 0.4}})
    assert find_doubts(answers, CLEAR, [flip("volume.mean_rate_per_s", 0.4, 0.8)], None) == ()


def test_nine_in_ten_of_the_samples_have_to_agree_with_clear_advice() -> None:
    probability: dict[Style, float] = {"synchronous": 0.11, "event_driven": 0.89, "hybrid": 0.0}
    assert [doubt.why for doubt in find_doubts(ANSWERS, CLEAR, (), probability)] == ["range"]
    assert find_doubts(ANSWERS, CLEAR, (), {**probability, "event_driven": 0.9}) == ()


def test_advice_that_is_not_clear_has_no_doubts_besides() -> None:
    lean = StyleDecision("event_driven", "lean", 0.3, True, frozenset())
    assert find_doubts(ANSWERS, lean, [flip("volume.mean_rate_per_s", 10.0, 11.0)], None) == ()
