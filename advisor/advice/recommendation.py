"""Advise: Answers in, Recommendation out."""

from advisor.advice import delivery, recovery, sizing
from advisor.advice.answers import Answers
from advisor.advice.checks import Case, find_warnings
from advisor.advice.contract import Reason, Recommendation, Remedy, Style
from advisor.advice.evaluation import Decisions, Evaluation
from advisor.advice.facts import FactVectors, Point
from advisor.advice.flips import flips_of
from advisor.advice.monitors import plan_monitors
from advisor.advice.remedies import remedy_of
from advisor.advice.rules import CONSTRAINTS, RULES, Rule
from advisor.advice.uncertainty import probabilities, settling_flip


def advise(answers: Answers, *, flips: bool = True) -> Recommendation:
    return recommend(Evaluation.from_answers(answers), flips=flips)


def recommend(evaluation: Evaluation, *, flips: bool = True) -> Recommendation:
    """The advice for these answers: decided by the table of rules, explained in their numbers.

    `flips` False omits the search for flips, and with it what would settle a close call. Ranges are sampled in any case.
    """
    answers, facts, point, decisions = evaluation.answers, evaluation.facts, evaluation.point, evaluation.decisions
    style, strength, method = decisions.outcome()
    plan = sizing.plan(answers, point)
    queues = () if style == "synchronous" else plan.queues
    retries = recovery.retry_plan(answers, point)
    found = flips_of(evaluation) if flips else ()
    remedy = remedy_of(found, bool(decisions.feasible[0]))
    probability, settle = probabilities(evaluation) or (None, settling_flip(strength, style, found))
    return Recommendation(
        style=style,
        strength=strength,
        score=round(float(decisions.score[0]), 6),
        feasible=bool(decisions.feasible[0]),
        infeasible=_infeasible(facts, point, decisions),
        shortfall=_shortfall(facts, point, remedy),
        remedy=remedy,
        probability=probability,
        settle=settle,
        inline_wait_s=round(point.inline.hybrid_wait_s, 3) if style == "hybrid" else None,
        delivery=delivery.explained(facts, point, method, hybrid=style == "hybrid"),
        reasons=_reasons(facts, point),
        flips=found,
        queues=queues,
        concurrency=sizing.concurrency(point),
        retries=retries,
        dead_letter=style != "synchronous" and answers.failures.dead_letter,
        monitors=plan_monitors(point, style, queues, retries if answers.failures.dead_letter else None),
        warnings=find_warnings(Case(answers, point, style, method, plan)),
    )


def _fires(rule: Rule, facts: FactVectors) -> bool:
    return bool(rule.when(facts)[0])


def _infeasible(facts: FactVectors, point: Point, decisions: Decisions) -> dict[Style, tuple[str, ...]]:
    fired = [rule for rule in CONSTRAINTS if _fires(rule, facts)]
    return {
        style: tuple(rule.sentence(point) for rule in fired if style in rule.rules_out)
        for style, flags in decisions.ruled_out.items()
        if flags[0]
    }


def _shortfall(facts: FactVectors, point: Point, remedy: Remedy | None) -> str:
    for rule in CONSTRAINTS:
        if rule.shortfall and _fires(rule, facts):
            mend = rule.mend(point) if rule.mend and remedy is None else ""
            return f"{rule.shortfall(point)} {mend}".rstrip()
    return ""


def _reasons(facts: FactVectors, point: Point) -> tuple[Reason, ...]:
    """Every rule that fired, hard constraints first, then the strongest."""
    fired = [rule for rule in RULES if _fires(rule, facts)]
    weights = {rule.id: float(rule.weight(facts)[0]) for rule in fired}
    fired.sort(key=lambda rule: (not rule.rules_out, -weights[rule.id]))
    return tuple(
        Reason(
            rule=rule.id,
            favours=rule.favours,
            weight=round(weights[rule.id], 4),
            evidence=rule.sentence(point),
            source=rule.source,
        )
        for rule in fired
    )
