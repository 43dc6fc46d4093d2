"""The plan as the formulas of the rules have it: what is advised to be built, and therefore simulated."""

from advisor.advice import recovery
from advisor.advice.contract import DesignPlan
from advisor.advice.delivery import chosen_method
from advisor.advice.evaluation import Evaluation
from advisor.advice.polling import polling_interval_s


def plan_by_formulas(evaluation: Evaluation) -> DesignPlan:
    """As many consumers as there may be workers, so that what no plan can do shows."""
    facts, point = evaluation.facts, evaluation.point
    return DesignPlan(
        retries=recovery.retry_plan(evaluation.answers, point),
        delivery=chosen_method(facts, "event_driven"),
        polling_interval_s=polling_interval_s(point),
        inline_wait_s=round(point.inline.hybrid_wait_s, 3) if evaluation.decisions.hybrid_case[0] > 0 else None,
    )
