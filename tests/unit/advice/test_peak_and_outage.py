"""What the plan says of peaks, outages and alarms, put to runs of the plan of other draws, and to arithmetic."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars
import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.outage_scenario import build_outage_scenario
from advisor.advice.peak_and_outage import outage_of
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from advisor.advice.sizing import left_for_waiting_s
from advisor.reports.wording import consumers_sentence
from simulator.experiment import simulate
from simulator.job_rows import simulate_jobs
from simulator.result import DesignResult
from simulator.scenario import Scenario
from tests.unit.advice.test_consumer_search import BATCH_EVALUATIONS, QUICK_AND_LONG, TRANSLATION

VIDEO: Mapping[str, Any] = {
    "template": "image_moderation",
    "caller": {"deadline_s": 3_600, "needs_immediate_response": False, "wants_live_updates": True},
    "volume": {"mean_rate_per_s": 0.03, "peak_to_mean": 6, "peak_minutes": 60},
    "processing": {"p50_s": 150, "p95_s": 420, "input_tokens": 0, "output_tokens": 0},
    "provider": {"profile": "self_hosted", "max_concurrency": 12},
    "synchronous": {"workers": 12},
    "operations": {"max_workers": 12},
}
WATCHED: Mapping[str, Mapping[str, Any]] = {
    **{
        name: {"template": name}
        for name in ("document_extraction", "email_triage", "image_moderation", "speech_transcription")
    },
    "agent_loops": {"template": "agent_loops"},
    "batch evaluations": BATCH_EVALUATIONS,
    "translation": TRANSLATION,
}


def advised(given: Mapping[str, Any]) -> tuple[Recommendation, Scenario]:
    evaluation = Evaluation.from_answers(answers_from(given))
    advice = advise(evaluation.answers, flips=False)
    return advice, scenario_of(evaluation, advice.plan)


def of_one_run(scenario: Scenario) -> DesignResult:
    return simulate(scenario, replications=1, windows=False).event_driven


class QueueOfRun:
    """Of one queue in one replication, by its jobs: when each waits, and when one of those misses its deadline that waiting made late."""

    def __init__(self, jobs: polars.DataFrame, name: str, deadline_s: float, left_s: float) -> None:
        own = jobs.filter((polars.col("design") == "event_driven") & (polars.col("queue") == name))
        self.begins_s, self.waits_s = (own[column].fill_null(0.0).to_numpy() for column in ("arrival_s", "wait_s"))
        self.is_once = own["provider_calls"].to_numpy() <= 1
        by_waiting_s = own["latency_s"].fill_null(0.0).to_numpy() - self.waits_s
        is_late = (own["latency_s"].fill_null(0.0).to_numpy() > deadline_s) & (by_waiting_s <= deadline_s - left_s)
        self.missed_s = np.sort(self.begins_s[is_late] + deadline_s)

    @property
    def lag_s(self) -> float:
        return float(self.waits_s[self.is_once].max(initial=0.0))

    def depth_reaches_s(self, depth: int) -> float:
        """When that many wait at once; infinite if they never do."""
        begins, ends = np.sort(self.begins_s), np.sort(self.begins_s + self.waits_s)
        waiting = np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")
        reached = begins[waiting >= depth]
        return float(reached[0]) if len(reached) else math.inf

    def lag_reaches_s(self, lag_s: float) -> float:
        reached = self.begins_s[self.waits_s >= lag_s]
        return float(reached.min()) + lag_s if len(reached) else math.inf


def queues_of(given: Mapping[str, Any], scenario: Scenario) -> dict[str, QueueOfRun]:
    answers = answers_from(given)
    left_s = left_for_waiting_s(answers, Evaluation.from_answers(answers).point)
    jobs = simulate_jobs(scenario)
    assert isinstance(scenario.deadline_s, float)
    return {name: QueueOfRun(jobs, name, scenario.deadline_s, left_s[name]) for name in scenario.event_driven.queues}


@pytest.mark.slow
@pytest.mark.parametrize("name", WATCHED)
def test_each_queues_alarms_are_silent_on_an_ordinary_day(name: str) -> None:
    advice, scenario = advised(WATCHED[name])
    day = queues_of(WATCHED[name], scenario.model_copy(update={"seed": 11, "jobs": 60_000}))
    for queue in advice.queues:
        assert day[queue.name].lag_s < queue.alarm_lag_s, queue
        assert day[queue.name].depth_reaches_s(queue.alarm_depth) == math.inf, queue


@pytest.mark.slow
@pytest.mark.parametrize("name", WATCHED)
def test_each_queues_alarm_sounds_before_waiting_makes_a_job_of_it_miss_its_deadline_in_the_stated_outage(
    name: str,
) -> None:
    advice, scenario = advised(WATCHED[name])
    hit = build_outage_scenario(scenario.model_copy(update={"seed": 11}), answers_from(WATCHED[name]))
    assert hit is not None and isinstance(hit.deadline_s, float)
    for queue in advice.queues:
        run = queues_of(WATCHED[name], hit)[queue.name]
        sounds_s = min(run.depth_reaches_s(queue.alarm_depth), run.lag_reaches_s(queue.alarm_lag_s))
        assert not len(run.missed_s) or sounds_s < run.missed_s[0], queue
        assert queue.alarm_depth > 1 and queue.alarm_lag_s < hit.deadline_s


def test_an_alarm_that_ordinary_peaks_reach_says_so() -> None:
    """Fifteen of the sixteen consumers that a peak of a quarter of an hour keeps busy: batch requests wait until after it."""
    given = {
        "template": "document_extraction",
        "caller": {"deadline_s": 60, "tolerated_miss_percent": 2},
        "volume": {"mean_rate_per_s": 0.5, "peak_to_mean": 3},
        "processing": {"p50_s": 9, "p95_s": 24},
        "operations": {"max_workers": 15},
    }
    advice, _ = advised(given)
    texts = {monitor.metric: monitor.text for monitor in advice.monitors}
    assert "the alarm sounds then, too" in texts["queue depth and consumer lag, batch"]
    assert "days without an outage reach at most" in texts["queue depth and consumer lag, urgent"]


def test_a_peak_drains_as_its_backlog_does_at_the_rate_of_the_planned_consumers() -> None:
    """59 minutes at 24 times 0.23 /s come, and seven consumers take 6.2 s each (lognormal through 5 and 12 s, 2 % tried again)."""
    advice, _ = advised(BATCH_EVALUATIONS)
    assert advice.evidence is not None and advice.evidence.drain_after_peak_s is not None
    work_s = 5 * math.exp((math.log(12 / 5) / 1.6449) ** 2 / 2) * 1.02
    served = 7 / work_s
    backlog = (24 * 0.23 - served) * 59 * 60
    assert advice.evidence.drain_after_peak_s == pytest.approx(backlog / served, rel=0.08)
    assert any(
        monitor.metric == "time to drain after a peak" and monitor.threshold.startswith("3 h")
        for monitor in advice.monitors
    )


def test_a_circuit_breaker_is_planned_if_an_outage_would_use_up_the_retries() -> None:
    evaluation = Evaluation.from_answers(answers_from(TRANSLATION))
    advice = advise(evaluation.answers, flips=False)
    assert advice.plan is not None and advice.plan.breaker is not None and advice.evidence is not None
    without = outage_of(evaluation, advice.plan.model_copy(update={"breaker": None}))
    assert advice.evidence.outage is not None and without is not None
    assert advice.evidence.outage.given_up_share < 0.002
    assert without.given_up_share > 0.1
    assert scenario_of(evaluation, advice.plan).event_driven.circuit_breaker


def test_no_outage_needs_no_circuit_breaker() -> None:
    advice, _ = advised({**TRANSLATION, "resilience": {"outage_minutes": 0}})
    assert advice.plan is not None and advice.plan.breaker is None
    assert advice.evidence is not None and advice.evidence.outage is None


def test_a_list_of_hours_is_asked_for_every_few_minutes_and_the_calls_are_those_of_the_simulation() -> None:
    advice, scenario = advised(TRANSLATION)
    parameters = advice.delivery.parameters
    assert 60 <= parameters["interval_s"] <= 300
    assert parameters["each_call_asks_for"] == "all open jobs"
    run = of_one_run(scenario.model_copy(update={"seed": 5, "jobs": 20_000}))
    assert run.delivery_calls / run.offered == pytest.approx(parameters["calls_per_job"], rel=0.1)


def test_open_connections_are_those_of_the_calls_in_service_and_of_the_waiting_ones() -> None:
    """Ten videos a minute come for an hour, twelve at once take 190 s on average: seven a minute are left waiting."""
    advice, _ = advised(VIDEO)
    assert advice.delivery.parameters["open_connections_at_peak"] == pytest.approx(12 + 453, rel=0.08)


def test_more_consumers_are_planned_if_they_recover_from_the_outage_in_the_time_that_it_may_take() -> None:
    """Without retries of the outage's jobs 900 s of arrivals wait at its end: as many consumers as do them and what comes in ten minutes."""
    given = {"template": "speech_transcription", "resilience": {"recover_within_minutes": 10}}
    usual, _ = advised({"template": "speech_transcription"})
    evaluation = Evaluation.from_answers(answers_from(given))
    advice, scenario = advised(given)
    assert usual.plan is not None and advice.plan is not None and advice.plan.consumers is not None
    assert advice.plan.recovery_consumers == advice.plan.consumers - (usual.plan.consumers or 0) > 0
    assert scenario.event_driven.consumers == advice.plan.consumers == advice.queues[0].consumers
    assert advice.evidence is not None and advice.evidence.outage is not None
    assert advice.evidence.outage.recovery_s is not None and advice.evidence.outage.recovery_s <= 600
    fewer = outage_of(evaluation, advice.plan.model_copy(update={"consumers": advice.plan.consumers - 1}))
    assert fewer is not None and (fewer.recovery_s or math.inf) > 600


OWN_CONSUMERS: Mapping[str, Any] = {
    **QUICK_AND_LONG,
    "volume": {"mean_rate_per_s": 0.29, "peak_to_mean": 1},
    "priorities": {
        "urgent": {"share_percent": 70, "max_wait_s": 2, "p50_s": 1, "p95_s": 2},
        "standard": {"share_percent": 0, "max_wait_s": 60},
        "batch": {"share_percent": 30, "max_wait_s": 3_600, "p50_s": 60, "p95_s": 120},
    },
    "operations": {"max_workers": 10},
    "provider": {"max_concurrency": 10},
}


def test_queues_with_consumers_of_their_own_get_more_of_them_for_the_recovery_as_well() -> None:
    """Batch jobs are 0.087 /s of 66 s: 5.7 consumers are busy with them, and 900 s of arrivals at the end of the outage keep one busy for 5,200 s."""
    usual, _ = advised({**OWN_CONSUMERS, "resilience": {"recover_within_minutes": 240}})
    given = {**OWN_CONSUMERS, "resilience": {"recover_within_minutes": 60}}
    advice, scenario = advised(given)
    assert usual.plan is not None and usual.plan.queue_consumers is not None and usual.plan.recovery_consumers == 0
    plan = advice.plan
    assert plan is not None and plan.queue_consumers is not None and plan.recovery_consumers > 0
    more = {name: count - usual.plan.queue_consumers[name] for name, count in plan.queue_consumers.items()}
    assert sum(more.values()) == plan.recovery_consumers == more["batch"]
    assert scenario.event_driven.queue_consumers == plan.queue_consumers
    assert advice.evidence is not None and advice.evidence.outage is not None
    assert advice.evidence.outage.recovery_s is not None and advice.evidence.outage.recovery_s <= 3_600
    fewer = plan.model_copy(
        update={"queue_consumers": plan.queue_consumers | {"batch": plan.queue_consumers["batch"] - 1}}
    )
    outage = outage_of(Evaluation.from_answers(answers_from(given)), fewer)
    assert outage is not None and (outage.recovery_s or math.inf) > 3_600
    assert f"{plan.recovery_consumers} of them" in consumers_sentence(advice)


def test_if_no_number_of_consumers_recovers_in_time_the_plan_stays_and_a_warning_says_so() -> None:
    usual, _ = advised({"template": "retrieval_ingestion"})
    advice, _ = advised({"template": "retrieval_ingestion", "resilience": {"recover_within_minutes": 5}})
    assert usual.plan is not None and advice.plan is not None
    assert advice.plan.consumers == usual.plan.consumers
    (warning,) = [one for one in advice.warnings if one.code == "recovery_too_slow"]
    assert "more consumers do not help" in warning.text
