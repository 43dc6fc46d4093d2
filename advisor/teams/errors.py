"""What the use cases of teams refuse, beside input that is wrong in itself (`InvalidInput`)."""


class LinkGone(Exception):
    """A link was used, revoked or has expired, or never was one: its holder learns no more than that."""


class TooManyAttempts(Exception):
    """An address has tried too many wrong links; `wait_s` says how long it waits."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s
