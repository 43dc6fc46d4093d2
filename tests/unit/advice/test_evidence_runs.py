"""Runs of the evidence that are kept: what a run depends on."""

from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import CircuitBreakerPlan, DesignPlan, ExpiryPlan
from advisor.advice.design_plan import plan_by_formulas
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import brief_scenario, evidence_of, run_key
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import Runner, warm
from simulator.scenario import Scenario
from simulator.tally import Tally

OTHER_QUEUES: tuple[dict[str, Any], ...] = (
    {"consumers": 3},
    {"expiry": ExpiryPlan(after_s=5.0, why="")},
    {"breaker": CircuitBreakerPlan(failures=5, pause_s=10.0)},
)


@pytest.mark.parametrize("other", OTHER_QUEUES)
def test_what_changes_the_queue_alone_leaves_the_run_of_the_synchronous_design(other: dict[str, Any]) -> None:
    evaluation = Evaluation.from_answers(answers_from({"template": "agent_loops"}))
    plans = (plan := plan_by_formulas(evaluation)), plan.model_copy(update=other)
    one, two = (brief_scenario(evaluation, 2_000, 4_000_000, each) for each in plans)
    assert one != two
    assert run_key(one, SYNCHRONOUS) == run_key(two, SYNCHRONOUS)
    assert run_key(one, EVENT_DRIVEN) != run_key(two, EVENT_DRIVEN)
    tallies = [tally_of_design(scenario, SYNCHRONOUS) for scenario in (one, two)]
    assert tallies[0].counts == tallies[1].counts and tallies[0].wait == tallies[1].wait
    assert (tallies[0].latencies.histogram == tallies[1].latencies.histogram).all()


def tally_of_design(scenario: Scenario, design: str) -> Tally:
    warm()
    runner = Runner(scenario, None, None, {design: True}, 1, designs=(design,))
    runner.run(1)
    return runner.tallies[design][0]


def test_evidence_of_another_plan_is_that_of_a_fresh_simulation() -> None:
    evaluation = Evaluation.from_answers(answers_from({"template": "agent_loops"}))
    plan: DesignPlan = plan_by_formulas(evaluation)
    expiring = plan.model_copy(update={"expiry": ExpiryPlan(after_s=100.0, why="")})
    first, second = evidence_of(evaluation, None, plan), evidence_of(evaluation, None, expiring)
    assert first is not None and second is not None
    assert first.styles["synchronous"] == second.styles["synchronous"]
    assert first.styles["event_driven"] != second.styles["event_driven"]
