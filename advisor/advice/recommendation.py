"""Advise: Answers in, Recommendation out."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from advisor.advice import delivery, recovery, sizing
from advisor.advice.alarms import planned_queues
from advisor.advice.answers import CLASSES, Answers
from advisor.advice.brokers import choose_broker
from advisor.advice.checks import Case
from advisor.advice.consumer_search import planned_evidence
from advisor.advice.contract import (
    DesignPlan,
    Evidence,
    Flip,
    FlipOutcome,
    Method,
    RaisedLimits,
    Reason,
    Recommendation,
    Remedy,
    Strength,
    Style,
)
from advisor.advice.contradictions import find_contradictions
from advisor.advice.decision import StyleDecision, decide_style
from advisor.advice.delivery import chosen_method
from advisor.advice.design_plan import RETRIES, with_planned_retries
from advisor.advice.doubts import find_doubts
from advisor.advice.evaluation import ALL_STYLES, Evaluation
from advisor.advice.evidence import evidence_of
from advisor.advice.evidence_sentences import (
    NO_DEADLINE,
    RECORDING_NOT_GIVEN,
    evidence_shortfall,
    miss_sentence,
    refusal_sentence,
)
from advisor.advice.facts import FactVectors, PointFacts
from advisor.advice.flips import distance, find_flips
from advisor.advice.migration import migration_path
from advisor.advice.monitors import plan_monitors
from advisor.advice.not_simulated import not_simulated
from advisor.advice.practices import Design, advise_practices
from advisor.advice.raised_limits import find_raised_limits, is_raisable
from advisor.advice.rules import CONSTRAINTS, RULES, Rule
from advisor.advice.runbooks import with_runbooks
from advisor.advice.simulated_samples import simulate_samples
from advisor.advice.trials import simulated_flips
from advisor.advice.uncertainty import probabilities, settling_flip
from advisor.advice.variations import changed
from advisor.advice.warning_effects import find_warnings
from core.errors import InvalidInput
from core.numbers import count, duration, exactly, number, percent, rate
from simulator.traces import Trace

MOST_TRIED, MOVED_ON = 4, (1.0, 1.05, 1.2)
"""Remedies that are tried, and the factors by which each is moved on."""
NO_REMEDY = " No change of a single answer is shown to be enough."
_SACRIFICES = ("provider.", "operations.", "synchronous.", "caller.", "processing.", "volume.")
"""Of remedies about as near as each other: capacity first, then patience, then the work and the load themselves."""


def _class_time(name: str, quantile: str, value: float) -> str:
    return f"{name} requests with a {quantile} of {exactly(value, duration)}"


_NOUNS: Mapping[str, Callable[[float], str]] = {
    "provider.max_concurrency": lambda value: f"{count(value, 'call')} at once",
    "provider.requests_per_minute": lambda value: f"a quota of {exactly(value, number)} requests a minute",
    "provider.input_tokens_per_minute": lambda value: f"a quota of {exactly(value, number)} input tokens a minute",
    "provider.output_tokens_per_minute": lambda value: f"a quota of {exactly(value, number)} output tokens a minute",
    "provider.share_percent": lambda value: f"{exactly(value, percent)} of the provider's quotas",
    "operations.max_workers": lambda value: f"up to {count(value, 'worker')}",
    "synchronous.workers": lambda value: count(value, "worker"),
    "caller.deadline_s": lambda value: f"a deadline of {exactly(value, duration)}",
    "caller.tolerated_miss_percent": lambda value: f"{exactly(value, percent)} that may be late or missing",
    "processing.p50_s": lambda value: (
        f"processing that typically takes {exactly(value, duration)}, the slowest in proportion"
    ),
    "processing.p95_s": lambda value: f"processing with p95 {exactly(value, duration)}, the typical time in proportion",
    "processing.input_tokens": lambda value: f"{count(value, 'input token')} a request",
    "processing.output_tokens": lambda value: f"{count(value, 'output token')} a request",
    "volume.mean_rate_per_s": lambda value: f"an average of {exactly(value, rate)}",
    "volume.clients": lambda value: count(value, "client"),
    "volume.backlog_jobs": lambda value: f"{count(value, 'request')} that are there at the start",
    "volume.think_s": lambda value: f"{exactly(value, duration)} between a client's result and its next request",
    "processing.high_mean_s": lambda value: f"calls of {exactly(value, duration)} when the model is busy",
    "processing.high_in_flight": lambda value: f"the second measurement made with {count(value, 'call')} at once",
    "processing.measured_in_flight": lambda value: f"the first measurement made with {count(value, 'call')} at once",
    "provider.requests_per_day": lambda value: f"a quota of {exactly(value, number)} requests a day",
    "subscribers.keys": lambda value: count(value, "key"),
    **{
        f"priorities.{name}.{quantile}_s": partial(_class_time, name, quantile)
        for name in CLASSES
        for quantile in ("p50", "p95")
    },
    "volume.peak_to_mean": lambda value: f"peaks of {exactly(value, number)}x the average",
    "volume.peak_minutes": lambda value: f"peaks of {exactly(60 * value, duration)}",
    "volume.peaks_per_day": lambda value: f"{exactly(value, number)} peaks a day",
    "failures.transient_percent": lambda value: f"{exactly(value, percent)} of the calls failing",
    "failures.poison_percent": lambda value: f"{exactly(value, percent)} of the requests never working",
    "failures.max_retries": lambda value: count(value, "retry"),
}
"""Each answer that can make a design feasible, as what would do."""


def advise(answers: Answers, *, flips: bool = True, trace: Trace | None = None) -> Recommendation:
    """The whole advice. `trace` is the recording that the answers name; without it the formulas decide."""
    return recommend_simulated(Evaluation.from_answers(answers), trace, flips=flips)


def recommend_simulated(evaluation: Evaluation, trace: Trace | None = None, *, flips: bool = True) -> Recommendation:
    """The whole advice for these answers. If they cannot be simulated, the formulas decide, and it says why.

    Raises:
        Stopped: once the advice is no longer wanted (`stops_unless`).
    """
    evidence: Evidence | None = None
    plan: DesignPlan | None = None
    if evaluation.answers.caller.deadline_s is None:
        why = NO_DEADLINE
    else:
        try:
            (plan, evidence), why = planned_evidence(evaluation, trace), RECORDING_NOT_GIVEN
        except (InvalidInput, MemoryError) as error:
            why = refusal_sentence(error)
    planned = with_planned_retries(evaluation, plan)
    raised = find_raised_limits(planned, evidence) if evidence is not None else None
    recommendation = recommend(evaluation, evidence, plan, flips=flips, raised=raised)
    return recommendation if evidence is not None else recommendation.model_copy(update={"unsimulated": why})


def recommend(
    evaluation: Evaluation,
    evidence: Evidence | None = None,
    simulated: DesignPlan | None = None,
    *,
    flips: bool = True,
    raised: RaisedLimits | None = None,
) -> Recommendation:
    """The advice for these answers: decided by the evidence and the forces, explained in their numbers.

    Without evidence the formulas of the rules stand in for it, as while the simulator is compiled. `flips` False omits the search for flips,
    and with it what would settle a close call, the remedy, and whether a flip is so near that clear advice only leans. Ranges are sampled
    in any case. Raise as `recommend_simulated`.
    """
    given, evaluation = evaluation, with_planned_retries(evaluation, simulated)
    answers, facts, point = evaluation.answers, evaluation.facts, evaluation.point
    raisable = None if evidence is None or answers.volume.trace is not None else is_raisable(raised)
    decision = decide_style(evaluation, evidence, raisable=raisable)
    found_flips = _flips(evaluation, evidence, raisable) if flips else ()
    if evaluation is not given:
        found_flips = tuple(flip for flip in found_flips if flip.field not in RETRIES)
    sampled, regret = probabilities(evaluation), None
    if flips and evidence is not None and answers.volume.trace is None:
        simulated_styles = simulate_samples(evaluation)
        if simulated_styles is not None:
            sampled, regret = simulated_styles[:2], simulated_styles.regret
    doubts = find_doubts(answers, decision, found_flips, sampled[0] if sampled else None) if evidence else ()
    style, strength = decision.style, "lean" if doubts else decision.strength
    method = chosen_method(facts, style)
    found_flips = _as_strong_as(found_flips, decision, strength, method)
    plan = sizing.plan(answers, point)
    outcome = evidence.styles.get(style) if evidence else None
    by_formulas = (sizing.events_queue(answers, point),) if method == "inline" else plan.queues
    queues = () if style == "synchronous" else planned_queues(by_formulas, simulated, outcome, point)
    retries = recovery.retry_plan(answers, point) if simulated is None else simulated.retries
    if raised is not None and is_raisable(raised) and not decision.feasible:
        remedy: Remedy | None = Remedy(field="synchronous.hops", to=raised.to_s, text=raised.text)
    else:
        is_simulated = evidence is not None and answers.volume.trace is None
        remedy = _remedy(evaluation, found_flips, decision.feasible, is_simulated=is_simulated)
    broker = choose_broker(answers, point, style)
    design = Design(answers, point, style, method, broker.first.name if broker else None)
    watched = plan_monitors(point, style, queues, retries if answers.failures.dead_letter else None, evidence)
    delivered = delivery.explained(facts, point, method, hybrid=style == "hybrid")
    if simulated is not None and outcome is not None:
        delivered = delivery.simulated_delivery(delivered, simulated.polling_interval_s, outcome)
    breaks = simulated is not None and simulated.breaker is not None
    searched = simulated is not None and (simulated.consumers or simulated.queue_consumers) is not None
    case = Case(answers, point, style, method, plan, queues, evidence, breaks, searched)
    probability, settle = sampled or (None, settling_flip(strength, style, found_flips))
    return Recommendation(
        style=style,
        strength=strength,
        doubts=doubts,
        score=round(decision.score, 6),
        feasible=decision.feasible,
        infeasible=_infeasible(facts, point, decision, evidence, raised),
        raised_limits=raised,
        shortfall=_shortfall(facts, point, remedy, decision, evidence)
        + (NO_REMEDY if flips and evidence is not None and remedy is None and not decision.feasible else ""),
        remedy=remedy,
        probability=probability,
        settle=settle,
        regret=regret,
        inline_wait_s=round(point.inline.hybrid_wait_s, 3) if style == "hybrid" else None,
        delivery=delivered,
        reasons=_reasons(facts, point, decision),
        flips=found_flips,
        flips_awaited=not flips,
        queues=queues,
        concurrency=sizing.concurrency(point),
        retries=retries,
        plan=simulated,
        dead_letter=style != "synchronous" and answers.failures.dead_letter,
        evidence=evidence,
        not_simulated=not_simulated(answers),
        monitors=with_runbooks(watched, point),
        warnings=(
            *find_contradictions(answers, point, style, method),
            *find_warnings(case),
        ),
        broker=broker,
        practices=advise_practices(design),
        migration=migration_path(style, decision.feasible, int(point.coupling.others), found_flips),
    )


def _flips(evaluation: Evaluation, evidence: Evidence | None, raisable: bool | None) -> tuple[Flip, ...]:
    """Of a recording the rules' alone: each trial would replay the whole of it."""
    if evidence is None or evaluation.answers.volume.trace is not None:
        return find_flips(evaluation)
    return simulated_flips(evaluation, evidence, raisable=raisable)


def _as_strong_as(
    flips: Iterable[Flip], decision: StyleDecision, strength: Strength, method: Method
) -> tuple[Flip, ...]:
    """Where nothing but the delivery changes, advice is as strong as it is now, near as the same flips are; without those that change nothing."""
    same = {"style": decision.style, "strength": decision.strength, "feasible": decision.feasible}
    flips = [
        flip.model_copy(update={"becomes": flip.becomes.model_copy(update={"strength": strength})})
        if flip.becomes.model_dump(include=set(same)) == same
        else flip
        for flip in flips
    ]
    now = FlipOutcome(style=decision.style, strength=strength, delivery=method, feasible=decision.feasible)
    return tuple(flip for flip in flips if flip.becomes != now)


def _fires(rule: Rule, facts: FactVectors) -> bool:
    return bool(rule.when(facts)[0])


def _is_at_work(rule: Rule, facts: FactVectors, decision: StyleDecision) -> bool:
    """A hard constraint counts only if each of the styles that it rules out misses."""
    return _fires(rule, facts) and decision.missing.issuperset(rule.rules_out)


def _infeasible(
    facts: FactVectors,
    point: PointFacts,
    decision: StyleDecision,
    evidence: Evidence | None,
    raised: RaisedLimits | None,
) -> dict[Style, tuple[str, ...]]:
    outcomes = evidence.styles if evidence is not None else {}
    at_work = [rule for rule in CONSTRAINTS if _is_at_work(rule, facts, decision)]
    return {
        style: (
            *((miss_sentence(style, evidence),) if evidence is not None and style in outcomes else ()),
            *((raised.text,) if raised is not None and style == "synchronous" else ()),
            *(rule.sentence(point) for rule in at_work if style in rule.rules_out),
        )
        for style in ALL_STYLES
        if style in decision.missing and (evidence is None or style in outcomes)
    }


def _shortfall(
    facts: FactVectors, point: PointFacts, remedy: Remedy | None, decision: StyleDecision, evidence: Evidence | None
) -> str:
    if decision.feasible:
        return ""
    for rule in CONSTRAINTS:
        if rule.shortfall and _is_at_work(rule, facts, decision):
            mend = rule.mend(point) if rule.mend and remedy is None else ""
            return f"{rule.shortfall(point)} {mend}".rstrip()
    return evidence_shortfall(evidence) if evidence is not None else ""


def _reasons(facts: FactVectors, point: PointFacts, decision: StyleDecision) -> tuple[Reason, ...]:
    """Every rule that fired, hard constraints first, then the strongest."""
    fired = [rule for rule in RULES if _is_at_work(rule, facts, decision)]
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


def _remedy(evaluation: Evaluation, flips: Iterable[Flip], feasible: bool, *, is_simulated: bool) -> Remedy | None:
    """The nearest single answer with which a design meets the deadline; with evidence it is tried, and moved on if it is not quite enough."""
    if feasible:
        return None
    mends = [flip for flip in flips if flip.becomes.feasible and flip.field in _NOUNS]
    mends.sort(key=lambda flip: (round(distance(flip), 1), _sacrifice(flip.field)))
    if not is_simulated:
        text = "(by the rules, not simulated)"
        return next((_remedy_of(flip.field, flip.to, f" {text}") for flip in mends), None)
    tried = (_tried_remedy(evaluation.answers, flip) for flip in mends[:MOST_TRIED])
    return next((remedy for remedy in tried if remedy is not None), None)


def _tried_remedy(answers: Answers, flip: Flip) -> Remedy | None:
    for factor in MOVED_ON:
        to = flip.to * factor if flip.to > flip.from_ else flip.to / factor
        to = (
            (math.ceil(to) if flip.to > flip.from_ else math.floor(to))
            if isinstance(flip.to, int)
            else float(f"{to:.3g}")
        )
        evidence = evidence_of(Evaluation.from_answers(changed(answers, flip.field, to)))
        meeting = [style for style in evidence.styles.values() if style.conclusion == "meets"] if evidence else []
        if meeting:
            missed = percent(100 * (1 - max(style.good_share for style in meeting)))
            return _remedy_of(flip.field, to, f", with which {missed} would be missed")
    return None


def _remedy_of(field: str, to: Any, note: str = "") -> Remedy:
    return Remedy(field=field, to=to, text=f"The nearest single change that helps: {_NOUNS[field](to)}{note}.")


def _sacrifice(path: str) -> int:
    return next(place for place, start in enumerate((*_SACRIFICES, "")) if path.startswith(start))
