"""What is said of a live run before it starts."""

from dataclasses import replace

import pytest

from advisor.reports.document.planned_run import WORKERS, plan_sentences
from simulator.live.run.run_plan import LiveRunPlan, plan_live_run
from simulator.scenario import Scenario


@pytest.fixture
def plan() -> LiveRunPlan:
    """41 jobs of a workload that goes on, on a machine that was measured."""
    scenario = Scenario.model_validate(
        {
            "arrivals": {"process": "regular", "rate_per_s": 2},
            "service": {"distribution": "deterministic", "mean_s": 5},
            "deadline_s": 20,
        }
    )
    return replace(plan_live_run(scenario, speed=1, seconds=20), is_measured=True, real_s=60.0)


def sentences_about(plan: LiveRunPlan) -> list[str]:
    return [sentence.replace("\xa0", " ") for sentence in plan_sentences(plan)]


def tolerating(plan: LiveRunPlan, **given: object) -> LiveRunPlan:
    scenario = plan.window.scenario.model_copy(update=given)
    return replace(plan, window=replace(plan.window, scenario=scenario))


def test_it_says_how_many_jobs_run_how_many_a_verdict_takes_and_how_long_that_is(plan: LiveRunPlan) -> None:
    assert sentences_about(plan) == [
        "The first 20 seconds, in real time: about 41 jobs through each design, arriving for 20 s; about 60 s in all.",
        "A verdict takes about 299 jobs of which none misses its deadline; this run is too short for one: "
        "jobs would have to arrive for about 2 min 30 s.",
    ]


def test_one_that_is_long_enough_says_so(plan: LiveRunPlan) -> None:
    assert sentences_about(replace(plan, verdict_jobs=41))[1].endswith(
        "none misses its deadline; this run is long enough."
    )


def test_a_workload_with_too_few_jobs_is_not_told_to_run_longer(plan: LiveRunPlan) -> None:
    whole = replace(plan, window=replace(plan.window, is_whole=True))
    assert sentences_about(whole)[1].endswith("; this workload has 41, too few for one.")


def test_without_a_tolerated_miss_no_verdict_can_be_had(plan: LiveRunPlan) -> None:
    none = replace(tolerating(plan, tolerated_miss_percent=0.0), verdict_jobs=None)
    assert sentences_about(none)[1].startswith("No number of jobs can show that none misses its deadline")


def test_without_a_deadline_nothing_is_said_of_a_verdict(plan: LiveRunPlan) -> None:
    assert len(sentences_about(replace(tolerating(plan, deadline_s=None), verdict_jobs=None))) == 1


def test_before_the_machine_was_measured_the_figures_may_change(plan: LiveRunPlan) -> None:
    assert "may change the speed and the jobs" in sentences_about(replace(plan, is_measured=False))[-1]


def test_one_job_is_one() -> None:
    scenario = Scenario.model_validate(
        {
            "jobs": 1,
            "arrivals": {"process": "regular", "rate_per_s": 2},
            "service": {"distribution": "deterministic", "mean_s": 5},
        }
    )
    assert "about 1 job through each design, arriving for 1 s" in sentences_about(plan_live_run(scenario, speed=1))[0]


def test_every_kind_of_worker_has_a_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in WORKERS.values())
