"""Asks for a simulation: checks it, and puts it on record as queued."""

import re
from collections.abc import Mapping

from django.db import transaction

from advisor.advice.scenario import scenario_of
from advisor.decisions import limits, stored
from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.errors import StaleVersion, TooManyRuns
from advisor.decisions.models import Decision, EngineName, Revision, Run, State, Trace
from advisor.decisions.services.advising import find_trace
from advisor.decisions.services.freeze_revision import freeze_revision
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.teams.access import require_editor
from advisor.teams.models import User
from simulator.scenario import EmpiricalService, Scenario, TraceArrivals
from simulator.schema import InvalidInput, Problem

IDEMPOTENCY_KEY = re.compile(rf"[A-Za-z0-9_.:-]{{1,{limits.IDEMPOTENCY_KEY_LENGTH}}}")


def request_run(
    revision: Revision,
    user: User,
    idempotency_key: str,
    *,
    engine: str = EngineName.KERNEL,
    replications: int | None = None,
    speed: float | None = None,
    engines: Mapping[str, Engine] = ENGINES,
) -> Run:
    """The queued run, which freezes the revision; the run of before where the key was used for this revision already.

    It tells no worker: `jobs.start` does.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        StaleVersion: if the revision's answers were changed since it was read.
        InvalidInput: if the engine can't run it as it is, or if it needs more memory than a run may have.
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
    trace = _trace_of(scenario, revision)
    _require_runnable(scenario, trace, engine, replications, engines)
    _require_speed(engines[engine], speed)
    with transaction.atomic():
        decision = Decision.objects.select_for_update().get(pk=revision.decision_id)
        if not Revision.objects.filter(pk=revision.pk, answers_json=revision.answers_json).exists():
            raise StaleVersion(revision.decision.draft_version, decision.draft_version)
        if Run.objects.filter(workspace=workspace, state=State.QUEUED).count() >= limits.QUEUED_RUNS_CAP:
            raise TooManyRuns(limits.QUEUED_RUNS_CAP)
        run, _ = Run.objects.get_or_create(
            workspace=workspace,
            idempotency_key=idempotency_key,
            defaults={
                "revision": revision,
                "trace": trace,
                "engine": engine,
                "replications": replications,
                "speed": speed,
                "scenario_json": stored.dump(scenario),
                "created_by": user,
            },
        )
        freeze_revision(revision)
    return _same(run, revision)


def _require_speed(engine: Engine, speed: float | None) -> None:
    """Whether the machine can tell the truth at it, the run itself finds out.

    Raises:
        InvalidInput: for an engine that has none, or a number that is none.
    """
    if speed is None:
        return
    if not engine.is_live:
        raise InvalidInput([Problem("speed", "is for a live run; the kernel takes no real time")])
    if not 0 < speed <= limits.HIGHEST_SPEED:
        raise InvalidInput([Problem("speed", f"should be over 0, and at most {limits.HIGHEST_SPEED:,}")])


def _same(run: Run, revision: Revision) -> Run:
    if run.revision_id != revision.pk:
        raise InvalidInput([Problem("idempotency_key", "was used for another run")])
    return run


def _trace_of(scenario: Scenario, revision: Revision) -> Trace | None:
    """The uploaded trace that the scenario replays. A path is for the command line alone: here it would read our own disk."""
    if isinstance(scenario.service, EmpiricalService) and scenario.service.path is not None:
        raise InvalidInput([Problem("service.path", "a file's path is honoured on the command line only")])
    if not isinstance(scenario.arrivals, TraceArrivals):
        return None
    return find_trace(scenario.arrivals.trace or "", revision.decision.workspace)


def _require_runnable(
    scenario: Scenario, trace: Trace | None, engine: str, replications: int | None, engines: Mapping[str, Engine]
) -> None:
    """
    Raises:
        InvalidInput: if there is no such engine, it can't honour the scenario, or the run is too large.
    """
    if engine not in engines:
        raise InvalidInput([Problem("engine", f"should be one of {', '.join(sorted(engines))}")])
    if replications is not None and not 1 <= replications <= limits.REPLICATIONS_CAP:
        raise InvalidInput([Problem("replications", f"should be 1 to {limits.REPLICATIONS_CAP}")])
    chosen = engines[engine]
    if problems := chosen.unsupported(scenario):
        raise InvalidInput(problems)
    recorded = read_stored_trace(trace) if trace else None
    needed = chosen.estimate(scenario, recorded, replications).memory_bytes
    if needed > limits.RUN_MEMORY_BYTES:
        reason = (
            f"this run would need about {needed / 1e9:.1f} GB of memory, over the limit of "
            f"{limits.RUN_MEMORY_BYTES / 1e9:.1f} GB; simulate fewer jobs, or a shorter trace"
        )
        raise InvalidInput([Problem("jobs", reason)])
