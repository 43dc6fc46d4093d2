"""Ordinary days of the plan, without an outage: what each queue's alarms stay silent on."""

from advisor.advice.contract import DesignPlan, Evidence, StyleEvidence
from advisor.advice.evaluation import Evaluation
from advisor.advice.peak_and_outage import one_peak
from simulator.job_rows import QueueExtremes, queue_extremes
from simulator.plan import SYNCHRONOUS, jobs_of
from simulator.traces import Trace

WATCHED_JOBS, MOST_WATCHED_JOBS = 50_000, 200_000
"""Requests of the run, rounded up to whole days, and how many that may be. The pauses of a day are as short as its peak takes to clear."""


def with_ordinary_days(
    evaluation: Evaluation, plan: DesignPlan, evidence: Evidence, trace: Trace | None = None
) -> Evidence:
    """The evidence with each queue's largest depth and lag; as it is if a day has too many requests.

    A hybrid has the queues of the event-driven design.
    """
    scenario = one_peak(evaluation, plan)
    if trace is None:
        scenario = scenario.model_copy(update={"jobs": WATCHED_JOBS, "warmup_jobs": 0})
    if jobs_of(scenario, trace) > MOST_WATCHED_JOBS:
        return evidence
    extremes = queue_extremes(scenario, trace)
    watched = {style: _watched(outcome, extremes) for style, outcome in evidence.styles.items() if style != SYNCHRONOUS}
    return evidence.model_copy(update={"styles": evidence.styles | watched})


def _watched(outcome: StyleEvidence, extremes: dict[str, QueueExtremes]) -> StyleEvidence:
    classes = {
        name: one.model_copy(
            update={"queue_depth_max": extremes[name].depth_max, "lag_max_s": extremes[name].lag_max_s}
        )
        for name, one in outcome.classes.items()
    }
    return outcome.model_copy(update={"classes": classes})
