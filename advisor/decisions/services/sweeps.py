from dataclasses import dataclass
from typing import Any

from django.db import transaction
from pydantic import TypeAdapter

from advisor.decisions import limits, stored
from advisor.decisions.errors import StaleVersion, TooManySweeps
from advisor.decisions.models import Decision, PartState, Revision, Sweep, SweepKind, SweepPart, Trace
from advisor.decisions.services.recordings import find_trace, read_stored_trace
from advisor.decisions.services.revisions import freeze_revision
from advisor.decisions.services.runs import IDEMPOTENCY_KEY
from advisor.sweeps import contract
from advisor.sweeps.axes import Axis
from advisor.sweeps.capacity_search import ServerRequirement, most_of, require_deadline
from advisor.sweeps.contract import Cell
from advisor.sweeps.grid import JOBS, Grid, grid, require_jobs
from advisor.sweeps.load import estimate_of_trial, load_of
from advisor.sweeps.sweeping import axis_of
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem

TRIALS = 32
"""The most numbers that a search tries."""
CELLS = TypeAdapter(tuple[Cell, ...])


@dataclass(frozen=True)
class SweepRequest:
    x: Axis
    y: Axis | None
    jobs: int
    seed: int = 1


def request_sweep(revision: Revision, user: User, asked: SweepRequest, idempotency_key: str) -> Sweep:
    """Queue a sweep, which freezes the revision; return the existing one if the key was used for this revision.

    It notifies no worker: `jobs.start_sweep` does.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        InvalidInput: a cell contradicts itself, or all of it is too large.
        StaleVersion: the revision's answers were changed since it was read.
        TooManySweeps: the workspace has as many under way as it may have.
    """
    existing = requested_before(revision, user, idempotency_key)
    if existing:
        return existing
    trace = find_answers_trace(revision)
    wanted = _checked(revision, asked)
    cell_jobs = _require_map_fits(wanted, trace)
    at_once = min(limits.CELLS_A_PART, max(1, limits.PART_JOBS // cell_jobs))
    return put_on_record(revision, user, idempotency_key, trace, _fields(wanted), at_once)


def requested_before(revision: Revision, user: User, idempotency_key: str) -> Sweep | None:
    """Raise PermissionDenied unless the user may edit; InvalidInput if the key is none, or was used for another revision."""
    workspace = revision.decision.workspace
    require_editor(user, workspace)
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidInput([Problem("idempotency_key", "should be 1 to 64 letters, digits or _ . : -")])
    existing = Sweep.objects.filter(workspace=workspace, idempotency_key=idempotency_key).first()
    return _same(existing, revision) if existing else None


def find_answers_trace(revision: Revision) -> Trace | None:
    given = revision.answers.volume.trace
    return find_trace(given, revision.decision.workspace) if given else None


def put_on_record(
    revision: Revision, user: User, idempotency_key: str, trace: Trace | None, fields: dict[str, Any], cells_a_part: int
) -> Sweep:
    workspace = revision.decision.workspace
    with transaction.atomic():
        decision = Decision.objects.select_for_update().get(pk=revision.decision_id)
        if not Revision.objects.filter(pk=revision.pk, answers_json=revision.answers_json).exists():
            raise StaleVersion(revision.decision.draft_version, decision.draft_version)
        if Sweep.objects.for_workspace(workspace).active().count() >= limits.UNFINISHED_SWEEPS_CAP:
            raise TooManySweeps(limits.UNFINISHED_SWEEPS_CAP)
        sweep, new = Sweep.objects.get_or_create(
            workspace=workspace,
            idempotency_key=idempotency_key,
            defaults={"revision": revision, "trace": trace, "created_by": user, **fields},
        )
        if new:
            SweepPart.objects.bulk_create(_parts(sweep, cells_a_part))
        freeze_revision(revision)
    return _same(sweep, revision)


def _checked(revision: Revision, asked: SweepRequest) -> Grid:
    size = len(asked.x.values) * (len(asked.y.values) if asked.y else 1)
    if size > limits.MOST_CELLS:
        raise InvalidInput(
            [Problem("x", f"{size:,} cells are over the limit of {limits.MOST_CELLS:,}; give fewer steps")]
        )
    return grid(revision.answers, asked.x, asked.y, asked.jobs, asked.seed)


def _fields(wanted: Grid) -> dict[str, Any]:
    x, y = wanted.x, wanted.y
    across = {"x_field": x.field, "x_low": x.low, "x_high": x.high, "x_steps": len(x.values)}
    up = {"y_field": y.field, "y_low": y.low, "y_high": y.high, "y_steps": len(y.values)} if y else {}
    return {**across, **up, "jobs": wanted.jobs, "seed": wanted.seed, "size": wanted.size}


def _require_map_fits(wanted: Grid, trace: Trace | None) -> int:
    """Return the jobs in the largest cell. Raise InvalidInput if a cell, or all together, need more than a sweep may."""
    load = load_of(wanted, read_stored_trace(trace) if trace else None)
    if load.memory_bytes > limits.RUN_MEMORY_BYTES:
        sentence = f"a cell would need about {load.memory_bytes / 1e9:.1f} GB of memory, over the limit of {limits.RUN_MEMORY_BYTES / 1e9:.1f} GB"
        raise InvalidInput([Problem("jobs", f"{sentence}; simulate fewer jobs, or a shorter recording")])
    if load.mean_jobs * wanted.size > limits.SWEEP_JOBS:
        sentence = (
            f"{wanted.size:,} cells would simulate about {load.mean_jobs * wanted.size / 1e6:,.0f} million requests in both designs, over the "
            f"limit of {limits.SWEEP_JOBS / 1e6:,.0f} million; give fewer steps, lower rates, or fewer requests a cell"
        )
        raise InvalidInput([Problem("jobs", sentence)])
    return load.most_jobs


def _parts(sweep: Sweep, at_once: int) -> list[SweepPart]:
    return [
        SweepPart(sweep=sweep, first=first, cells=min(at_once, sweep.size - first))
        for first in range(0, sweep.size, at_once)
    ]


def _same(sweep: Sweep, revision: Revision) -> Sweep:
    if sweep.revision_id != revision.pk:
        raise InvalidInput([Problem("idempotency_key", "was used for another map")])
    return sweep


def request_fewest(revision: Revision, user: User, idempotency_key: str, jobs: int = JOBS) -> Sweep:
    """Queue a search, as `request_sweep` does. Raise InvalidInput also if there is no deadline to meet."""
    existing = requested_before(revision, user, idempotency_key)
    if existing:
        return existing
    answers, trace = revision.answers, find_answers_trace(revision)
    require_deadline(answers)
    require_jobs(jobs, "trial")
    _require_search_fits(revision, trace, jobs)
    fields = {
        "kind": SweepKind.FEWEST,
        "x_field": "synchronous.workers",
        "x_low": 1,
        "x_high": most_of(answers),
        "x_steps": 2,
        "jobs": jobs,
        "size": 1,
    }
    return put_on_record(revision, user, idempotency_key, trace, fields, 1)


def _require_search_fits(revision: Revision, trace: Trace | None, jobs: int) -> None:
    needed = estimate_of_trial(revision.answers, jobs, read_stored_trace(trace) if trace else None)
    if needed.jobs * TRIALS > limits.SWEEP_JOBS:
        sentence = (
            f"the search would simulate up to {needed.jobs * TRIALS / 1e6:,.0f} million jobs in both designs, over the limit of "
            f"{limits.SWEEP_JOBS / 1e6:,.0f} million; shorten the recording, or lower the rate"
        )
        raise InvalidInput([Problem("jobs", sentence)])
    if needed.memory_bytes > limits.RUN_MEMORY_BYTES:
        raise InvalidInput([Problem("jobs", "a trial would need more memory than a run may have; simulate fewer jobs")])


def needed_by(sweep: Sweep) -> ServerRequirement | None:
    text = sweep.parts.filter(state=PartState.DONE).values_list("cells_json", flat=True).first()
    return stored.load(ServerRequirement, text) if text else None


def found_so_far(sweep: Sweep) -> contract.Sweep:
    done = sweep.parts.filter(state=PartState.DONE).order_by("first").values_list("cells_json", flat=True)
    cells = [cell for text in done for cell in CELLS.validate_json(text)]
    x, y = sweep.x_axis, sweep.y_axis
    took = sweep.finished_at - sweep.started_at if sweep.finished_at and sweep.started_at else None
    return contract.Sweep(
        x=axis_of(x),
        y=axis_of(y) if y else None,
        jobs=sweep.jobs,
        seed=sweep.seed,
        cells=tuple(cells),
        elapsed_s=round(took.total_seconds(), 3) if took else 0,
    )
