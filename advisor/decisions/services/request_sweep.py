"""Asks for a crossover map: checks it, and puts it and its parts on record as queued."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from advisor.decisions import limits
from advisor.decisions.errors import StaleVersion, TooManySweeps
from advisor.decisions.models import Decision, Revision, Sweep, SweepPart, Trace
from advisor.decisions.services.advising import find_trace
from advisor.decisions.services.freeze_revision import freeze_revision
from advisor.decisions.services.request_run import IDEMPOTENCY_KEY
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.sweeps.axes import Axis
from advisor.sweeps.grid import Grid, grid
from advisor.sweeps.load import load_of
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see: one or two answers with their values, and how long each cell is simulated."""

    x: Axis
    y: Axis | None
    jobs: int
    seed: int = 1


def request_sweep(revision: Revision, user: User, asked: Asked, idempotency_key: str) -> Sweep:
    """The queued sweep, which freezes the revision; the sweep of before where the key was used for this revision already.

    It tells no worker: `jobs.start_sweep` does.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        InvalidInput: if a cell contradicts itself, or all of it is too large.
        StaleVersion: if the revision's answers were changed since it was read.
        TooManySweeps: if the workspace has as many under way as it may have.
    """
    existing = requested_before(revision, user, idempotency_key)
    if existing:
        return existing
    trace = trace_of(revision)
    wanted = _checked(revision, asked)
    cell_jobs = _require_small_enough(wanted, trace)
    at_once = min(limits.CELLS_A_PART, max(1, limits.PART_JOBS // cell_jobs))
    return put_on_record(revision, user, idempotency_key, trace, _fields(wanted), at_once)


def requested_before(revision: Revision, user: User, idempotency_key: str) -> Sweep | None:
    """The sweep of this key, if there is one.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        InvalidInput: if the key is none, or was used for another revision.
    """
    workspace = revision.decision.workspace
    require_editor(user, workspace)
    if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise InvalidInput([Problem("idempotency_key", "should be 1 to 64 letters, digits or _ . : -")])
    existing = Sweep.objects.filter(workspace=workspace, idempotency_key=idempotency_key).first()
    return _same(existing, revision) if existing else None


def trace_of(revision: Revision) -> Trace | None:
    """The recording that the answers replay, if they do."""
    given = revision.answers.volume.trace
    return find_trace(given, revision.decision.workspace) if given else None


def put_on_record(
    revision: Revision, user: User, idempotency_key: str, trace: Trace | None, fields: dict[str, Any], cells_a_part: int
) -> Sweep:
    """The sweep and its parts, queued; the revision is frozen by it. Raises as `request_sweep` does."""
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


def _checked(revision: Revision, asked: Asked) -> Grid:
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


def _require_small_enough(wanted: Grid, trace: Trace | None) -> int:
    """Jobs simulated in the largest cell that was looked at.

    Raises:
        InvalidInput: if all cells together, or one alone, need more than a sweep may.
    """
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
