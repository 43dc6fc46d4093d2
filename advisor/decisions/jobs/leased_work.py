"""A worker's work on a task that it has claimed: lease, time limit, progress, and how the end is written."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, connections
from rq.exceptions import ShutDownImminentException
from rq.timeouts import JobTimeoutException

from advisor.decisions import limits
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import Lease, Outcome
from core.errors import CannotRun, InvalidInput
from simulator.replications import Progress

log = logging.getLogger(__name__)

TIME_OUT_AGAIN_S = 1.0
"""Past its limit, a task is ended at once, or this much later if the database refused the write."""
T = TypeVar("T")


class LeaseLost(Exception):
    """The task was cancelled, has ended, or was claimed by another worker."""


class PastLimit(Exception):
    pass


class LeasedWork(Generic[Outcome]):
    """The work on one attempt at a task.

    While it is entered, a thread renews the lease every few seconds if the kind wants that: compiled code may run for
    seconds without reporting progress. The thread also ends the task at its time limit.
    """

    def __init__(
        self, lease: Lease[Outcome], limit_s: float | None = None, every_s: float = limits.HEARTBEAT_S
    ) -> None:
        self.lease = lease
        self.limit_s = settings.CONFIGURATION.run_time_limit_s if limit_s is None else limit_s
        self.every_s = every_s
        self.lost = threading.Event()
        """Set when the thread notices that the lease is lost, or that the limit is reached."""
        self._begun = time.monotonic()
        self._reported_s = -lease.report_every_s
        self._stop = threading.Event()
        logged_for = contextvars.copy_context()
        self._thread = threading.Thread(
            target=logged_for.run, args=[self._keep_renewing], name=f"lease of {lease.task_id}", daemon=True
        )

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._begun

    @property
    def expired(self) -> bool:
        return self.elapsed_s > self.limit_s

    def report(self, progress: Progress) -> None:
        """Write the progress. Raise PastLimit or LeaseLost to stop the work."""
        if self.expired:
            raise PastLimit
        if self.lost.is_set():
            raise LeaseLost
        if self.elapsed_s - self._reported_s < self.lease.report_every_s:
            return
        self._reported_s = self.elapsed_s
        try:
            held = self.lease.record(database_now(), self.elapsed_s, progress)
        except OperationalError:
            log.warning("Progress of %s could not be written; the next will be", self.lease.task_id, exc_info=True)
            return
        if not held:
            raise LeaseLost

    def run(self, work: Callable[[], Outcome]) -> None:
        """Do the work and write how it ended. Unexpected errors are raised again, for the worker's log and registry."""
        with self:
            try:
                outcome = work()
            except LeaseLost:
                log.info("%s is no longer attempt %d's", self.lease.task_id, self.lease.attempt)
            except (PastLimit, JobTimeoutException):
                persist(self._time_out)
            except InvalidInput as error:
                self._fail("invalid_input", str(error))
            except CannotRun as error:
                self._fail("live_run_stopped", f"The live run stopped: {error}")
            except MemoryError as error:
                self._fail("out_of_memory", str(error) or self.lease.out_of_memory)
            except Exception as error:
                self._fail("internal", f"{self.lease.defect}: {type(error).__name__}: {error}")
                raise
            except (SystemExit, KeyboardInterrupt, ShutDownImminentException):
                self._release()
                raise
            else:
                persist(lambda: self.lease.finish(database_now(), outcome))

    def _fail(self, code: str, text: str) -> None:
        log.exception("%s failed: %s", self.lease.task_id, code)
        persist(lambda: self.lease.fail(database_now(), code, text))

    def _time_out(self) -> bool:
        return self.lease.time_out(database_now(), self.limit_s)

    def _release(self) -> None:
        """Try once, because the supervisor waits for this process. If it fails, the lease expires in 20 s."""
        try:
            self.lease.release()
        except DatabaseError:
            log.exception("%s could not be put back into the queue", self.lease.task_id)

    def __enter__(self) -> Self:
        if self.lease.renews_in_background:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if self.lease.renews_in_background:
            self._thread.join()

    def _keep_renewing(self) -> None:
        try:
            while not self._stop.wait(self._pause_s()):
                try:
                    if not self._renew_or_time_out():
                        self.lost.set()
                        return
                except DatabaseError:
                    log.warning("The lease of %s could not be renewed", self.lease.task_id, exc_info=True)
        finally:
            connections.close_all()

    def _pause_s(self) -> float:
        left_s = self.limit_s - self.elapsed_s
        return min(self.every_s, left_s + 0.01 if left_s > 0 else TIME_OUT_AGAIN_S)

    def _renew_or_time_out(self) -> bool:
        if self.expired:
            self._time_out()
            return False
        return self.lease.renew(database_now(), self.elapsed_s)


def persist(write: Callable[[], T]) -> T:
    """Repeat a write that must not be missing while the database is locked, full or restarting.

    Raises OperationalError after a minute; the lease then expires, and the reconciler takes over.
    """
    give_up = time.monotonic() + limits.TERMINAL_WRITE_PATIENCE_S
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
