"""A live run at an outside endpoint in words."""

import pytest

from advisor.reports.document.live import endpoint_sentences
from advisor.reports.document.planned_run import endpoint_terms, plan_sentences
from simulator.live.run.run_plan import LiveRunPlan, plan_live_run
from simulator.live.system.config import ExternalEndpoint
from simulator.result import EndpointUse, LiveReport, Quantiles
from simulator.scenario import Scenario

EXTERNAL = ExternalEndpoint(
    url="https://models.example/v1", model="some-model", max_calls=200, max_tokens_a_call=256, max_seconds=120.0
)


@pytest.fixture
def plan() -> LiveRunPlan:
    scenario = Scenario.model_validate(
        {
            "arrivals": {"process": "regular", "rate_per_s": 1},
            "service": {"distribution": "deterministic", "mean_s": 5},
            "retries": {"max": 1},
        }
    )
    return plan_live_run(scenario, external=EXTERNAL)


def report(**given: object) -> LiveReport:
    values = {
        "host": "models.example", "model": "some-model", "max_calls": 200, "max_tokens_a_call": 256, "calls": 122,
        "failed_calls": 3, "input_tokens": 61_000, "output_tokens": 4_880, "cut": {},
        "call_s": Quantiles(mean=0.9, p50=0.8, p95=1.5), "scenario_mean_s": 9.3,
    }  # fmt: skip
    return LiveReport.model_construct(endpoint=EndpointUse.model_validate(values | given))


def words(live: LiveReport) -> str:
    return " ".join(endpoint_sentences(live)).replace("\xa0", " ")


def test_before_it_starts_it_says_what_it_may_spend(plan: LiveRunPlan) -> None:
    text = endpoint_terms(plan).replace("\xa0", " ")
    assert "some-model at models.example answers, in real time" in text
    assert "at most 124 calls of 256 output tokens, 31,744 in all, within 2 min" in text, (
        "31 jobs, twice, in both designs"
    )
    assert "those of the scenario are left out" in text
    assert "in real time: about 31 jobs through each design" in " ".join(plan_sentences(plan)).replace("\xa0", " ")


def test_afterwards_it_says_who_answered_what_was_spent_and_what_the_prediction_is_made_of() -> None:
    text = words(report())
    assert (
        "some-model at models.example answered in the sample endpoint's place: 122 calls of at most 200, 3 of them in vain"
        in text
    )
    assert "61,000 input and 4,880 output tokens" in text
    assert "measured, not drawn: 900 ms a call on average (800 ms at p50, 1.5 s at p95)" in text
    assert "in place of the 9.3 s of the answers" in text
    assert "Cut short" not in text


def test_a_cap_that_cut_it_short_is_named_with_its_design() -> None:
    text = words(report(cut={"synchronous": "calls", "event_driven": "time"}))
    assert "the cap on calls ended the calls of the synchronous design" in text
    assert "the cap on time ended the calls of the event-driven design" in text


def test_one_cap_that_cut_both_is_named_once() -> None:
    assert "the cap on tokens ended the calls of both designs" in words(
        report(cut={"synchronous": "tokens", "event_driven": "tokens"})
    )


def test_calls_that_all_failed_are_no_measurement() -> None:
    used = {"input_tokens": 0, "output_tokens": 0, "failed_calls": 122, "failures": {"401": 121, "429": 1}}
    text = words(report(call_s=Quantiles(), **used))
    assert "122 calls of at most 200, all of them in vain (HTTP 401: 121, HTTP 429: 1)" in text
    assert "None of its calls brought a result" in text
    assert "told of no tokens" in text


def test_the_sample_endpoint_needs_no_words() -> None:
    assert endpoint_sentences(LiveReport.model_construct(endpoint=None)) == ()
