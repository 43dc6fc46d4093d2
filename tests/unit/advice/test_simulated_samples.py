"""Ranges by simulation: each sample is decided as the advice of its numbers is."""

from typing import Any

import pytest

from advisor.advice import simulated_samples
from advisor.advice.answers import answers_from
from advisor.advice.brief_runs import BriefRuns
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import advise
from advisor.advice.simulated_samples import SampledStyles, simulate_samples
from advisor.reports.wording import regret_sentence
from simulator.stopping import Stopped, stops_unless


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_samples, "MOST_SAMPLES", 20)


def samples_of(differs: dict[str, Any]) -> SampledStyles:
    samples = simulate_samples(Evaluation.from_answers(answers_from(differs)))
    assert samples is not None
    return samples


def test_a_range_of_one_value_is_as_the_advice_of_that_value() -> None:
    for template in ("document_extraction", "form_classification"):
        samples = samples_of({"template": template, "caller": {"deadline_s": {"low": 20, "high": 20}}})
        advice = advise(answers_from({"template": template, "caller": {"deadline_s": 20}}), flips=False)
        assert samples.probability[advice.style] == 1
        assert samples.settle is None


def test_both_styles_show_up_in_a_range_across_the_limit_of_the_synchronous_design() -> None:
    """Steady work within 5 s is synchronous; work of a minute outlasts the 30 s that the client and gunicorn wait."""
    range_of_work = {"p50_s": {"low": 0.5, "high": 30}, "p95_s": {"low": 1, "high": 60}}
    steady = {"volume": {"mean_rate_per_s": 0.1, "peak_to_mean": 1}, "processing": range_of_work}
    samples = samples_of({**steady, "failures": {"dead_letter": False, "max_retries": 1}})
    assert 0.1 < samples.probability["synchronous"] < 0.9
    assert samples.probability["event_driven"] > 0.1
    assert samples.settle in ("processing.p50_s", "processing.p95_s")
    assert samples.regret["event_driven"] < samples.regret["synchronous"]


def test_without_ranges_there_is_nothing_to_sample_and_a_search_that_no_one_wants_stops() -> None:
    assert simulate_samples(Evaluation.from_answers(answers_from({}))) is None
    ranges = Evaluation.from_answers(answers_from({"caller": {"deadline_s": {"low": 20, "high": 40}}}))
    with stops_unless(lambda: False), pytest.raises(Stopped):
        simulate_samples(ranges)


def test_the_regret_is_said_of_the_style_that_loses_least() -> None:
    assert regret_sentence({"synchronous": 0.05, "event_driven": 0.002}) == (
        "Least regretted: event-driven, with 0.2 % fewer of the requests in time than the best style of each case, "
        "on average (synchronous 5 %)."
    )


def test_one_long_sample_is_simulated_for_several_that_are_about_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole peak is simulated where a backlog gathers in it; the shares of the styles stay as they are up to a few samples."""
    differs = {
        "template": "document_extraction",
        "volume": {"mean_rate_per_s": {"low": 0.2, "high": 3}},
        "caller": {"deadline_s": 600},
    }
    runs: list[object] = []
    shares = BriefRuns.shares
    monkeypatch.setattr(BriefRuns, "shares", lambda one: runs.append(one) or shares(one))
    monkeypatch.setattr(simulated_samples, "MOST_LONG_JOBS", 200_000)
    few, few_runs = samples_of(differs), len(runs)
    monkeypatch.setattr(simulated_samples, "MOST_LONG_JOBS", 2**60)
    all_of_them = samples_of(differs)
    assert few_runs < 0.8 * (len(runs) - few_runs)
    assert sum(few.probability.values()) == pytest.approx(1)
    for style, share in all_of_them.probability.items():
        assert few.probability[style] == pytest.approx(share, abs=0.2)
