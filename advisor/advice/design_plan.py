"""The plan: what is advised to be built, and therefore simulated."""

from dataclasses import dataclass
from typing import Self

from advisor.advice import recovery
from advisor.advice.contract import Method, RetryPlan
from advisor.advice.delivery import chosen_method
from advisor.advice.evaluation import Evaluation
from advisor.advice.polling import polling_interval_s


@dataclass(frozen=True)
class DesignPlan:
    retries: RetryPlan
    delivery: Method
    """Of results that are not in the response."""
    polling_interval_s: float
    inline_wait_s: float | None
    """How long a hybrid answers in line; None if no force speaks for a hybrid."""

    @classmethod
    def from_evaluation(cls, evaluation: Evaluation) -> Self:
        facts, point = evaluation.facts, evaluation.point
        return cls(
            retries=recovery.retry_plan(evaluation.answers, point),
            delivery=chosen_method(facts, "event_driven"),
            polling_interval_s=polling_interval_s(point),
            inline_wait_s=round(point.inline.hybrid_wait_s, 3) if evaluation.decisions.hybrid_case[0] > 0 else None,
        )
