"""What a worker does when the bell rings."""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections, connection
from django.utils import timezone
from rq.exceptions import ShutDownImminentException
from rq.timeouts import JobTimeoutException

from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.jobs.heartbeat import Heartbeat
from advisor.decisions.limits import PROGRESS_EVERY_S, SO_FAR_EVERY_S, TERMINAL_WRITE_PATIENCE_S
from advisor.decisions.models import Run
from advisor.decisions.models.run import RunProgress
from advisor.decisions.outside import OUTSIDE, chosen
from advisor.decisions.services.recordings import read_stored_trace
from advisor.decisions.services.run_lease import (
    claim_run,
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

T = TypeVar("T")


class Lost(Exception):
    """The run is no longer ours: cancelled, ended, or another worker's."""


class PastLimit(Exception):
    """The run has reached its time limit."""


def run_simulation(run_id: str, engines: Mapping[str, Engine] = ENGINES) -> None:
    """Claims the run, simulates, and writes down how it ended. To call it for a run that isn't queued does nothing.

    Where the database doesn't even let it claim, it raises, and the reconciler rings again. From then on, whatever goes
    wrong is in the row; what should never go wrong is raised, too, for the worker's log and registry.
    """
    close_old_connections()
    attempt = claim_run(UUID(run_id), timezone.now(), worker_name())
    if attempt is None:
        log.info("Run %s has nothing to do", run_id)
        return
    with Heartbeat(UUID(run_id), attempt, settings.CONFIGURATION.run_time_limit_s) as heartbeat:
        _work(heartbeat, engines)
    close_old_connections()


def worker_name() -> str:
    """`host:pid` of this process, for whoever must end it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _work(heartbeat: Heartbeat, engines: Mapping[str, Engine]) -> None:
    """Every way in which a simulation ends, and what is then written."""
    run_id, attempt = heartbeat.run_id, heartbeat.attempt
    try:
        result = _simulate(heartbeat, engines)
    except Lost:
        log.info("Run %s is no longer attempt %d's", run_id, attempt)
    except (PastLimit, JobTimeoutException):
        persist(lambda: time_out_run(run_id, attempt, timezone.now(), heartbeat.limit_s))
    except InvalidInput as error:
        _fail(heartbeat, "invalid_input", str(error))
    except RunBroken as error:
        so_far = error.so_far
        persist(lambda: record_so_far(run_id, attempt, so_far))
        _fail(heartbeat, "live_run_stopped", f"The live run stopped: {error}")
    except CannotRun as error:
        _fail(heartbeat, "live_run_stopped", f"The live run stopped: {error}")
    except MemoryError as error:
        _fail(heartbeat, "out_of_memory", str(error) or "The simulation needs more memory than there is.")
    except Exception as error:
        _fail(heartbeat, "internal", f"The simulation stopped: {type(error).__name__}: {error}")
        raise
    except (SystemExit, KeyboardInterrupt, ShutDownImminentException):
        _release(heartbeat)
        raise
    else:
        persist(lambda: finish_run(run_id, attempt, timezone.now(), result))


def _simulate(heartbeat: Heartbeat, engines: Mapping[str, Engine]) -> Result:
    run = Run.objects.get(pk=heartbeat.run_id)
    trace = read_stored_trace(run.trace) if run.trace else None
    engine = engines[run.engine]
    return engine.simulate(
        run.scenario,
        trace=trace,
        replications=run.replications,
        on_progress=_reporter(heartbeat),
        **(_live_options(run) if engine.is_live else {}),
    )


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
    """The endpoint as it is allowed now; the key comes from this process's own configuration, and from nowhere else.

    Raises:
        InvalidInput: it is no longer allowed, or another than the one that was shown when the run was asked for.
        CannotRun: a worker has been at it before, and may have spent what it may spend.
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


def _reporter(heartbeat: Heartbeat) -> Callable[[Progress], None]:
    """Writes progress a few times a second, and stops the simulation where the run is no longer ours or past its limit."""
    written, told = -PROGRESS_EVERY_S, -SO_FAR_EVERY_S

    def report(progress: Progress) -> None:
        nonlocal written, told
        if heartbeat.lost.is_set():
            raise PastLimit if heartbeat.expired else Lost
        if heartbeat.expired:
            raise PastLimit
        if heartbeat.elapsed_s - written < PROGRESS_EVERY_S:
            return
        written = heartbeat.elapsed_s
        try:
            held = record_progress(
                heartbeat.run_id,
                heartbeat.attempt,
                timezone.now(),
                RunProgress(progress.step, progress.fraction),
                heartbeat.elapsed_s,
            )
            if held and progress.so_far is not None and heartbeat.elapsed_s - told >= SO_FAR_EVERY_S:
                told = heartbeat.elapsed_s
                held = record_so_far(heartbeat.run_id, heartbeat.attempt, progress.so_far)
        except OperationalError:
            log.warning("Progress of run %s could not be written; the next will be", heartbeat.run_id, exc_info=True)
            return
        if not held:
            raise Lost

    return report


def _fail(heartbeat: Heartbeat, code: str, text: str) -> None:
    log.exception("Run %s failed: %s", heartbeat.run_id, code)
    persist(lambda: fail_run(heartbeat.run_id, heartbeat.attempt, timezone.now(), code, text))


def _release(heartbeat: Heartbeat) -> None:
    """Tried once, because somebody is waiting for this process to go; the lease says the same in 20 s."""
    try:
        release_run(heartbeat.run_id, heartbeat.attempt, timezone.now())
    except DatabaseError:
        log.exception("Run %s could not be put back into the queue", heartbeat.run_id)


def persist(write: Callable[[], T]) -> T:
    """Writes what must not be missing, again and again while the database is locked, full or restarting.

    Raises:
        OperationalError: after a minute of trying; the run's lease then runs out, and the reconciler takes over.
    """
    give_up = time.monotonic() + TERMINAL_WRITE_PATIENCE_S
    pause_s = 0.05
    while True:
        try:
            return write()
        except OperationalError:
            if time.monotonic() > give_up:
                raise
            log.warning("The database did not take a write; trying again", exc_info=True)
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause_s)
            pause_s = min(2.0, pause_s * 2)
