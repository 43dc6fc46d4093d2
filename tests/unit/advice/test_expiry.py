"""The expiry of queued jobs, put to runs of other draws."""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.expiry import expires_after_s
from advisor.advice.outage_scenario import build_outage_scenario
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from advisor.reports.document.advice import retries_section
from simulator.experiment import simulate
from simulator.live.run.support import find_unsupported

MODERATION: Mapping[str, Any] = {"template": "image_moderation"}


def evaluation_of(**differs: Any) -> Evaluation:
    return Evaluation.from_answers(answers_from({**MODERATION, **differs}))


def test_jobs_that_a_person_no_longer_waits_for_expire_if_others_are_in_time_instead() -> None:
    evaluation = evaluation_of()
    advice = advise(evaluation.answers, flips=False)
    plan = advice.plan
    assert advice.style == "event_driven" and plan is not None and plan.expiry is not None
    times = evaluation.answers.processing
    assert plan.expiry.after_s == evaluation.point.caller.deadline_s - times.p50_s
    with_expiry, without = (
        scenario_of(evaluation, each).model_copy(update={"seed": 11})
        for each in (plan, plan.model_copy(update={"expiry": None}))
    )
    assert (with_expiry.event_driven.expires_s, without.event_driven.expires_s) == (plan.expiry.after_s, None)
    hits = [build_outage_scenario(scenario, evaluation.answers) for scenario in (with_expiry, without)]
    in_time = [simulate(hit, replications=1, windows=False).event_driven.good_share for hit in hits if hit is not None]
    assert in_time[0] > in_time[1] + 0.03
    assert plan.expiry.why in str(retries_section(advice))
    assert not [problem for problem in find_unsupported(with_expiry) if "expir" in f"{problem.path} {problem.reason}"]


@pytest.mark.parametrize(
    "differs",
    [
        {"caller": {"kind": "internal"}},
        {"failures": {"dead_letter": False}, "resilience": {"max_lost_jobs": 0}},
        {"caller": {"deadline_s": 1}},
    ],
    ids=["a system uses late results", "no job may be lost", "no time is left for waiting"],
)
def test_jobs_do_not_expire_if(differs: Mapping[str, Any]) -> None:
    assert expires_after_s(evaluation_of()) is not None
    assert expires_after_s(evaluation_of(**differs)) is None


def test_jobs_do_not_expire_if_that_puts_no_more_in_time() -> None:
    advice = advise(evaluation_of(resilience={"outage_minutes": 0}).answers, flips=False)
    assert advice.style == "event_driven" and advice.plan is not None and advice.plan.expiry is None
