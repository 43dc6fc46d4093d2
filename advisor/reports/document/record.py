"""What is on record about a decision: the status of its revisions, who set it and when, and where it is kept."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

STATUS_WORDS = {"draft": "is a draft", "proposed": "proposed", "accepted": "accepted", "superseded": "superseded"}
ADDRESS = "Address"
"""The label of the one row in the head of a report that is a link."""
NOT_RECORDED = "Not recorded (made from a file)"


@dataclass(frozen=True)
class Record:
    """What is known of a revision when its report is made. Instants have a time zone."""

    revision: int
    latest: int
    """The number of the decision's latest revision."""
    status: str
    set_by: str | None
    """Who set the status; None if nobody has set one: then it is a draft."""
    set_at: datetime.datetime | None
    standing: str
    """The status of the whole decision: "Revision 1 accepted; revision 2 is a draft"."""
    saved_at: datetime.datetime
    is_open: bool
    """Whether its answers may still change."""
    workspace: str
    workspace_address: str
    address: str

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """Label and words, for the head of a report."""
        several = f"{self.revision} of {self.latest}. {self.standing}." if self.latest > 1 else f"{self.revision}"
        return (
            ("Status", self._status_words()),
            ("Revision", several),
            ("Workspace", f"{self.workspace} ({self.workspace_address})"),
            (ADDRESS, self.address),
        )

    def _status_words(self) -> str:
        words = self.status.capitalize()
        if self.set_by is not None and self.set_at is not None:
            words += f", set by {self.set_by} on {instant(self.set_at)}"
        return f"{words}, as of {instant(self.saved_at)}; the answers may still change" if self.is_open else words


def standing_words(statuses: Sequence[tuple[int, str]], *, same_answers: bool = False) -> str:
    """The status of a decision from those of its revisions, by number, the latest last.

    `same_answers`: the latest is a draft with the answers of the revision before it in the list.
    """
    parts = [f"revision {number} {STATUS_WORDS[status]}" for number, status in statuses]
    words = "; ".join(parts) + (" with the same answers" if same_answers else "")
    return words[:1].upper() + words[1:]


def instant(moment: datetime.datetime) -> str:
    """ISO 8601 in UTC, to the second: 2026-11-28T09:00:04Z."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
