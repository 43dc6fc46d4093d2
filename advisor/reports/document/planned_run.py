"""A live run in words before it is started."""

from collections.abc import Mapping
from math import ceil

from advisor.reports.wording import capitalised
from core.closed_sets import complete_table
from core.numbers import count, duration, number
from simulator.live.run.run_plan import LiveRunPlan
from simulator.result import WorkerKind

WORKERS: Mapping[WorkerKind, str] = complete_table(
    WorkerKind,
    {
        "threads": "Threads in two processes, rq's SimpleWorker: the fastest, and 50 consumers take 41 MB.",
        "simple": "A process for each consumer, forked once, with rq's SimpleWorker: 50 take 418 MB; at most 60.",
        "forking": "rq's default Worker, which forks for each job: about a third as fast as threads; at most 60.",
        "stock": "rq's own worker pool and scheduler, nothing of them replaced, in real time: takes minutes; at most 60.",
    },
)

MEASURING = "The first live run with such workers measures what this machine carries, some ten seconds, and may change the speed and the jobs."


def plan_sentences(plan: LiveRunPlan) -> tuple[str, ...]:
    sentences = (_plan_sentence(plan), _verdict_sentence(plan), "" if plan.is_measured else MEASURING)
    return tuple(sentence for sentence in sentences if sentence)


def _plan_sentence(plan: LiveRunPlan) -> str:
    pace = "in real time" if plan.speed == 1 else f"{number(plan.speed)} times as fast"
    words = capitalised(plan.window.words)
    return (
        f"{words}, {pace}: about {count(plan.window.jobs, 'job')} through each design, arriving for {duration(plan.seconds)}; "
        f"about {duration(coarse_s(plan.real_s))} in all."
    )


def _verdict_sentence(plan: LiveRunPlan) -> str:
    scenario, needed = plan.window.scenario, plan.verdict_jobs
    if scenario.deadline_s is None:
        return ""
    if needed is None:
        return "No number of jobs can show that none misses its deadline: a verdict takes a tolerated share of misses."
    takes = f"A verdict takes about {count(needed, 'job')} of which none misses its deadline"
    if plan.window.jobs >= needed:
        return f"{takes}; this run is long enough."
    if plan.verdict_seconds is None:
        return f"{takes}; this workload has {count(plan.window.jobs)}, too few for one."
    return f"{takes}; this run is too short for one: jobs would have to arrive for about {duration(coarse_s(plan.verdict_seconds))}."


def coarse_s(seconds: float) -> float:
    """Round up to 5 s, from 2 minutes on to half a minute."""
    step = 5 if seconds < 120 else 30
    return float(step * ceil(seconds / step))


def endpoint_terms(plan: LiveRunPlan) -> str:
    external = plan.external
    if external is None or plan.most_output_tokens is None:
        return ""
    return (
        f"{external.model} at {external.host} answers, in real time: at most {count(plan.most_calls, 'call')} of "
        f"{count(external.max_tokens_a_call, 'output token')}, {count(plan.most_output_tokens)} in all, "
        f"within {duration(external.max_seconds)}. Failures and outages are its own: those of the scenario are left out."
    )
