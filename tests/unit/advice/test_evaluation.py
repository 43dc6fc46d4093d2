"""What follows from several answer sheets at once."""

from dataclasses import asdict

import numpy as np

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.templates import TEMPLATES


def test_sheets_that_are_evaluated_together_come_to_what_each_comes_to_alone() -> None:
    sheets = [answers_from({"template": name, "volume": {"mean_rate_per_s": 0.7}}) for name in TEMPLATES]
    sheets = [sheet for sheet in sheets if sheet.failures.retry_intervals_s is None]
    assert len(sheets) > 5
    for sheet, together in zip(sheets, Evaluation.of_each(sheets), strict=True):
        alone = Evaluation.from_answers(sheet)
        assert together.decisions.outcome() == alone.decisions.outcome()
        np.testing.assert_equal(asdict(together.point), asdict(alone.point))  # NaN, if something is not known
        assert all(
            np.array_equal(alone.vectors[path], together.vectors[path], equal_nan=True) for path in alone.vectors
        )
    assert Evaluation.of_each([]) == []
