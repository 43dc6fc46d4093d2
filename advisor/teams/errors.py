"""What the use cases of teams refuse, beside input that is wrong in itself (`InvalidInput`)."""


class InvitationGone(Exception):
    """It was used, revoked or has expired, or never was: to whoever holds the link that is all the same."""
