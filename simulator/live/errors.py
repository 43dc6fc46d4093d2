"""Why a live run cannot start or go on."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import CannotRun
from simulator.result import SoFar

FILE_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE}
)


@contextmanager
def file_errors_explained() -> Iterator[None]:
    """Raises CannotRun for a file or a folder that cannot be written, or opened, within."""
    try:
        yield
    except OSError as error:
        if error.errno not in FILE_ERRORS:
            raise
        which = f"{error.filename}" if error.filename else "a file of the run"
        raise CannotRun(f"{which} cannot be used: {error.strerror}.") from error


class RunBroken(CannotRun):
    def __init__(self, so_far: SoFar) -> None:
        super().__init__(so_far.failed)
        self.so_far = so_far


class ProcessFailed(CannotRun):
    pass
