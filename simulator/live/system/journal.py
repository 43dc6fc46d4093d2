"""The events of a live run, as they happen: one file a process, one fixed-size row an event.

A row is written by one `os.write` to a file opened for appending: a process that is killed loses no row, and the controller may read at any
time. Instants are of the machine's monotonic clock, which all processes share.
"""

import errno
import multiprocessing
import os
import struct
import time
from contextlib import AbstractContextManager
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class EventType(IntEnum):
    """What happened to a job. `index` counts attempts, calls or subscribers from 0, `value` is as described here, else 0.

    Of a Scenario whose jobs may be delivered again, `index` counts deliveries instead of attempts.
    """

    ARRIVED = 1  # clients: sent for the first time; value: how late after its instant, in real seconds
    SENT = 2  # clients: call number `index` leaves (synchronous: the client's own retries count up)
    ACCEPTED = 3  # service: a worker or a place in the backlog; event-driven: the 202 is being sent
    REFUSED = 4  # service: no place (503)
    QUEUED = 5  # event-driven: attempt `index` was put into its queue; a retry's row is written when it starts
    STARTED = 6  # a worker or consumer begins attempt `index`; event-driven, value: the worker's number
    WAITED_FOR_PROVIDER = 7  # attempt `index` found a limit exhausted; value: real seconds until it was allowed
    CALLED = 8  # attempt `index` calls the provider
    ANSWERED = 9  # attempt `index` has its answer; value: the HTTP status (0: none came)
    BACKED_OFF = 10  # attempt `index` failed; value: the pause before the next, in real seconds
    FREED = 11  # the worker or consumer of attempt `index` is done with it; event-driven, value: the worker's number
    COMPUTED = 12  # the result is there
    GAVE_UP = 13  # attempts are exhausted: value 1: dead-lettered, 0: failed
    EXPIRED = 14  # taken from its queue after its expiry, and dropped
    HANDLED = 15  # subscriber `index` has handled the result
    UNHANDLED = 16  # subscriber `index` gave up
    DELIVERY_CALL = 17  # a poll, a webhook call or a connection, number `index`; value: the HTTP status, if any
    IN_HAND = 18  # clients: the result has arrived in answer to call `index`
    CLIENT_FAILED = 19  # clients: the last answer is that the job failed
    TIMED_OUT = 20  # clients: gave up waiting for call `index`; value 1: finally
    CLIENT_REFUSED = 21  # clients: the last answer is a refusal
    UNDELIVERED = 22  # the delivery's schedule is exhausted
    PROVIDER_CALL = 23  # endpoint: a call came in; value: the status that it is going to get
    ABANDONED = 24  # synchronous service: took a call whose client had disconnected; value 1: dropped unstarted
    LOST = 25  # event-driven: acknowledged early, and its consumer crashed; or at the end: accepted, without an outcome, and not with rq any more
    REDELIVERED = (
        26  # event-driven: the lease or the consumer of delivery `index` has ended, and the job is queued again
    )
    UNUSED = 27  # event-driven: the work of delivery `index` changes nothing for the job; value 1: it gave a result
    DROPPED = 28  # event-driven: taken from its queue after the job had been settled, and not begun


ROW = np.dtype([("at_ns", "<i8"), ("job", "<i4"), ("what", "<i2"), ("index", "<i2"), ("value", "<f8")])
CANNOT_WRITE = 74
"""Exit code of a process that cannot write its journal; sysexits.h calls it EX_IOERR."""
LARGEST_INDEX = 2**15 - 1
_PACKED = struct.Struct("<qihhd")


class Journal(AbstractContextManager["Journal"]):
    """Appends to one file. Threads may share it. Times are now unless given."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._file)

    def write(self, what: EventType, job: int, index: int = 0, value: float = 0.0, at_ns: int | None = None) -> None:
        """Append a row. A process of the run whose row cannot be written, as on a full disk, exits: its caller might go on without the row.

        Raises:
            OSError: in the controller.
        """
        row = _PACKED.pack(time.monotonic_ns() if at_ns is None else at_ns, job, what, index, value)
        try:
            if os.write(self._file, row) < len(row):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            if multiprocessing.parent_process() is None:
                raise
            os._exit(CANNOT_WRITE)


class Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def more(self) -> NDArray[np.void]:
        """New rows of all journals (`ROW`), by their time; a row that is still being written is left for the next look."""
        added = [self._more_of(path) for path in sorted(self._folder.glob("*.journal"))]
        rows = np.concatenate([np.zeros(0, ROW), *added])
        return rows[np.argsort(rows["at_ns"], kind="stable")]

    def _more_of(self, path: Path) -> NDArray[np.void]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            added = file.read()
        whole = len(added) - len(added) % ROW.itemsize
        self._read[path] = self._read.get(path, 0) + whole
        return np.frombuffer(added[:whole], ROW)


def unfinished_calls(rows: NDArray[np.void]) -> int:
    what, value = rows["what"], rows["value"]
    dropped = (what == EventType.ABANDONED) & (value == 1.0)
    return int((what == EventType.ACCEPTED).sum() - (what == EventType.FREED).sum() - dropped.sum())


def unfinished_deliveries(rows: NDArray[np.void]) -> int:
    return int((rows["what"] == EventType.STARTED).sum() - (rows["what"] == EventType.FREED).sum())
