"""What may be varied, and over which values."""

import pytest

from advisor.sweeps.contract import SweepAxis
from core.errors import InvalidInput


def test_steps_are_linear_and_include_both_ends() -> None:
    assert SweepAxis.from_text("processing.p95_s=2:10:5").values == (2, 4, 6, 8, 10)


def test_a_whole_number_gets_whole_values_each_once() -> None:
    assert SweepAxis.from_text("synchronous.workers=1:4:7").values == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("processing.p95_s", "should read FIELD=LOW:HIGH:STEPS"),
        ("processing.p95_s=1:2", "should read FIELD=LOW:HIGH:STEPS"),
        ("processing.p95_s=a:2:3", "should be LOW:HIGH:STEPS"),
        ("processing.p95_s=1:2:3.5", "should be LOW:HIGH:STEPS"),
        ("processing.p96_s=1:2:3", "is not a number of the questionnaire"),
        ("caller.kind=1:2:3", "is not a number of the questionnaire"),
        ("processing.p95_s=3:2:3", "should be less than the high end"),
        ("processing.p95_s=nan:2:3", "should be less than the high end"),
        ("processing.p95_s=1:inf:3", "should be less than the high end"),
        ("processing.p95_s=1:2:1", "steps should be 2 to 61"),
        ("processing.p95_s=1:2:62", "steps should be 2 to 61"),
        ("caller.tolerated_miss_percent=1:200:3", "should be less than or equal to 100"),
        ("synchronous.workers=2.1:2.2:3", "holds fewer than two"),
    ],
)
def test_what_is_wrong_is_said_of_the_option(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        SweepAxis.from_text(text, "--y")
    assert refused.value.problems[0].path == "--y"
