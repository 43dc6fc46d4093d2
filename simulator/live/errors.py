"""What keeps a live run from running."""


class CannotRun(Exception):
    """This machine does not let a live run run: why, in a sentence."""
