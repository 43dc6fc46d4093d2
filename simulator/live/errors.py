"""What keeps a live run from running."""


class CannotRun(Exception):
    """This machine does not let a live run run: why, in a sentence."""


class ProcessFailed(CannotRun):
    """A process of the run did not start, or ended when it should not have."""
