import logging
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.jobs.leased_work import LeasedWork, persist
from advisor.decisions.limits import PROGRESS_EVERY_S, SO_FAR_EVERY_S
from advisor.decisions.models import Run
from advisor.decisions.models.run import RunProgress
from advisor.decisions.outside import OUTSIDE, chosen
from advisor.decisions.services.leases import worker_name
from advisor.decisions.services.recordings import read_stored_trace
from advisor.decisions.services.run_lease import (
    claim_run,
    extend_lease,
    fail_run,
    finish_run,
    record_progress,
    record_so_far,
    release_run,
    time_out_run,
)
from core.errors import InvalidInput, Problem
from simulator.live.errors import CannotRun, RunBroken
from simulator.result import Result
from simulator.simulate import Progress

log = logging.getLogger(__name__)


def run_simulation(run_id: str, engines: Mapping[str, Engine] = ENGINES) -> None:
    """Claim the run, simulate, and write how it ended. A run that is not queued is left alone.

    If the database refuses the claim, it raises, and the reconciler queues the run again. From then on, every end is in the row.
    """
    close_old_connections()
    attempt = claim_run(UUID(run_id), timezone.now(), worker_name(os.getpid()))
    if attempt is None:
        log.info("Run %s has nothing to do", run_id)
        return
    work = RunWork(UUID(run_id), attempt)
    work.run(lambda: _simulate(work, engines))
    close_old_connections()


class RunWork(LeasedWork[Result]):
    renews_in_background = True
    report_every_s = PROGRESS_EVERY_S
    defect = "The simulation stopped"
    out_of_memory = "The simulation needs more memory than there is."

    so_far_s = -SO_FAR_EVERY_S

    def renew(self) -> bool:
        return extend_lease(self.task_id, self.attempt, timezone.now(), self.elapsed_s)

    def record(self, progress: Progress) -> bool:
        step = RunProgress(progress.step, progress.fraction)
        held = record_progress(self.task_id, self.attempt, timezone.now(), step, self.elapsed_s)
        if held and progress.so_far is not None and self.elapsed_s - self.so_far_s >= SO_FAR_EVERY_S:
            self.so_far_s = self.elapsed_s
            return record_so_far(self.task_id, self.attempt, progress.so_far)
        return held

    def finish(self, found: Result) -> bool:
        return finish_run(self.task_id, self.attempt, timezone.now(), found)

    def fail(self, code: str, text: str) -> bool:
        return fail_run(self.task_id, self.attempt, timezone.now(), code, text)

    def time_out(self) -> bool:
        return time_out_run(self.task_id, self.attempt, timezone.now(), self.limit_s)

    def release(self) -> bool:
        return release_run(self.task_id, self.attempt)


def _simulate(work: RunWork, engines: Mapping[str, Engine]) -> Result:
    run = Run.objects.get(pk=work.task_id)
    trace = read_stored_trace(run.trace) if run.trace else None
    engine = engines[run.engine]
    try:
        return engine.simulate(
            run.scenario,
            trace=trace,
            replications=run.replications,
            on_progress=work.report,
            **(_live_options(run) if engine.is_live else {}),
        )
    except RunBroken as error:
        so_far = error.so_far
        persist(lambda: record_so_far(work.task_id, work.attempt, so_far))
        raise


def _live_options(run: Run) -> dict[str, Any]:
    options = {
        "speed": run.speed,
        "seconds": run.seconds,
        "workers": run.workers,
        "time_limit_s": float(settings.CONFIGURATION.run_time_limit_s),
        "label": str(run.pk),
        "workload": run.revision.answers.template,
    }
    return options | (_outside(run) if run.endpoint_host else {})


def _outside(run: Run) -> dict[str, Any]:
    """Return the endpoint as it is allowed now. The key comes from this process's own configuration only.

    Raises:
        InvalidInput: it is no longer allowed, or differs from the one shown when the run was requested.
        CannotRun: an earlier attempt may have spent the run's budget.
    """
    found = chosen(OUTSIDE)
    assert found is not None  # noqa: S101  it would have been refused
    if (found.host, found.model) != (run.endpoint_host, run.endpoint_model):
        asked, now = f"{run.endpoint_model} at {run.endpoint_host}", f"{found.model} at {found.host}"
        raise InvalidInput([Problem("endpoint", f"{asked} was to answer, and now {now} would; start the run again")])
    if run.attempt > 1:
        raise CannotRun(
            "its worker ended while it may have called the outside endpoint. So that its caps hold, it does not begin again by itself."
        )
    return {"external": found.endpoint, "key": found.key}
