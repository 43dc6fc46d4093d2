"""What a live run of a revision would be, before anybody asks for it."""

from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from advisor.advice.scenario import scenario_of
from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.models import EngineName, Revision, Run, Trace
from advisor.decisions.outside import Outside, chosen
from advisor.decisions.services.advising import find_trace
from advisor.decisions.services.upload_trace import read_stored_trace
from simulator.live.run.run_plan import LiveRunPlan
from simulator.scenario import EmpiricalService, Scenario, TraceArrivals
from simulator.schema import InvalidInput, Problem


def plan_run(
    revision: Revision, *, speed: float | None, endpoint: str, engines: Mapping[str, Engine] = ENGINES
) -> LiveRunPlan:
    """The part of the workload, the speed, the time it takes, and what it may spend. Nothing is written.

    Raises:
        InvalidInput: if the live engine can't run it as it is, at that speed or that endpoint.
    """
    live, scenario = engines[EngineName.LIVE], scenario_of(revision.answers, revision.recommendation)
    if problems := live.unsupported(scenario):
        raise InvalidInput(problems)
    outside, trace = chosen(endpoint), trace_of(scenario, revision)
    recorded = read_stored_trace(trace) if trace else None
    course = live.course(scenario, recorded, speed=speed, external=outside.endpoint if outside is not None else None)
    require_time(course)
    return course


def require_time(course: LiveRunPlan) -> None:
    """
    Raises:
        InvalidInput: on `speed` or `endpoint`, if it would take longer than a run may.
    """
    limit_s = settings.CONFIGURATION.run_time_limit_s
    if course.real_s > limit_s:
        path = "speed" if course.external is None else "endpoint"
        took = f"{course.real_s / 60:.0f} minutes, and a run may take {limit_s / 60:.0f}"
        slow = f"should be more than {course.speed:g}" if course.external is None else "an outside endpoint is too slow"
        raise InvalidInput([Problem(path, f"{slow} here: it would take about {took}")])


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
