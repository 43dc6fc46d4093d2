"""A worker's sign of life, given from a thread of its own: the kernel may compile or run for seconds without a word."""

import logging
import threading
import time
from types import TracebackType
from typing import Self
from uuid import UUID

from django.db import DatabaseError, connections
from django.utils import timezone

from advisor.decisions.limits import HEARTBEAT_S
from advisor.decisions.services.run_lease import extend_lease, time_out_run

log = logging.getLogger(__name__)


class Heartbeat:
    """While it is entered, extends the lease every few seconds and ends the run at its time limit.

    `lost` is set once the run is no longer this attempt's; whoever works on it should stop.
    """

    def __init__(self, run_id: UUID, attempt: int, limit_s: float, every_s: float = HEARTBEAT_S) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self.limit_s = limit_s
        self.every_s = every_s
        self.lost = threading.Event()
        self._begun = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {run_id}", daemon=True)

    @property
    def elapsed_s(self) -> float:
        """How long this attempt has been running, by a clock that nobody sets."""
        return time.monotonic() - self._begun

    @property
    def expired(self) -> bool:
        """Whether the attempt is past its time limit."""
        return self.elapsed_s > self.limit_s

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(self._pause_s()):
                try:
                    if not self._still_ours():
                        self.lost.set()
                        return
                except DatabaseError:
                    log.warning("No heartbeat of run %s could be written", self.run_id, exc_info=True)
        finally:
            connections.close_all()

    def _pause_s(self) -> float:
        """Until the next beat, or until just after the limit where that comes first."""
        left_s = self.limit_s - self.elapsed_s
        return min(self.every_s, left_s + 0.01) if left_s > 0 else self.every_s

    def _still_ours(self) -> bool:
        if self.expired:
            time_out_run(self.run_id, self.attempt, timezone.now(), self.limit_s)
            return False
        return extend_lease(self.run_id, self.attempt, timezone.now(), self.elapsed_s)
