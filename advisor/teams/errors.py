"""What the use cases of teams refuse, beside input that is wrong in itself (`InvalidInput`)."""


class InvitationGone(Exception):
    """It was used, revoked or has expired, or never was: to whoever holds the link that is all the same."""


class ResetGone(Exception):
    """A link to set a password was used, revoked or has expired, or never was: whoever holds it learns no more."""


class TooManyAttempts(Exception):
    """An address has tried too many wrong links; `wait_s` says how long it waits."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class LinkUsed(Exception):
    """The link that makes the first administrator was used, or never was one."""
