"""What is recorded of a decision: the status of its revisions, and the recording of arrivals that it uses."""

import datetime
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.advice.answers import Answers
from advisor.reports.document.blocks import Paragraph, Section, table_block
from advisor.reports.wording import capitalised
from core.numbers import count, duration
from simulator.arrivals import TraceArrivals
from simulator.scenario import Scenario

STATUS_WORDS = {"draft": "is a draft", "proposed": "proposed", "accepted": "accepted", "superseded": "superseded"}
ADDRESS = "Address"
"""The label of the one row in the head of a report that is a link."""
NOT_RECORDED = "Not recorded (made from a file)"


@dataclass(frozen=True)
class Record:
    """Instants have a time zone."""

    revision: int
    latest: int
    """The number of the decision's latest revision."""
    status: str
    set_by: str | None
    """Who set the status; None if no status was set: then it is a draft."""
    set_at: datetime.datetime | None
    standing: str
    """The status of the whole decision: "Revision 1 accepted; revision 2 is a draft"."""
    saved_at: datetime.datetime
    is_open: bool
    """Whether its answers may still change."""
    workspace: str
    workspace_address: str
    address: str
    owner: str = ""

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        several = f"{self.revision} of {self.latest}. {self.standing}." if self.latest > 1 else f"{self.revision}"
        return (
            ("Status", self._status_words()),
            *((("Owner", self.owner),) if self.owner else ()),
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
    return capitalised("; ".join(parts) + (" with the same answers" if same_answers else ""))


def instant(moment: datetime.datetime) -> str:
    """ISO 8601 in UTC, to the second: 2026-11-28T09:00:04Z."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


LONGEST_STEM = 60
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
"""Names that Windows keeps for devices."""
DELETED = "a recording that has since been deleted"
NOT_KEPT = "not kept"


@dataclass(frozen=True)
class Recording:
    name: str
    requests: int
    size_bytes: int
    sha256: str
    first: str
    """First instant by the file's clock; empty if it was not kept."""
    last: str
    span_s: float

    @property
    def file(self) -> str:
        """File name for commands and bundles: ASCII letters, digits, dots, dashes and underscores."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode("ascii")
        stem = re.sub(r"\.csv$", "", re.sub(r"[^A-Za-z0-9._-]+", "-", plain), flags=re.IGNORECASE)
        stem = stem.strip("-.")[:LONGEST_STEM].strip("-.") or "recording"
        return f"{f'recording-{stem}' if RESERVED.fullmatch(stem.partition('.')[0]) else stem}.csv"

    @property
    def words(self) -> str:
        return f"{self.name}: {count(self.requests, 'request')} in {duration(self.span_s)}"


def recording_section(recording: Recording) -> Section:
    rows = [
        ("File", recording.name),
        ("Requests", count(recording.requests)),
        ("Size", count(recording.size_bytes, "byte")),
        ("SHA-256", recording.sha256),
        ("First request", recording.first or NOT_KEPT),
        ("Last request", recording.last or NOT_KEPT),
        ("Duration", duration(recording.span_s)),
    ]
    return Section(
        "recording", "Recording", (table_block(("Fact", "Value"), rows, "The recorded arrivals", figures_from=2),)
    )


def deleted_section() -> Section:
    words = f"The arrivals come from {DELETED}. The answers keep the rate and the peaks that were read from it."
    return Section("recording", "Recording", (Paragraph(words),))


def answers_on_file(answers: Answers, recording: Recording | None) -> Answers:
    """Name the recording by its file, as the command line takes it; none if it was deleted."""
    if answers.volume.trace is None:
        return answers
    file = recording.file if recording else None
    sources = {
        path: source.model_copy(update={"recording": file}) if source.recording == answers.volume.trace else source
        for path, source in answers.sources.items()
    }
    volume = answers.volume.model_copy(update={"trace": file})
    return answers.model_copy(update={"volume": volume, "sources": sources})


def scenario_on_file(scenario: Scenario, recording: Recording | None) -> Scenario:
    if not isinstance(scenario.arrivals, TraceArrivals) or recording is None:
        return scenario
    arrivals = scenario.arrivals.model_copy(update={"path": recording.file, "trace": None})
    return scenario.model_copy(update={"arrivals": arrivals})
