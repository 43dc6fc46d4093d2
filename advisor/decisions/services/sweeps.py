from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from pydantic import TypeAdapter

from advisor.decisions import limits, stored
from advisor.decisions.models import UNFINISHED, PartState, Revision, Sweep, SweepKind, SweepPart, SweepState, Trace
from advisor.decisions.services.recordings import find_trace, read_trace_if_any
from advisor.decisions.services.requests import create_once, find_requested, new_request
from advisor.sweeps import contract
from advisor.sweeps.capacity_search import ServerRequirement, estimate_of_trial, most_of, require_deadline
from advisor.sweeps.cells import (
    blocks_of,
    blocks_to_divide,
    expected_cells,
    load_of,
    simulate_block,
    simulate_cell,
    sweep_result,
)
from advisor.sweeps.contract import Cell, SweepAxis
from advisor.sweeps.grid import JOBS, Grid, build_grid, require_jobs
from advisor.sweeps.refinement import indexed_cells
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem
from simulator.replications import OnProgress
from simulator.traces import Trace as LoadedTrace

TRIALS = 32
"""The most numbers that a search tries."""
CELLS = TypeAdapter(tuple[Cell, ...])


@dataclass(frozen=True)
class SweepRequest:
    x: SweepAxis
    y: SweepAxis | None
    jobs: int
    seed: int = 1


def request_sweep(revision: Revision, user: User, asked: SweepRequest, idempotency_key: str) -> Sweep:
    """Queue a sweep, which freezes the revision; return the existing one if the key was used for this revision.

    It notifies no worker: `jobs.start_sweep` does.

    Raises:
        PermissionDenied: unless the user may edit in the revision's workspace.
        InvalidInput: a cell contradicts itself, or all of it is too large.
        StaleVersion: the revision's answers were changed since it was read.
        TooManyTasks: the workspace has as many under way as it may have.
    """
    existing = find_requested(Sweep, revision, user, idempotency_key)
    if existing:
        return existing
    trace = _answers_trace(revision)
    wanted = _checked(revision, asked)
    cell_jobs = _require_map_fits(wanted, trace)
    at_once = min(limits.CELLS_A_PART, max(1, limits.PART_JOBS // cell_jobs))
    return _save_request(revision, user, idempotency_key, trace, _fields(wanted), at_once)


def _answers_trace(revision: Revision) -> Trace | None:
    given = revision.answers.volume.trace
    return find_trace(given, revision.decision.workspace) if given else None


def _save_request(
    revision: Revision, user: User, idempotency_key: str, trace: Trace | None, fields: dict[str, Any], cells_a_part: int
) -> Sweep:
    with new_request(revision, Sweep.objects.active(), limits.UNFINISHED_SWEEPS_CAP, "maps are being drawn"):
        sweep, is_new = create_once(Sweep, revision, idempotency_key, trace=trace, created_by=user, **fields)
        if is_new:
            SweepPart.objects.bulk_create(
                SweepPart(sweep=sweep, first=first, cells=min(cells_a_part, sweep.size - first))
                for first in range(0, sweep.size, cells_a_part)
            )
    return sweep


def _checked(revision: Revision, asked: SweepRequest) -> Grid:
    return build_grid(revision.answers, asked.x, asked.y, asked.jobs, asked.seed)


def _fields(wanted: Grid) -> dict[str, Any]:
    x, y = wanted.x, wanted.y
    across = {"x_field": x.field, "x_low": x.low, "x_high": x.high, "x_steps": len(x.values)}
    up = {"y_field": y.field, "y_low": y.low, "y_high": y.high, "y_steps": len(y.values)} if y else {}
    return {
        **across,
        **up,
        "jobs": wanted.jobs,
        "seed": wanted.seed,
        "size": wanted.size,
        "coarse_step": wanted.coarse_step,
    }


def _require_map_fits(wanted: Grid, trace: Trace | None) -> int:
    """Return the jobs in the largest cell. Raise InvalidInput if a cell, or all together, need more than a sweep may."""
    load = load_of(wanted, read_trace_if_any(trace))
    if load.memory_bytes > limits.RUN_MEMORY_BYTES:
        sentence = f"a cell would need about {load.memory_bytes / 1e9:.1f} GB of memory, over the limit of {limits.RUN_MEMORY_BYTES / 1e9:.1f} GB"
        raise InvalidInput([Problem("jobs", f"{sentence}; simulate fewer jobs, or a shorter recording")])
    cells = expected_cells(wanted)
    if load.mean_jobs * cells > limits.SWEEP_JOBS:
        sentence = (
            f"{cells:,} cells would simulate about {load.mean_jobs * cells / 1e6:,.0f} million requests in both designs, over the "
            f"limit of {limits.SWEEP_JOBS / 1e6:,.0f} million; give fewer steps, lower rates, or fewer requests a cell"
        )
        raise InvalidInput([Problem("jobs", sentence)])
    return load.most_jobs


def request_fewest(revision: Revision, user: User, idempotency_key: str, jobs: int = JOBS) -> Sweep:
    """Queue a search, as `request_sweep` does. Raise InvalidInput also if there is no deadline to meet."""
    existing = find_requested(Sweep, revision, user, idempotency_key)
    if existing:
        return existing
    answers, trace = revision.answers, _answers_trace(revision)
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
    return _save_request(revision, user, idempotency_key, trace, fields, 1)


def _require_search_fits(revision: Revision, trace: Trace | None, jobs: int) -> None:
    needed = estimate_of_trial(revision.answers, jobs, read_trace_if_any(trace))
    if needed.jobs * TRIALS > limits.SWEEP_JOBS:
        sentence = (
            f"the search would simulate up to {needed.jobs * TRIALS / 1e6:,.0f} million jobs in both designs, over the limit of "
            f"{limits.SWEEP_JOBS / 1e6:,.0f} million; shorten the recording, or lower the rate"
        )
        raise InvalidInput([Problem("jobs", sentence)])
    if needed.memory_bytes > limits.RUN_MEMORY_BYTES:
        raise InvalidInput([Problem("jobs", "a trial would need more memory than a run may have; simulate fewer jobs")])


def cancel_sweep(sweep: Sweep, user: User) -> bool:
    """Cancel it at once, whatever its workers do. The parts that are done are kept. False if it had ended before.

    Raises PermissionDenied unless the user may edit in the sweep's workspace.
    """
    require_editor(user, sweep.workspace)
    return bool(cancel_all_sweeps(Sweep.objects.filter(pk=sweep.pk)))


def cancel_all_sweeps(sweeps: "QuerySet[Sweep]") -> int:
    return sweeps.filter(state__in=UNFINISHED).update(state=SweepState.CANCELLED, finished_at=timezone.now())


def find_requirement(sweep: Sweep) -> ServerRequirement | None:
    text = sweep.parts.filter(state=PartState.DONE).values_list("cells_json", flat=True).first()
    return stored.load(ServerRequirement, text) if text else None


def read_cells(sweep: Sweep) -> contract.SweepResult:
    done = sweep.parts.filter(state=PartState.DONE).order_by("first").values_list("cells_json", flat=True)
    cells = (cell for text in done for cell in CELLS.validate_json(text))
    took = sweep.finished_at - sweep.started_at if sweep.finished_at and sweep.started_at else None
    return sweep_result(sweep.grid, cells, round(took.total_seconds(), 3) if took else 0)


def add_refining_parts(sweep: Sweep) -> None:
    """Queue the blocks of a map in which the answer changes, once its coarse grid is done; nothing if they have been."""
    if sweep.kind != SweepKind.MAP or sweep.coarse_step == 1 or sweep.parts.filter(first__gte=sweep.size).exists():
        return
    grid = sweep.grid
    wanted = set(blocks_to_divide(grid, indexed_cells(read_cells(sweep))))
    places = [place for place, block in enumerate(blocks_of(grid)) if block in wanted]
    SweepPart.objects.bulk_create(
        [SweepPart(sweep=sweep, first=sweep.size + place, cells=1) for place in places], ignore_conflicts=True
    )


def simulate_part(part: SweepPart, trace: LoadedTrace | None, on_progress: OnProgress) -> tuple[Cell, ...]:
    sweep, grid = part.sweep, part.sweep.grid
    if not part.is_refining:
        points = list(grid.points())[part.first : part.first + part.cells]
        return tuple(simulate_cell(grid, point, trace, on_progress) for point in points)
    first, known = part.first - sweep.size, indexed_cells(read_cells(sweep))
    blocks = blocks_of(grid)[first : first + part.cells]
    return tuple(cell for block in blocks for cell in simulate_block(grid, block, known, trace, on_progress))
