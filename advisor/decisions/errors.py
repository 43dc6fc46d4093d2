"""What a use case refuses, beside input that is wrong in itself (`InvalidInput`)."""


class StaleVersion(Exception):
    """Somebody saved in between: the answers on screen are not the ones that would be overwritten. Nothing was saved."""

    def __init__(self, given: int, current: int) -> None:
        self.given = given
        self.current = current
        super().__init__(
            "These answers were changed elsewhere in the meantime. Reload to see the change; nothing was saved."
        )


class StaleStatus(Exception):
    """A status was to be set on something else than the page showed. Nothing was recorded."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} Nothing was recorded; look at the decision again first.")


class TooManyRuns(Exception):
    """The workspace has as many queued runs as it may have (429)."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        super().__init__(f"{cap:,} simulations are queued already. Wait for some to finish, or cancel some.")


class UploadTooLarge(Exception):
    """The upload is over the limit (413). It was read no further than that, and nothing was saved."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"The file is over the limit of {limit_bytes >> 20} MB.")


class TooManySweeps(Exception):
    """The workspace has as many sweeps under way as it may have (429)."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        super().__init__(f"{cap:,} maps are being drawn already. Wait for some to finish, or cancel some.")
