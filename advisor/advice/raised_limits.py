"""What raising the limits that a setting changes would do for the synchronous design, by simulation."""

import math
from typing import Any

from advisor.advice.answer_vectors import resolved_hops
from advisor.advice.answers import Answers
from advisor.advice.contract import Evidence, RaisedLimits
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION, brief_scenario, conclusions_of
from advisor.advice.limits import limits_on_the_way, raised_s
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


def find_raised_limits(evaluation: Evaluation, evidence: Evidence) -> RaisedLimits | None:
    """None if the synchronous design meets the deadline, if no limit that a setting changes binds, or if the answers replay a recording."""
    answers, outcome = evaluation.answers, evidence.styles["synchronous"]
    titles = [f"{duration(limit.limit_s)} of {limit.title}" for limit in limits_on_the_way(answers) if limit.adjustable]
    if outcome.conclusion != "misses" or outcome.timed_out_share < BINDS or not titles or answers.volume.trace:
        return None
    try:
        lifted = Evaluation.from_answers(with_limits(answers, math.inf))
        scenario = brief_scenario(lifted, EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION)
        if jobs_of(scenario, None) > MOST_LIFTED_JOBS:
            return None
        tally, is_stable = tally_of_one_run(scenario, SYNCHRONOUS)
        takes_s = tally.latencies.quantile_s(evidence.wanted_share)
        if not is_stable or takes_s > evidence.deadline_s:
            return RaisedLimits(text=f"Without {_listed(titles)} it would miss the deadline as well.")
        for factor in HIGHER:
            to_s = raised_s(takes_s * factor)
            raised = Evaluation.from_answers(with_limits(answers, to_s))
            if conclusions_of(raised, ("synchronous",))["synchronous"] == "meets":
                short = [
                    f"{duration(limit.limit_s)} of {limit.title}"
                    for limit in limits_on_the_way(answers)
                    if limit.adjustable and limit.limit_s < to_s
                ]
                text = f"Raise {_listed(short)} to {duration(to_s)}, and it meets the deadline, by simulation."
                return RaisedLimits(to_s=to_s, text=text)
    except InvalidInput:
        return None
    return RaisedLimits(
        text=f"Whether it would meet the deadline without {_listed(titles)}, the simulation does not resolve."
    )


def _listed(titles: list[str]) -> str:
    return listed([f"the {title}" for title in titles])


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
