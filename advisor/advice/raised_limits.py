"""What raising the limits that a setting changes would do for the synchronous design, by simulation."""

import math
from typing import Any, NamedTuple

from advisor.advice.answer_vectors import resolved_hops
from advisor.advice.answers import Answers
from advisor.advice.contract import Evidence, RaisedLimits
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION, brief_scenario, conclusions_of
from advisor.advice.limits import NamedLimit, limits_on_the_way, raised_s
from advisor.advice.variations import changed
from core.errors import InvalidInput
from core.numbers import duration, listed
from simulator.experiment import tally_of_one_run
from simulator.plan import SYNCHRONOUS, jobs_of

HIGHER = (1.0, 1.5)
"""Factors of the raised limit that are tried, because requests that are no longer cut off hold their workers for longer."""
BINDS = 0.0005
"""A limit binds if at least this part of the requests is timed out."""
MOST_LIFTED_JOBS = 200_000
"""Of one run; with more, what raising would do is not looked for."""


def is_raisable(raised: RaisedLimits | None) -> bool:
    """Whether limits are known with which the synchronous design meets the deadline."""
    return raised is not None and raised.to_s is not None


def lifted_limits(evaluation: Evaluation) -> Evaluation | None:
    """Without the limits that a setting changes; None if there is none. Raises InvalidInput as `changed`."""
    if not any(limit.adjustable for limit in limits_on_the_way(evaluation.answers)):
        return None
    return Evaluation.from_answers(with_limits(evaluation.answers, math.inf))


class RaisingTrial(NamedTuple):
    to_s: float | None = None
    """The time with which the synchronous design meets the deadline; None if none is shown to do."""
    misses_without: bool = False
    """Whether it misses the deadline even without the limits."""


def try_raising(evaluation: Evaluation) -> RaisingTrial | None:
    """None if no limit is changed by a setting, or if a run has too many jobs. Raises InvalidInput as `changed`."""
    deadline_s, lifted = evaluation.answers.caller.deadline_s, lifted_limits(evaluation)
    if lifted is None or deadline_s is None:
        return None
    scenario = brief_scenario(lifted, EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION)
    if jobs_of(scenario, None) > MOST_LIFTED_JOBS:
        return None
    tally, is_stable = tally_of_one_run(scenario, SYNCHRONOUS)
    takes_s = tally.latencies.quantile_s(1 - evaluation.point.caller.tolerated)
    if not is_stable or takes_s > deadline_s:
        return RaisingTrial(misses_without=True)
    for factor in HIGHER:
        to_s = raised_s(takes_s * factor)
        raised = Evaluation.from_answers(with_limits(evaluation.answers, to_s))
        if conclusions_of(raised, (SYNCHRONOUS,))[SYNCHRONOUS] == "meets":
            return RaisingTrial(to_s)
    return RaisingTrial()


def find_raised_limits(evaluation: Evaluation, evidence: Evidence) -> RaisedLimits | None:
    """None if the synchronous design meets the deadline, if no limit that a setting changes binds, or if the answers replay a recording."""
    answers, outcome = evaluation.answers, evidence.styles["synchronous"]
    if outcome.conclusion != "misses" or outcome.timed_out_share < BINDS or answers.volume.trace:
        return None
    limits = [limit for limit in limits_on_the_way(answers) if limit.adjustable]
    everything = _listed(limits)
    try:
        tried = try_raising(evaluation)
    except InvalidInput:
        return None
    if tried is None:
        return None
    if tried.misses_without:
        return RaisedLimits(text=f"Without {everything} it would miss the deadline as well.")
    to_s = tried.to_s
    if to_s is None:
        return RaisedLimits(
            text=f"Whether it would meet the deadline without {everything}, the simulation does not resolve."
        )
    short = _listed([limit for limit in limits if limit.limit_s < to_s])
    text = f"Raise {short} to {duration(to_s)}, and it meets the deadline, by simulation."
    return RaisedLimits(to_s=to_s, text=text)


def _listed(limits: list[NamedLimit]) -> str:
    return listed([f"the {duration(limit.limit_s)} of {limit.title}" for limit in limits])


def with_limits(answers: Answers, to_s: float) -> Answers:
    """The answers with each limit that a setting changes at least there; infinite: without them. Raises InvalidInput as `changed`."""
    hops: list[Any] = []
    for given, hop in zip(
        answers.synchronous.hops,
        resolved_hops(answers.synchronous.hops, answers.caller.streams_response),
        strict=True,
    ):
        if not hop.adjustable or hop.limit_s >= to_s:
            hops.append(given if isinstance(given, str) else given.model_dump())
        elif to_s < math.inf:
            hops.append(hop.model_copy(update={"limit_s": to_s}).model_dump())
    raised = changed(answers, "synchronous.hops", hops)
    given_s = answers.synchronous.client_timeout_s
    if given_s is None:
        return raised
    return changed(raised, "synchronous.client_timeout_s", None if to_s == math.inf else max(to_s, given_s))
