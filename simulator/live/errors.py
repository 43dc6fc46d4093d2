"""What keeps a live run from running."""

from simulator.result import SoFar


class CannotRun(Exception):
    """This machine does not let a live run run: why, in a sentence."""


class RunBroken(CannotRun):
    """A run failed after it had measured something."""

    def __init__(self, so_far: SoFar) -> None:
        super().__init__(so_far.failed)
        self.so_far = so_far


class ProcessFailed(CannotRun):
    """A process of the run did not start, or ended when it should not have."""
