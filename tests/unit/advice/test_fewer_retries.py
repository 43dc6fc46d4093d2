"""Retries that do harm, put to longer runs of other draws, and to arithmetic."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from advisor.advice.answers import answers_from
from advisor.advice.consumer_search import advised_scenario
from advisor.advice.design_plan import plan_by_formulas, with_retries
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import evidence_of
from advisor.advice.fewer_retries import better_style
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from simulator.experiment import simulate
from simulator.result import DesignResult
from simulator.scenario import Scenario
from simulator.traces import Trace

POISON: Mapping[str, Any] = {
    "template": "document_extraction",
    "caller": {"tolerated_miss_percent": 6},
    "volume": {"mean_rate_per_s": 1.8, "peak_to_mean": 1},
    "failures": {"poison_percent": 4, "max_retries": 9, "backoff_base_s": 1, "backoff_cap_s": 2},
}
"""1.8 /s of 9.3 s keep 16.7 of 20 consumers busy; each of the 4 % that never work is tried ten times: 36 % more."""


def of_long_run(scenario: Scenario) -> DesignResult:
    return simulate(
        scenario.model_copy(update={"seed": 23, "jobs": 60_000}), replications=2, windows=False
    ).event_driven


@pytest.fixture(scope="module")
def poisoned() -> Evaluation:
    return Evaluation.from_answers(answers_from(POISON))


def test_the_plan_has_fewer_retries_if_those_that_are_allowed_overload_the_consumers(poisoned: Evaluation) -> None:
    allowed, planned = of_long_run(scenario_of(poisoned)), of_long_run(advised_scenario(poisoned))
    assert (allowed.conclusion, planned.conclusion) == ("misses", "meets")
    advice = advise(poisoned.answers, flips=False)
    assert advice.feasible and advice.plan is not None and advice.evidence is not None
    assert advice.retries == advice.plan.retries
    assert 0.96 * 1.02 + 0.04 * (advice.retries.max + 1) < 20 / (1.8 * 9.3)
    in_time = advice.evidence.styles["event_driven"].good_share
    assert in_time == pytest.approx(planned.good_share, abs=0.004)
    assert advice.retries.why.startswith("With the 9 retries that you allow ")
    assert (
        f"; with {advice.retries.max} it is {100 * in_time:.3g} %. The plan has {advice.retries.max} retries, "
        in advice.retries.why
    )


def test_the_retries_that_are_allowed_stay_if_a_design_meets_the_deadline_with_them() -> None:
    answers = answers_from({**POISON, "volume": {"mean_rate_per_s": 1.4, "peak_to_mean": 1}})
    advice = advise(answers, flips=False)
    assert advice.evidence is not None
    assert [advice.evidence.styles[style].conclusion for style in ("synchronous", "event_driven")] == [
        "misses",
        "meets",
    ]
    assert advice.retries.max == 9
    assert advice.retries.why.startswith("You allow 9 retries")


def test_fewer_retries_leave_the_first_pauses_of_a_list(poisoned: Evaluation) -> None:
    given = {**POISON, "failures": {**POISON["failures"], "max_retries": 4, "retry_intervals_s": [2, 5, 10]}}
    listed = Evaluation.from_answers(answers_from(given))
    assert plan_by_formulas(with_retries(listed, 3)).retries.intervals_s == (2, 2, 5)
    assert plan_by_formulas(with_retries(listed, 0)).retries.intervals_s is None
    assert plan_by_formulas(with_retries(poisoned, 3)).retries.intervals_s is None


def test_an_unresolved_design_is_better_only_if_the_same_requests_are_in_time_more_often(poisoned: Evaluation) -> None:
    fewer = with_retries(poisoned, 2)
    having = evidence_of(fewer)
    assert having is not None and having.styles["event_driven"].conclusion == "meets"
    unresolved = {
        style: outcome.model_copy(update={"conclusion": "unresolved"}) for style, outcome in having.styles.items()
    }
    before = having.model_copy(update={"styles": unresolved})
    assert better_style(poisoned, before, fewer, having) == "event_driven"
    assert better_style(fewer, before, fewer, having) is None


def test_retries_do_harm_in_a_recording_as_well() -> None:
    arrivals_s = np.cumsum(np.random.default_rng(3).exponential(1 / 1.8, 9_000))
    answers = answers_from({**POISON, "volume": {"trace": "busy.csv", "mean_rate_per_s": 1.8, "peak_to_mean": 1}})
    advice = advise(answers, trace=Trace(arrivals_s - arrivals_s[0]), flips=False)
    assert advice.evidence is not None and advice.retries.max < 9
    assert advice.evidence.styles["event_driven"].conclusion == "meets"
