"""Refusals other than invalid input (`InvalidInput`)."""


class LinkGone(Exception):
    """A link was used, revoked, has expired, or never existed: its holder learns no more than that."""


class TooManyAttempts(Exception):
    """An address has tried too many wrong links; it has to wait for `wait_s`."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s
