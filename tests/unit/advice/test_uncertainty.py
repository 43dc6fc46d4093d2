"""Ranges and "don't know": probabilities over a seeded sample, and the answer that would settle it."""

import math

import numpy as np
import pytest

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.uncertainty import sampled
from tests.rules_alone import advise_by_rules

BALANCED = {"volume": {"peak_to_mean": 1.5}, "processing": {"p50_s": 2.5, "p95_s": 5.0}}
"""A close call for synchronous, which 10 s of processing tip."""


def test_numbers_alone_have_no_probability() -> None:
    advice = advise_by_rules(answers_from({}))
    assert advice.probability is None


def test_the_probability_is_the_part_of_the_range_in_which_a_style_wins() -> None:
    given = BALANCED | {"processing": {"p50_s": 2.5, "p95_s": {"low": 5.0, "high": 20.0}}}
    advice = advise_by_rules(answers_from(given))
    assert advice.probability is not None
    beyond_10_s = math.log(20 / 10) / math.log(20 / 5)
    assert advice.probability["event_driven"] == pytest.approx(beyond_10_s, abs=0.002)
    assert sum(advice.probability.values()) == pytest.approx(1)


def test_the_answer_that_matters_most_is_named() -> None:
    given = BALANCED | {
        "processing": {"p50_s": 2.5, "p95_s": {"low": 5.0, "high": 20.0}},
        "failures": {"transient_percent": {"low": 1, "high": 3}},
        "resilience": {"recover_within_minutes": {"unknown": True}},
    }
    assert advise_by_rules(answers_from(given)).settle == "processing.p95_s"


def test_what_does_not_matter_leaves_one_style_and_nothing_to_settle() -> None:
    advice = advise_by_rules(
        answers_from({"template": "form_classification", "resilience": {"outage_minutes": {"unknown": True}}})
    )
    assert advice.probability == {"synchronous": 1.0, "event_driven": 0.0, "hybrid": 0.0}
    assert advice.settle is None


def test_samples_are_even_on_a_logarithmic_scale_and_the_same_each_time() -> None:
    answers = answers_from({"volume": {"mean_rate_per_s": {"low": 0.1, "high": 10}, "peak_to_mean": 1}})
    columns, _ = sampled(Evaluation.from_answers(answers))
    rates = columns["volume.mean_rate_per_s"]
    assert len(rates) == 1000
    assert np.mean(rates < 1) == pytest.approx(0.5, abs=0.002)
    assert (rates.min(), rates.max()) == (pytest.approx(0.1, rel=0.01), pytest.approx(10, rel=0.01))
    assert np.array_equal(rates, sampled(Evaluation.from_answers(answers))[0]["volume.mean_rate_per_s"])


def test_p50_follows_a_sampled_p95_unless_it_is_uncertain_itself() -> None:
    follows, _ = sampled(Evaluation.from_answers(answers_from({"processing": {"p95_s": {"low": 10, "high": 40}}})))
    assert np.allclose(follows["processing.p50_s"] / follows["processing.p95_s"], 8 / 20)
    free, _ = sampled(
        Evaluation.from_answers(
            answers_from({"processing": {"p95_s": {"low": 10, "high": 40}, "p50_s": {"low": 4, "high": 16}}})
        )
    )
    assert np.all(free["processing.p50_s"] <= free["processing.p95_s"])
    assert np.std(free["processing.p50_s"] / free["processing.p95_s"]) > 0.01


def test_a_whole_number_stays_whole() -> None:
    columns, _ = sampled(Evaluation.from_answers(answers_from({"synchronous": {"workers": {"low": 5, "high": 50}}})))
    assert np.array_equal(columns["synchronous.workers"], np.round(columns["synchronous.workers"]))


def test_the_point_advice_is_at_the_geometric_mean() -> None:
    ranged = advise_by_rules(answers_from({"processing": {"p95_s": {"low": 10, "high": 40}}}))
    point = advise_by_rules(answers_from({"processing": {"p95_s": 20.0}}))
    assert (ranged.style, ranged.score) == (point.style, pytest.approx(point.score))
