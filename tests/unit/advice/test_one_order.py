"""One order of all results, in both designs of the Scenario."""

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from simulator.inequalities import inequalities_of
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.stability import load_of


def test_one_order_leaves_one_worker_and_one_consumer_and_neither_keeps_up_with_more_than_one_can_do() -> None:
    """1.5 a second that take 1 s each: 20 workers would do, and one at a time do not."""
    answers = answers_from(
        {
            "subscribers": {"count": 2, "ordering": "global"},
            "processing": {"p50_s": 1.0, "p95_s": 1.6},
            "volume": {"mean_rate_per_s": 1.5, "peak_to_mean": 1},
        }
    )
    scenario = scenario_of(Evaluation.from_answers(answers))
    assert (scenario.synchronous.workers, scenario.event_driven.consumers) == (1, 1)
    for design in (SYNCHRONOUS, EVENT_DRIVEN):
        assert load_of(scenario, design, None, None).servers > 1.5
    assert not [sentence for sentence in inequalities_of(scenario) if "order" in sentence]
