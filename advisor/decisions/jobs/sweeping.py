"""Sweeps and the queue: the rows first, then a bell for each part; and what a worker does when it rings."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections, transaction
from django.utils import timezone
from rq.exceptions import ShutDownImminentException

from advisor.decisions import stored
from advisor.decisions.jobs.doorbell import RUN_PART, Doorbell, RqDoorbell, job_id
from advisor.decisions.jobs.work import persist, worker_name
from advisor.decisions.limits import LOOK_EVERY_S
from advisor.decisions.models import Revision, Sweep, SweepKind, SweepPart
from advisor.decisions.services.recordings import read_stored_trace
from advisor.decisions.services.sweep_lease import (
    ReconciledSweeps,
    claim_part,
    fail_sweep,
    finish_part,
    hold_part,
    reconcile_sweeps,
    record_search,
    release_part,
)
from advisor.decisions.services.sweeps import CELLS, SweepRequest, request_fewest, request_sweep
from advisor.sweeps.cells import simulate_cell
from advisor.sweeps.fewest import fewest
from advisor.teams.models import User
from core.errors import InvalidInput
from simulator.simulate import OnProgress, Progress

log = logging.getLogger(__name__)

MAPS: Doorbell = RqDoorbell(RUN_PART, settings.MAPS_QUEUE)
"""For the parts of maps: workers hear it when nothing else is to be done."""
SEARCHES: Doorbell = RqDoorbell(RUN_PART)
"""A search is a single part that somebody waits for, as for a run."""


class Unwanted(Exception):
    """The part is no longer ours: cancelled, ended, or another worker's."""


class PastLimit(Exception):
    """The part has reached the time limit of a run."""


def start_sweep(
    revision: Revision, user: User, asked: SweepRequest, *, idempotency_key: str, bell: Doorbell = MAPS
) -> Sweep:
    """Requests the sweep (see `request_sweep` for what it raises) and rings for its parts once it is committed.

    A bell that does not ring is no failure: the reconciler rings again.
    """
    return _rung_on_commit(request_sweep(revision, user, asked, idempotency_key), bell)


def _rung_on_commit(sweep: Sweep, bell: Doorbell) -> Sweep:
    parts = tuple(sweep.parts.filter(state="queued").values_list("id", "attempt")) if sweep.active else ()
    transaction.on_commit(lambda: _ring_all(bell, sweep.id, parts))
    return sweep


def start_fewest(revision: Revision, user: User, *, idempotency_key: str, bell: Doorbell = SEARCHES) -> Sweep:
    """Requests the search for the fewest servers (see `request_fewest` for what it raises) and rings as `start_sweep` does."""
    return _rung_on_commit(request_fewest(revision, user, idempotency_key), bell)


def reconcile_sweeps_and_ring(
    maps: Doorbell = MAPS, clock: Callable[[], datetime] = timezone.now, *, searches: Doorbell = SEARCHES
) -> ReconciledSweeps:
    """Sets the rows right, then rings for each queued part that has no job.

    Raises:
        redis.RedisError: if the broker is gone; the rows have been set right by then.
    """
    reconciled = reconcile_sweeps(clock())
    for kind, bell in ((SweepKind.FEWEST, searches), (SweepKind.MAP, maps)):
        waiting = [(one.part, one.attempt) for one in reconciled.waiting if one.kind == kind]
        known = bell.waiting() if waiting else set()
        for part_id, attempt in waiting:
            if job_id(part_id, attempt) not in known:
                bell.ring(part_id, attempt)
    return reconciled


def run_part(part_id: str) -> None:
    """Claims the part, simulates its cells on this thread, and writes them down. For a part that isn't queued it does nothing."""
    close_old_connections()
    part, attempt = UUID(part_id), claim_part(UUID(part_id), timezone.now(), worker_name())
    if attempt is None:
        log.info("Part %s has nothing to do", part_id)
        return
    try:
        found = _simulated(part, attempt)
    except Unwanted:
        log.info("Part %s is no longer attempt %d's", part_id, attempt)
    except PastLimit as error:
        _fail(part, attempt, str(error))
    except (InvalidInput, MemoryError) as error:
        _fail(part, attempt, str(error) or "A cell needs more memory than there is; simulate fewer jobs a cell.")
    except Exception as error:
        _fail(part, attempt, f"A cell could not be simulated: {type(error).__name__}: {error}")
        raise
    except (SystemExit, KeyboardInterrupt, ShutDownImminentException):
        _release(part, attempt)
        raise
    else:
        persist(lambda: finish_part(part, attempt, timezone.now(), found))
    close_old_connections()


def _simulated(part_id: UUID, attempt: int) -> str:
    """What the part found, as JSON."""
    part = SweepPart.objects.select_related("sweep__revision", "sweep__trace").get(pk=part_id)
    sweep = part.sweep
    recorded = read_stored_trace(sweep.trace) if sweep.trace else None
    look = _looker(part_id, attempt, tells=sweep.kind == SweepKind.FEWEST)
    if sweep.kind == SweepKind.FEWEST:
        return stored.dump(
            fewest(sweep.revision.answers, jobs=sweep.jobs, seed=sweep.seed, trace=recorded, on_progress=look)
        )
    grid = sweep.grid
    points = list(grid.points())[part.first : part.first + part.cells]
    cells = tuple(simulate_cell(grid, point, recorded, look) for point in points)
    return CELLS.dump_json(cells, by_alias=True).decode()


def _looker(part_id: UUID, attempt: int, *, tells: bool = False) -> OnProgress:
    """Extends the lease, and stops the work where it is wanted no more or past its limit, a few times a second; writes what is being
    done where it `tells`."""
    begun = looked = time.monotonic()
    limit_s = settings.CONFIGURATION.run_time_limit_s

    def look(progress: Progress) -> None:
        nonlocal looked
        if time.monotonic() - looked < LOOK_EVERY_S:
            return
        looked = time.monotonic()
        if looked - begun > limit_s:
            what = "The search was" if tells else "Some cells were"
            raise PastLimit(f"{what} not done within the limit of {limit_s:g} s. Simulate fewer jobs, or shorter work.")
        try:
            held = hold_part(part_id, attempt, timezone.now())
            if held and tells:
                held = record_search(part_id, attempt, progress.step, progress.fraction)
        except OperationalError:
            log.warning("Part %s could not be held; the next look will", part_id, exc_info=True)
            return
        if not held:
            raise Unwanted

    return look


def _ring_all(bell: Doorbell, sweep_id: UUID, parts: tuple[tuple[UUID, int], ...]) -> None:
    try:
        for part_id, attempt in parts:
            bell.ring(part_id, attempt)
    except Exception:
        # The sweep is committed: whatever is wrong with the bell must not look like a failure of the request.
        log.exception("Could not ring for sweep %s; the reconciler will", sweep_id)


def _fail(part_id: UUID, attempt: int, text: str) -> None:
    log.exception("Part %s failed", part_id)
    persist(lambda: fail_sweep(part_id, attempt, timezone.now(), text))


def _release(part_id: UUID, attempt: int) -> None:
    """Tried once, because somebody is waiting for this process to go; the lease says the same in 20 s."""
    try:
        release_part(part_id, attempt)
    except DatabaseError:
        log.exception("Part %s could not be put back into the queue", part_id)
