"""The plan as the formulas of the rules have it: what is advised to be built, and therefore simulated."""

from functools import lru_cache

from advisor.advice import recovery
from advisor.advice.contract import DesignPlan
from advisor.advice.delivery import chosen_method
from advisor.advice.evaluation import Evaluation
from advisor.advice.polling import polling_interval_s
from advisor.advice.variations import changed
from simulator.retries import Retries

RETRIES = frozenset({"failures.max_retries", "failures.retry_intervals_s"})
"""The answers in whose place the plan may have its own."""


@lru_cache(maxsize=64)
def plan_by_formulas(evaluation: Evaluation) -> DesignPlan:
    """As many consumers as there may be workers, so that what no plan can do shows."""
    facts, point = evaluation.facts, evaluation.point
    return DesignPlan(
        retries=recovery.retry_plan(evaluation.answers, point),
        delivery=chosen_method(facts, "event_driven"),
        polling_interval_s=polling_interval_s(point),
        inline_wait_s=round(point.inline.hybrid_wait_s, 3) if evaluation.decisions.hybrid_case[0] > 0 else None,
    )


def with_planned_retries(evaluation: Evaluation, plan: DesignPlan | None) -> Evaluation:
    """As if the answers had the retries of the plan."""
    if plan is None or plan.retries.max == evaluation.answers.failures.max_retries:
        return evaluation
    return with_retries(evaluation, plan.retries.max)


def with_retries(evaluation: Evaluation, number: int) -> Evaluation:
    """With the first retries of the answers: a list of pauses alone would be that of the last ones, as in rq."""
    failures = evaluation.answers.failures
    listed = Retries(intervals_s=failures.retry_intervals_s).listed_pauses_s(failures.max_retries)
    answers = changed(evaluation.answers, "failures.retry_intervals_s", list((listed or ())[:number]) or None)
    return Evaluation.from_answers(changed(answers, "failures.max_retries", number))
