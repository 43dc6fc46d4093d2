"""In-line subscribers hold the worker: the capacity of the advice is that of the Scenario."""

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from simulator.plan import SYNCHRONOUS
from simulator.stability import load_of


@pytest.mark.parametrize("count", [1, 2, 4, 30, 100])
def test_the_load_of_the_workers_is_that_of_the_simulated_workers(count: int) -> None:
    answers = answers_from(
        {
            "template": "form_classification",
            "volume": {"mean_rate_per_s": 0.2, "peak_to_mean": 1},
            "provider": {
                "requests_per_minute": None,
                "input_tokens_per_minute": None,
                "output_tokens_per_minute": None,
            },
            "subscribers": {"count": count, "handling_p95_s": 3},
            "failures": {"transient_percent": 0, "poison_percent": 0},
        }
    )
    evaluation = Evaluation.from_answers(answers)
    scenario = scenario_of(evaluation)
    simulated = load_of(scenario, SYNCHRONOUS, None, None).servers
    assert evaluation.point.load.rate / evaluation.point.capacity.worker_cap == pytest.approx(simulated, rel=0.01)
