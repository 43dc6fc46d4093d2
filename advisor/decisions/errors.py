"""Refusals other than invalid input (`InvalidInput`)."""

from uuid import UUID


class StaleVersion(Exception):
    """The answers were saved by another request since they were shown. Nothing was saved."""

    def __init__(self, given: int, current: int) -> None:
        self.given = given
        self.current = current
        super().__init__(
            "These answers were changed elsewhere in the meantime. Reload to see the change; nothing was saved."
        )


class StaleStatus(Exception):
    """The status or its revision has changed since the page was shown. Nothing was saved."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} Nothing was recorded; look at the decision again first.")


class TooManyTasks(Exception):
    def __init__(self, cap: int, words: str, workspace_id: UUID | None = None) -> None:
        self.cap = cap
        self.workspace_id = workspace_id
        super().__init__(f"{cap:,} {words} already. Wait for some to finish, or cancel some.")


class UploadTooLarge(Exception):
    """The upload is over the limit (413). Reading stopped there; nothing was saved."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"The file is over the limit of {limit_bytes >> 20} MB.")
