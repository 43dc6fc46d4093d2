"""What to build along with the design, what to do when an alarm sounds, and how to start."""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import Flip, FlipOutcome, Recommendation
from advisor.advice.migration import migration_path
from advisor.advice.templates import TEMPLATES
from advisor.advice.variations import changed
from core.paths import nested
from tests.rules_alone import advise_by_rules


def advised(differs: Mapping[str, Any], template: str = "document_extraction") -> Recommendation:
    return advise_by_rules(answers_from({"template": template, **nested(differs)}), flips=False)


def practices(differs: Mapping[str, Any], template: str = "document_extraction") -> dict[str, str]:
    return {practice.id: practice.text for practice in advised(differs, template).practices}


HYBRID = {"subscribers.count": 4}
"""A person's form, to which three other services react."""


def test_an_answer_and_its_event_agree_by_an_outbox() -> None:
    assert "outbox" in practices(HYBRID, "form_classification")["outbox"]
    assert "The answer and its event" in practices(HYBRID, "form_classification")["outbox"]


def test_a_table_of_jobs_is_its_own_outbox() -> None:
    """The default workload's broker is the database, so the job is a row of the same transaction."""
    assert "same transaction" in practices({})["outbox"]
    assert "relay" not in practices({})["outbox"]


def test_what_may_be_lost_and_has_one_reader_needs_no_outbox() -> None:
    assert "outbox" not in practices({"resilience.max_lost_jobs": 1000})


def test_work_that_must_not_be_done_twice_has_a_key_in_any_style() -> None:
    assert practices({}, "form_classification") == {}
    retried = {"failures.idempotent": False, "failures.max_retries": 1}
    assert "does harm" in practices(retried, "form_classification")["idempotency_key"]
    assert "pays for the model twice" in practices({})["idempotency_key"]


def test_a_few_jobs_start_with_a_table_and_a_cron_job() -> None:
    few = {"volume.mean_rate_per_s": 1e-6, "volume.peak_to_mean": 1, "priorities.urgent.max_wait_s": 60}
    text = practices(few)["start_simple"]
    assert "0.0864 /d" in text
    assert "a cron job that looks at it every minute" in text


def test_a_short_wait_is_looked_at_more_often_than_cron_can() -> None:
    few = {"volume.mean_rate_per_s": 0.001, "volume.peak_to_mean": 1, "priorities.urgent.max_wait_s": 5}
    assert "one process that looks at it every 5 s" in practices(few)["start_simple"]


def test_a_broker_that_runs_today_carries_a_few_jobs_in_one_queue() -> None:
    few = {"volume.mean_rate_per_s": 0.001, "volume.peak_to_mean": 1, "operations.runs_a_broker_today": True}
    assert "one queue with one consumer on the broker that runs today" in practices(few)["start_simple"]


@pytest.mark.parametrize(
    "differs",
    [
        {"volume.mean_rate_per_s": 0.02},  # 72 an hour
        {"volume.mean_rate_per_s": 0.01, "volume.peak_to_mean": 8, "volume.peak_minutes": 15},  # in the peak
        {"volume.mean_rate_per_s": 0.001, "processing.p50_s": 600, "processing.p95_s": 1200, "caller.deadline_s": 86_400},
        {"volume.mean_rate_per_s": 0.001, "volume.backlog_jobs": 10_000},
        {"volume.mean_rate_per_s": 0.001, "priorities.urgent.max_wait_s": 0.5},
    ],
)  # fmt: skip
def test_more_than_a_few_jobs_need_a_queue(differs: Mapping[str, Any]) -> None:
    assert "start_simple" not in practices({"volume.peak_to_mean": 1, **differs})


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_alarm_has_a_line_of_what_to_look_at_and_what_to_do(template: str) -> None:
    for differs in ({}, HYBRID, {"synchronous.overflow": "drop", "synchronous.backlog": 100}):
        for monitor in advised(differs, template).monitors:
            assert monitor.runbook.startswith("Look ") and monitor.runbook.endswith("."), monitor.metric


def test_a_runbook_asks_for_no_more_consumers_than_are_of_use() -> None:
    advice = advised({})
    queue = next(monitor for monitor in advice.monitors if monitor.metric.startswith("queue depth"))
    assert f"up to {advice.concurrency.useful} consumers" in queue.runbook


def flip(field: str, old: Any, new: Any, style: str = "event_driven") -> Flip:
    becomes = FlipOutcome.model_validate({"style": style, "strength": "lean", "delivery": "polling"})
    return Flip.model_validate({"field": field, "from": old, "to": new, "becomes": becomes})


def test_a_chat_starts_synchronous_and_moves_at_its_flip() -> None:
    answers = answers_from({"template": "chat_assistant"})
    advice = advise_by_rules(answers)
    turn = next(one for one in advice.flips if one.field == "subscribers.count")
    assert f"once {turn.to} services react, publish an event" in advice.migration
    assert advise_by_rules(changed(answers, turn.field, turn.to), flips=False).style != "synchronous"


def test_the_nearest_growth_says_when_to_move() -> None:
    slower, shrinking = flip("processing.p95_s", 1.4, 2.1), flip("volume.peak_to_mean", 4, 2)
    path = migration_path("synchronous", True, 0, [slower, flip("synchronous.workers", 8, 7), shrinking])
    assert "once the slowest one in twenty takes 2.1 s, move the processing behind a queue" in path
    busier = [slower, flip("volume.peak_to_mean", 2, 6), flip("volume.mean_rate_per_s", 2, 5.6)]
    assert "Start synchronous; at 5.6 /s, move" in migration_path("synchronous", True, 0, busier)


@pytest.mark.parametrize(
    "flips",
    [
        [],
        [flip("volume.mean_rate_per_s", 2, 9)],  # not near
        [flip("volume.mean_rate_per_s", 2, 2.01)],  # a close call today
        [flip("volume.mean_rate_per_s", 2, 4, "synchronous")],  # of strength alone
        [flip("operations.runs_a_broker_today", False, True)],  # does not grow
    ],
)
def test_without_growth_that_is_near_there_is_nothing_to_prepare(flips: list[Flip]) -> None:
    assert migration_path("synchronous", True, 0, flips) == ""


def test_who_needs_a_queue_today_has_nothing_to_start_with() -> None:
    near = [flip("volume.mean_rate_per_s", 2, 4)]
    assert migration_path("event_driven", True, 0, near) == ""
    assert migration_path("synchronous", False, 0, near) == ""


def test_a_hybrid_is_reached_by_publishing_or_by_a_later_answer() -> None:
    near = [flip("volume.mean_rate_per_s", 2, 4, "hybrid")]
    assert "publish an event" in migration_path("synchronous", True, 2, near)
    assert "202" in migration_path("synchronous", True, 0, near)


def test_advice_of_before_has_neither_broker_nor_practices_nor_runbooks() -> None:
    stored = advised({}).model_dump(mode="json", by_alias=True)
    for name in ("broker", "practices", "migration"):
        del stored[name]
    for monitor in stored["monitors"]:
        del monitor["runbook"]
    for warning in stored["warnings"]:
        del warning["questions"]
    read = Recommendation.parse(stored)
    assert (read.broker, read.practices, read.migration) == (None, (), "")
