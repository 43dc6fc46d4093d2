"""The recording of arrivals that a report rests on, by its file: its id means nothing outside the site."""

import re
import unicodedata
from dataclasses import dataclass

from advisor.advice.answers import Answers
from advisor.reports.document.blocks import Paragraph, Section, grid
from core.numbers import count, duration
from simulator.scenario import Scenario, TraceArrivals

LONGEST_STEM = 60
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
"""Names that Windows keeps for devices."""
DELETED = "a recording that has since been deleted"
NOT_KEPT = "not kept"


@dataclass(frozen=True)
class Recording:
    """A CSV of arrivals: how it is called, what it holds, and what proves that it is the same file."""

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
        """The name of the file in commands and bundles: ASCII letters, digits, dots, dashes and underscores."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode("ascii")
        stem = re.sub(r"\.csv$", "", re.sub(r"[^A-Za-z0-9._-]+", "-", plain), flags=re.IGNORECASE)
        stem = stem.strip("-.")[:LONGEST_STEM].strip("-.") or "recording"
        return f"{f'recording-{stem}' if RESERVED.fullmatch(stem.partition('.')[0]) else stem}.csv"

    @property
    def words(self) -> str:
        """In a line."""
        return f"{self.name}: {count(self.requests, 'request')} in {duration(self.span_s)}"


def recording_section(recording: Recording) -> Section:
    """What is known of it."""
    rows = [
        ("File", recording.name),
        ("Requests", count(recording.requests)),
        ("Size", count(recording.size_bytes, "byte")),
        ("SHA-256", recording.sha256),
        ("First request", recording.first or NOT_KEPT),
        ("Last request", recording.last or NOT_KEPT),
        ("Duration", duration(recording.span_s)),
    ]
    return Section("recording", "Recording", (grid(("Fact", "Value"), rows, "The recorded arrivals", figures_from=2),))


def deleted_section() -> Section:
    """What is left of a recording that was deleted."""
    words = f"The arrivals come from {DELETED}. The answers keep the rate and the peaks that were read from it."
    return Section("recording", "Recording", (Paragraph(words),))


def answers_on_file(answers: Answers, recording: Recording | None) -> Answers:
    """The answers with the recording by its file name, as the command line takes it; without one if there is none any more."""
    if answers.volume.trace is None:
        return answers
    volume = answers.volume.model_copy(update={"trace": recording.file if recording else None})
    return answers.model_copy(update={"volume": volume})


def scenario_on_file(scenario: Scenario, recording: Recording | None) -> Scenario:
    """The scenario with the recording by its file name."""
    if not isinstance(scenario.arrivals, TraceArrivals) or recording is None:
        return scenario
    arrivals = TraceArrivals(process="trace", path=recording.file, speed=scenario.arrivals.speed)
    return scenario.model_copy(update={"arrivals": arrivals})
