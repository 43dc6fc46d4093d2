import logging
import os
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from advisor.decisions import stored
from advisor.decisions.jobs.leased_work import LeasedWork
from advisor.decisions.limits import LOOK_EVERY_S
from advisor.decisions.models import SweepKind, SweepPart
from advisor.decisions.services.leases import worker_name
from advisor.decisions.services.recordings import read_stored_trace
from advisor.decisions.services.sweep_lease import (
    claim_part,
    extend_part_lease,
    fail_sweep,
    finish_part,
    record_search,
    release_part,
)
from advisor.decisions.services.sweeps import CELLS
from advisor.sweeps.capacity_search import fewest
from advisor.sweeps.cells import simulate_cell
from simulator.simulate import Progress

log = logging.getLogger(__name__)


def run_part(part_id: str) -> None:
    """Claim the part, simulate its cells on this thread, and write them. A part that is not queued is left alone."""
    close_old_connections()
    attempt = claim_part(UUID(part_id), timezone.now(), worker_name(os.getpid()))
    if attempt is None:
        log.info("Part %s has nothing to do", part_id)
        return
    work = PartWork(UUID(part_id), attempt)
    work.run(work.simulate)
    close_old_connections()


class PartWork(LeasedWork[str]):
    """Its result is JSON. Only progress renews the lease, so that a part that hangs is soon claimed by another worker."""

    renews_in_background = False
    report_every_s = LOOK_EVERY_S
    defect = "A cell could not be simulated"
    out_of_memory = "A cell needs more memory than there is; simulate fewer jobs a cell."

    is_search = False

    def simulate(self) -> str:
        part = SweepPart.objects.select_related("sweep__revision", "sweep__trace").get(pk=self.task_id)
        sweep = part.sweep
        recorded = read_stored_trace(sweep.trace) if sweep.trace else None
        self.is_search = sweep.kind == SweepKind.FEWEST
        if self.is_search:
            return stored.dump(
                fewest(
                    sweep.revision.answers, jobs=sweep.jobs, seed=sweep.seed, trace=recorded, on_progress=self.report
                )
            )
        grid = sweep.grid
        points = list(grid.points())[part.first : part.first + part.cells]
        cells = tuple(simulate_cell(grid, point, recorded, self.report) for point in points)
        return CELLS.dump_json(cells, by_alias=True).decode()

    def renew(self) -> bool:
        return extend_part_lease(self.task_id, self.attempt, timezone.now())

    def record(self, progress: Progress) -> bool:
        held = self.renew()
        if held and self.is_search:
            return record_search(self.task_id, self.attempt, progress.step, progress.fraction)
        return held

    def finish(self, found: str) -> bool:
        return finish_part(self.task_id, self.attempt, timezone.now(), found)

    def fail(self, code: str, text: str) -> bool:
        return fail_sweep(self.task_id, self.attempt, timezone.now(), text)

    def time_out(self) -> bool:
        what = "The search was" if self.is_search else "Some cells were"
        reason = f"{what} not done within the limit of {self.limit_s:g} s. Simulate fewer jobs, or shorter work."
        return self.fail("timed_out", reason)

    def release(self) -> bool:
        return release_part(self.task_id, self.attempt)
