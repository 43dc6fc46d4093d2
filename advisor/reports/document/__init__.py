"""A Document: a decision report before it becomes a file of some format."""

import datetime
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.evidence import longer_evidence
from advisor.advice.evidence_sentences import changed_conclusions
from advisor.reports import wording
from advisor.reports.charts.model import Chart
from advisor.reports.document import advice
from advisor.reports.document.answers import assumptions
from advisor.reports.document.blocks import Drawing, Section
from advisor.reports.document.decision import DecisionSummary, decision_of, decision_section
from advisor.reports.document.method import APPENDICES, appendices, method
from advisor.reports.document.options import (
    Arguments,
    Option,
    alternatives_section,
    consequences_of,
    consequences_section,
    options_of,
)
from advisor.reports.document.record import (
    DELETED,
    NOT_RECORDED,
    Record,
    Recording,
    answers_on_file,
    deleted_section,
    recording_section,
    scenario_on_file,
)
from advisor.reports.document.simulation import simulation
from simulator.result import Result
from simulator.scenario import Scenario

LONGEST_NAME = 60


@dataclass(frozen=True, eq=False)
class Document:
    title: str
    verdict: str
    date: datetime.date
    sections: tuple[Section, ...]
    """The decision first, the appendices last."""
    decision: DecisionSummary
    options: tuple[Option, ...]
    consequences: Arguments
    answers: Answers
    recommendation: Recommendation
    scenario: Scenario | None
    result: Result | None
    versions: Mapping[str, str]
    record: Record | None = None
    """None for a report made from a file."""
    recording: Recording | None = None

    @property
    def summary(self) -> tuple[tuple[str, str], ...]:
        rows = list(self.record.rows if self.record else (("Status", NOT_RECORDED),))
        rows.append(("Date", f"{self.date.isoformat()} (UTC)"))
        return tuple(rows)

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Those that have something to draw."""
        drawings = (block.chart for part in self.sections for block in part.blocks if isinstance(block, Drawing))
        return tuple(chart for chart in drawings if chart.drawn)

    def without_appendices(self) -> "Document":
        return replace(self, sections=tuple(part for part in self.sections if part.id not in APPENDICES))


def build(
    answers: Answers,
    recommendation: Recommendation,
    *,
    date: datetime.date,
    versions: Mapping[str, str],
    scenario: Scenario | None = None,
    result: Result | None = None,
    record: Record | None = None,
    recording: Recording | None = None,
) -> Document:
    """`recording` is the one that the answers name by an id or a path.

    The report names it by its file, so that the commands in it work.
    """
    has_lost_recording = answers.volume.trace is not None and recording is None
    answers = answers_on_file(answers, recording)
    scenario = scenario and scenario_on_file(scenario, recording)
    longer = longer_evidence(result, scenario) if result is not None and scenario is not None else None
    short, longest = recommendation.evidence, longer or recommendation.evidence
    change = changed_conclusions(short, longer) if short and longer else ""
    decision = decision_of(
        answers,
        recommendation,
        status=record.status if record else None,
        scenario=scenario,
        result=result,
        recording=recording,
        change=change,
    )
    options, consequences = options_of(recommendation, longest), consequences_of(recommendation, longest)
    evidence = advice.evidence_section(recommendation, change)
    every = (
        decision_section(decision),
        alternatives_section(options, recommendation),
        consequences_section(consequences),
        advice.plan_section(recommendation),
        advice.risks_section(recommendation, decision.further),
        Section("evidence", "Evidence", (*(evidence.blocks if evidence else ()), advice.forces_table(recommendation))),
        None if result is None or scenario is None else simulation(result, scenario),
        recording_section(recording) if recording else deleted_section() if has_lost_recording else None,
        assumptions(answers, recommendation, DELETED if has_lost_recording else recording.words if recording else None),
        method(scenario, result, versions, recording),
        *appendices(answers, scenario if result is not None else None),
    )
    return Document(
        title=answers.name,
        verdict=wording.recommendation_sentence(recommendation),
        date=date,
        sections=tuple(section for section in every if section is not None),
        decision=decision,
        options=options,
        consequences=consequences,
        answers=answers,
        recommendation=recommendation,
        scenario=scenario,
        result=result,
        versions=MappingProxyType(dict(versions)),
        record=record,
        recording=recording,
    )


def file_name(document: Document, extension: str) -> str:
    """Plain ASCII letters, digits and dashes, whatever the title holds."""
    plain = unicodedata.normalize("NFKD", document.title).encode("ascii", "ignore").decode("ascii").lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME].rstrip("-")
    return f"{slug or 'decision'}.{extension}"
