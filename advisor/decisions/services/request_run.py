"""Asks for a simulation: checks it, and puts it on record as queued."""

import re
from collections.abc import Mapping

from django.db import transaction

from advisor.advice.scenario import scenario_of
from advisor.decisions import limits, stored
from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.errors import StaleVersion, TooManyRuns
from advisor.decisions.models import Decision, EngineName, Revision, Run, State, Trace
from advisor.decisions.models.run import WORKER_KINDS
from advisor.decisions.outside import SAMPLE, Outside, chosen
from advisor.decisions.services.freeze_revision import freeze_revision
from advisor.decisions.services.plan_run import planned, runs_left, trace_of
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem
from simulator.arrivals import Trace as Arrivals
from simulator.result import WorkerKind
from simulator.scenario import Scenario

IDEMPOTENCY_KEY = re.compile(rf"[A-Za-z0-9_.:-]{{1,{limits.IDEMPOTENCY_KEY_LENGTH}}}")


def request_run(
    revision: Revision,
    user: User,
    idempotency_key: str,
    *,
    engine: str = EngineName.KERNEL,
    replications: int | None = None,
    speed: float | None = None,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
    endpoint: str = SAMPLE,
    engines: Mapping[str, Engine] = ENGINES,
) -> Run:
    """The queued run, which freezes the revision; the run of before where the key was used for this revision already.

    It tells no worker: `jobs.start` does.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        StaleVersion: if the revision's answers were changed since it was read.
        InvalidInput: if the engine can't run it as it is, at that speed, for so long, with such workers or at that endpoint, or if it needs
            more memory than a run may have.
        TooManyRuns: if the workspace has as many queued as it may have.
    """
    workspace = revision.decision.workspace
    require_editor(user, workspace)
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidInput([Problem("idempotency_key", "should be 1 to 64 letters, digits or _ . : -")])
    existing = Run.objects.filter(workspace=workspace, idempotency_key=idempotency_key).first()
    if existing:
        return _same(existing, revision)
    scenario = scenario_of(revision.answers, revision.recommendation)
    trace = trace_of(scenario, revision)
    recorded = _require_runnable(scenario, trace, engine, replications, engines)
    outside = _require_plan(engines[engine], scenario, recorded, speed, seconds, workers, endpoint)
    with transaction.atomic():
        decision = Decision.objects.select_for_update().get(pk=revision.decision_id)
        if not Revision.objects.filter(pk=revision.pk, answers_json=revision.answers_json).exists():
            raise StaleVersion(revision.decision.draft_version, decision.draft_version)
        if Run.objects.filter(workspace=workspace, state=State.QUEUED).count() >= limits.QUEUED_RUNS_CAP:
            raise TooManyRuns(limits.QUEUED_RUNS_CAP)
        if outside is not None:
            _require_run_left(outside)
        run, _ = Run.objects.get_or_create(
            workspace=workspace,
            idempotency_key=idempotency_key,
            defaults={
                "revision": revision,
                "trace": trace,
                "engine": engine,
                "replications": replications,
                "speed": speed,
                "seconds": seconds,
                "workers": workers,
                "endpoint_host": outside.host if outside is not None else "",
                "endpoint_model": outside.model if outside is not None else "",
                "scenario_json": stored.dump(scenario),
                "created_by": user,
            },
        )
        freeze_revision(revision)
    return _same(run, revision)


def _require_plan(
    engine: Engine,
    scenario: Scenario,
    trace: Arrivals | None,
    speed: float | None,
    seconds: float | None,
    workers: WorkerKind,
    endpoint: str,
) -> Outside | None:
    """The outside endpoint, if that is to answer.

    Raises:
        InvalidInput: on `speed`, `seconds`, `workers` or `endpoint`, for what the engine does not have, this machine cannot carry, or nobody
            allows.
    """
    if not engine.is_live:
        given = {
            "speed": speed is not None,
            "seconds": seconds is not None,
            "workers": workers != WORKER_KINDS[0],
            "endpoint": endpoint != SAMPLE,
        }
        for path, is_given in given.items():
            if is_given:
                raise InvalidInput([Problem(path, "is for a live run; the kernel takes no real time and calls nobody")])
        return None
    if speed is not None and not 0 < speed <= limits.HIGHEST_SPEED:
        raise InvalidInput([Problem("speed", f"should be over 0, and at most {limits.HIGHEST_SPEED:,}")])
    outside = chosen(endpoint)
    planned(engine, scenario, trace, speed=speed, seconds=seconds, workers=workers, outside=outside)
    return outside


def _require_run_left(outside: Outside) -> None:
    """
    Raises:
        InvalidInput: on `endpoint`, where the day's runs are made.
    """
    if not runs_left(outside):
        reason = f"{outside.host} has had the {outside.runs_per_day} runs that it may have in 24 hours; try later, or let the sample endpoint answer"
        raise InvalidInput([Problem("endpoint", reason)])


def _same(run: Run, revision: Revision) -> Run:
    if run.revision_id != revision.pk:
        raise InvalidInput([Problem("idempotency_key", "was used for another run")])
    return run


def _require_runnable(
    scenario: Scenario, trace: Trace | None, engine: str, replications: int | None, engines: Mapping[str, Engine]
) -> Arrivals | None:
    """The recording that it replays, read.

    Raises:
        InvalidInput: if there is no such engine, it can't honour the scenario, or the run is too large.
    """
    if engine not in engines:
        raise InvalidInput([Problem("engine", f"should be one of {', '.join(sorted(engines))}")])
    if replications is not None and not 1 <= replications <= limits.REPLICATIONS_CAP:
        raise InvalidInput([Problem("replications", f"should be 1 to {limits.REPLICATIONS_CAP}")])
    chosen = engines[engine]
    if not chosen.is_live and (problems := chosen.unsupported(scenario)):
        raise InvalidInput(problems)
    recorded = read_stored_trace(trace) if trace else None
    needed = chosen.estimate(scenario, recorded, replications).memory_bytes
    if needed > limits.RUN_MEMORY_BYTES:
        reason = (
            f"this run would need about {needed / 1e9:.1f} GB of memory, over the limit of "
            f"{limits.RUN_MEMORY_BYTES / 1e9:.1f} GB; simulate fewer jobs, or a shorter recording"
        )
        raise InvalidInput([Problem("jobs", reason)])
    return recorded
