"""What a live run of a revision would be, before anybody asks for it."""

from collections.abc import Mapping
from datetime import timedelta
from math import floor

from django.conf import settings
from django.utils import timezone

from advisor.advice.scenario import scenario_of
from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.models import EngineName, Revision, Run, Trace
from advisor.decisions.models.run import WORKER_KINDS
from advisor.decisions.outside import Outside, chosen
from advisor.decisions.services.advising import find_trace
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.reports.document.planned_run import coarse_s
from core.errors import InvalidInput, Problem
from core.numbers import duration
from simulator.arrivals import Trace as Arrivals
from simulator.live.run.run_plan import SHORTEST_S, LiveRunPlan
from simulator.result import WorkerKind
from simulator.scenario import EmpiricalService, Scenario, TraceArrivals

STEP_S = 5
"""A refusal names a multiple of it."""


def plan_run(
    revision: Revision,
    *,
    speed: float | None,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
    endpoint: str,
    engines: Mapping[str, Engine] = ENGINES,
) -> LiveRunPlan:
    """The part of the workload, the speed, the time it takes, and what it may spend. Nothing is written.

    Raises:
        InvalidInput: if the live engine can't run it as it is, at that speed, for so long, with such workers or at that endpoint.
    """
    live, scenario = engines[EngineName.LIVE], scenario_of(revision.answers, revision.recommendation)
    outside, trace = chosen(endpoint), trace_of(scenario, revision)
    recorded = read_stored_trace(trace) if trace else None
    return planned(live, scenario, recorded, speed=speed, seconds=seconds, workers=workers, outside=outside)


def planned(
    live: Engine,
    scenario: Scenario,
    recorded: Arrivals | None,
    *,
    speed: float | None,
    seconds: float | None,
    workers: WorkerKind,
    outside: Outside | None,
) -> LiveRunPlan:
    """The plan of a run that the live engine can do within the time that a run may take.

    Raises:
        InvalidInput: if it cannot.
    """
    if workers not in WORKER_KINDS:
        raise InvalidInput([Problem("workers", f"should be one of {', '.join(WORKER_KINDS)}")])
    if problems := live.unsupported(scenario, workers):
        raise InvalidInput(problems)
    limit_s = float(settings.CONFIGURATION.run_time_limit_s)
    external = outside.endpoint if outside is not None else None
    plan = live.plan(
        scenario, recorded, speed=speed, seconds=seconds, workers=workers, external=external, time_limit_s=limit_s
    )
    if plan.real_s > limit_s:
        raise InvalidInput([_too_long(plan, limit_s, seconds)])
    return plan


def _too_long(plan: LiveRunPlan, limit_s: float, seconds: float | None) -> Problem:
    """What to change so that the run fits into its time limit."""
    takes = f"the run would take about {duration(coarse_s(plan.real_s))}, and a run may take {duration(limit_s)}"
    if plan.external is not None:
        return Problem("endpoint", f"an outside endpoint is too slow here: {takes}")
    fitting_s = floor((limit_s - (plan.real_s - 2 * plan.seconds)) / 2 / STEP_S) * STEP_S
    if seconds is not None and fitting_s >= SHORTEST_S:
        return Problem("seconds", f"should be at most about {duration(fitting_s)} here: {takes}")
    if plan.workers == "stock":
        return Problem("workers", f"should not be stock here: at the speed of real time {takes}")
    return Problem("speed", f"should be more than {plan.speed:g} here: {takes}")


def trace_of(scenario: Scenario, revision: Revision) -> Trace | None:
    """The uploaded trace that the scenario replays. A path is for the command line alone: here it would read our own disk.

    Raises:
        InvalidInput: if there is no such trace, or a path is given.
    """
    if isinstance(scenario.service, EmpiricalService) and scenario.service.path is not None:
        raise InvalidInput([Problem("service.path", "a file's path is honoured on the command line only")])
    if not isinstance(scenario.arrivals, TraceArrivals):
        return None
    return find_trace(scenario.arrivals.trace or "", revision.decision.workspace)


def runs_left(outside: Outside) -> int:
    """How many more runs may call the outside endpoint now, of those in any 24 hours: all workspaces spend the same administrator's money."""
    made = Run.objects.exclude(endpoint_host="").filter(created_at__gt=timezone.now() - timedelta(days=1)).count()
    return max(0, outside.runs_per_day - made)
