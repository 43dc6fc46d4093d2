from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import floor

from django.conf import settings
from django.utils import timezone

from advisor.advice.scenario import scenario_of
from advisor.decisions import limits, stored
from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.external_endpoint import SAMPLE, AllowedEndpoint, endpoint_for
from advisor.decisions.models import ACTIVE, EngineName, Revision, Run, State, Trace, WorkspaceQuota
from advisor.decisions.models.run import WORKER_KINDS, RunQuerySet
from advisor.decisions.services.recordings import find_trace, read_trace_if_any
from advisor.decisions.services.requests import create_once, find_requested, new_request
from advisor.decisions.services.simulated_advice import is_incomplete
from advisor.reports.document.planned_run import coarse_s
from advisor.teams.access import require_editor
from advisor.teams.models import User, Workspace
from advisor.teams.prepared_queries import PreparedQuery, given_id
from core.errors import InvalidInput, Problem
from core.numbers import duration
from simulator.arrivals import TraceArrivals
from simulator.live.run.run_plan import FEWEST_SECONDS, LiveRunPlan
from simulator.result import WorkerKind
from simulator.scenario import Scenario
from simulator.services import EmpiricalService
from simulator.traces import Trace as Arrivals

STEP_S = 5
"""A refusal suggests a multiple of it."""


@dataclass(frozen=True)
class RunRequest:
    """How a revision is to be simulated. The fields from `speed` on are for a live run; None: its own choice."""

    engine: str = EngineName.KERNEL
    replications: int | None = None
    servers: int | None = None
    """As many workers and consumers, instead of the planned ones; not for a live run."""
    speed: float | None = None
    seconds: float | None = None
    workers: WorkerKind = WORKER_KINDS[0]
    endpoint: str = SAMPLE


KERNEL_RUN = RunRequest()


def plan_run(revision: Revision, request: RunRequest, engines: Mapping[str, Engine] = ENGINES) -> LiveRunPlan:
    """Raise InvalidInput if the live engine cannot do this run."""
    scenario = scenario_of(revision.evaluation, revision.recommendation.plan)
    outside, trace = endpoint_for(request.endpoint), find_scenario_trace(scenario, revision)
    recorded = read_trace_if_any(trace)
    return _plan(engines[EngineName.LIVE], scenario, recorded, request, outside)


def _plan(
    live: Engine, scenario: Scenario, recorded: Arrivals | None, request: RunRequest, outside: AllowedEndpoint | None
) -> LiveRunPlan:
    """Raise InvalidInput if the live engine cannot do the run within the time that a run may take."""
    speed, seconds, workers = request.speed, request.seconds, request.workers
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
    takes = f"the run would take about {duration(coarse_s(plan.real_s))}, and a run may take {duration(limit_s)}"
    if plan.external is not None:
        return Problem("endpoint", f"an outside endpoint is too slow here: {takes}")
    fitting_s = floor((limit_s - (plan.real_s - 2 * plan.seconds)) / 2 / STEP_S) * STEP_S
    if seconds is not None and fitting_s >= FEWEST_SECONDS:
        return Problem("seconds", f"should be at most about {duration(fitting_s)} here: {takes}")
    if plan.workers == "stock":
        return Problem("workers", f"should not be stock here: at the speed of real time {takes}")
    return Problem("speed", f"should be more than {plan.speed:g} here: {takes}")


def find_scenario_trace(scenario: Scenario, revision: Revision) -> Trace | None:
    """Return the uploaded trace that the scenario replays.

    Raises InvalidInput if there is none, or a path is given: it would be read from the server's own disk.
    """
    if isinstance(scenario.service, EmpiricalService) and scenario.service.path is not None:
        raise InvalidInput([Problem("service.path", "a file's path is honoured on the command line only")])
    if not isinstance(scenario.arrivals, TraceArrivals):
        return None
    return find_trace(scenario.arrivals.trace or "", revision.decision.workspace)


def runs_left(outside: AllowedEndpoint) -> int:
    """Count in the last 24 hours and over all workspaces: they spend the same administrator's money."""
    made = Run.objects.exclude(endpoint_host="").filter(created_at__gt=timezone.now() - timedelta(days=1)).count()
    return max(0, outside.runs_per_day - made)


def request_run(
    revision: Revision,
    user: User,
    idempotency_key: str,
    request: RunRequest = KERNEL_RUN,
    engines: Mapping[str, Engine] = ENGINES,
) -> Run:
    """Queue a run, which freezes the revision; return the existing run if the key was used for this revision.

    It notifies no worker: `jobs.start_run` does.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        StaleVersion: the revision's answers were changed since it was read.
        InvalidInput: the engine cannot do it, or it needs more memory than a run may have.
        TooManyTasks: the workspace has as many queued as it may have.
    """
    existing = find_requested(Run, revision, user, idempotency_key)
    if existing:
        return existing
    scenario = scenario_of(revision.evaluation, revision.recommendation.plan)
    if request.servers is not None:
        scenario = _with_servers(scenario, request)
    trace = find_scenario_trace(scenario, revision)
    recorded = _require_runnable(scenario, trace, request, engines)
    outside = _require_live_options(engines[request.engine], scenario, recorded, request)
    workspace, queued = revision.decision.workspace, Run.objects.queued()
    with new_request(revision, queued, _most_queued(workspace), "simulations are queued") as others:
        if outside is not None:
            _require_run_left(outside)
        many = limits.INTERACTIVE_RUNS
        is_bulk = others >= many and queued.filter(workspace=workspace, is_bulk=False).count() >= many
        run, _ = create_once(
            Run,
            revision,
            idempotency_key,
            trace=trace,
            is_bulk=is_bulk,
            engine=request.engine,
            replications=request.replications,
            servers=request.servers,
            speed=request.speed,
            seconds=request.seconds,
            workers=request.workers,
            endpoint_host=outside.host if outside is not None else "",
            endpoint_model=outside.model if outside is not None else "",
            scenario_json=stored.dump(scenario),
            awaits_plan=not engines[request.engine].is_live and is_incomplete(revision),
            created_by=user,
        )
    return run


_MOST_QUEUED = PreparedQuery(
    lambda: WorkspaceQuota.objects.filter(workspace=given_id()).order_by().values_list("most_queued")
)


def _most_queued(workspace: Workspace) -> int:
    rows = _MOST_QUEUED(workspace.pk)
    return int(rows[0][0]) if rows else WorkspaceQuota().most_queued


def _with_servers(scenario: Scenario, request: RunRequest) -> Scenario:
    """Raise InvalidInput if that many cannot be simulated."""
    servers, least = request.servers or 0, len(scenario.event_driven.queue_consumers or (1,))
    if request.engine != EngineName.KERNEL or not least <= servers <= limits.MOST_OTHER_SERVERS:
        raise InvalidInput(
            [Problem("servers", f"should be between {least} and {limits.MOST_OTHER_SERVERS:,}, such as 30")]
        )
    return scenario.with_servers(servers)


def _require_live_options(
    engine: Engine, scenario: Scenario, recorded: Arrivals | None, request: RunRequest
) -> AllowedEndpoint | None:
    """Return the outside endpoint, if it is to answer. Raise InvalidInput on the option that cannot be met."""
    if not engine.is_live:
        for path in ("speed", "seconds", "workers", "endpoint"):
            if getattr(request, path) != getattr(KERNEL_RUN, path):
                raise InvalidInput([Problem(path, "is for a live run; the kernel takes no real time and calls nobody")])
        return None
    if request.speed is not None and not 0 < request.speed <= limits.HIGHEST_SPEED:
        raise InvalidInput([Problem("speed", f"should be over 0, and at most {limits.HIGHEST_SPEED:,}")])
    outside = endpoint_for(request.endpoint)
    _plan(engine, scenario, recorded, request, outside)
    return outside


def _require_run_left(outside: AllowedEndpoint) -> None:
    if not runs_left(outside):
        reason = f"{outside.host} has had the {outside.runs_per_day} runs that it may have in 24 hours; try later, or let the sample endpoint answer"
        raise InvalidInput([Problem("endpoint", reason)])


def _require_runnable(
    scenario: Scenario, trace: Trace | None, request: RunRequest, engines: Mapping[str, Engine]
) -> Arrivals | None:
    """Return the recording that it replays. Raise InvalidInput if there is no such engine, or it cannot do the run."""
    if request.engine not in engines:
        raise InvalidInput([Problem("engine", f"should be one of {', '.join(sorted(engines))}")])
    if request.replications is not None and not 1 <= request.replications <= limits.REPLICATIONS_CAP:
        raise InvalidInput([Problem("replications", f"should be 1 to {limits.REPLICATIONS_CAP}")])
    engine = engines[request.engine]
    if not engine.is_live and (problems := engine.unsupported(scenario)):
        raise InvalidInput(problems)
    recorded = read_trace_if_any(trace)
    needed = engine.estimate(scenario, recorded, request.replications).memory_bytes
    if needed > limits.RUN_MEMORY_BYTES:
        reason = (
            f"this run would need about {needed / 1e9:.1f} GB of memory, over the limit of "
            f"{limits.RUN_MEMORY_BYTES / 1e9:.1f} GB; simulate fewer jobs, or a shorter recording"
        )
        raise InvalidInput([Problem("jobs", reason)])
    return recorded


def cancel_run(run: Run, user: User) -> bool:
    """Cancel the run at once, even if its worker or the broker is gone. False if it had ended before.

    Raises PermissionDenied unless the user may edit in the run's workspace.
    """
    require_editor(user, run.workspace)
    return bool(cancel_all(Run.objects.filter(pk=run.pk)))


def cancel_all(runs: RunQuerySet) -> int:
    return runs.filter(state__in=ACTIVE).update(state=State.CANCELLED, lease_until=None, finished_at=timezone.now())
