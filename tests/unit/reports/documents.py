"""Documents to render: one with everything in it, and one whose words try to break out."""

import datetime
import json
from dataclasses import replace
from typing import Any

from advisor.advice.answers import answers_from
from advisor.advice.contract import Recommendation
from advisor.reports.document import Document, build
from advisor.reports.document.record import Record, Recording
from simulator.arrivals import TraceArrivals
from simulator.result import Result
from tests.unit.reports import results

DATE = datetime.date(2026, 11, 24)
VERSIONS = {"rules": "2026.11.1", "hops": "2026-11-24"}


SAVED = datetime.datetime(2026, 11, 24, 9, 0, 4, tzinfo=datetime.UTC)
RECORD = Record(
    revision=1,
    latest=2,
    status="accepted",
    set_by="Ada Lovelace",
    set_at=datetime.datetime(2026, 11, 25, 1, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    standing="Revision 1 accepted; revision 2 is a draft",
    saved_at=SAVED,
    is_open=False,
    workspace="Payments",
    workspace_address="https://crossover.example/workspaces/w",
    address="https://crossover.example/decisions/d/revisions/1",
    owner="Grace Hopper",
)
RECORDING = Recording(
    name="bursty hour.csv",
    requests=4_695,
    size_bytes=180_123,
    sha256="ab" * 32,
    first="2026-11-02T09:00:04.341688Z",
    last="2026-11-02T09:59:54Z",
    span_s=3590.0,
)
TRACE_ID = "4529304e-70e3-4e15-b31a-b8d0daa0430b"


def document(result: Result | None = None, **given: Any) -> Document:
    """The report on invoice extraction, accepted, simulated unless `result` says otherwise."""
    answers = answers_from({"template": "document_extraction", "name": "Invoice extraction"} | given)
    return build(
        answers,
        results.recommendation(),
        date=DATE,
        versions=VERSIONS,
        scenario=results.scenario(),
        result=result or results.result(),
        record=RECORD,
    )


def recorded() -> Document:
    """A report whose arrivals are a recording, as a page knows it: by its id."""
    arrivals = TraceArrivals(process="trace", trace=TRACE_ID)
    return build(
        answers_from({"name": "Invoice extraction", "volume": {"trace": TRACE_ID}}),
        results.recommendation(),
        date=DATE,
        versions=VERSIONS,
        scenario=results.scenario().model_copy(update={"arrivals": arrivals, "jobs": None}),
        result=results.result(),
        record=RECORD,
        recording=RECORDING,
    )


def spoken_by(words: str) -> Document:
    """A report in which every text that may come from outside is `words`."""
    advice = results.recommendation().model_dump(mode="json", by_alias=True)
    for reason in advice["reasons"]:
        reason |= {"evidence": words, "source": words}
    advice["delivery"] |= {"why": words, "parameters": {"note": words}, "why_not": {"polling": words}}
    advice["queues"][0]["name"] = advice["monitors"][0]["text"] = advice["warnings"][0]["text"] = words
    advice["infeasible"] = {"synchronous": [words]}
    result = results.result().model_dump(by_alias=True) | {"inequalities": [words]}
    return build(
        answers_from({"name": words, "synchronous": {"hops": [{"name": words[:60], "limit_s": 9, "kind": "total"}]}}),
        Recommendation.model_validate_json(json.dumps(advice)),
        date=DATE,
        versions={"rules": words},
        scenario=results.scenario(),
        result=Result.parse(result),
        record=replace(RECORD, set_by=words, workspace=words, standing=words),
        recording=replace(RECORDING, name=words),
    )


def advice_alone(**given: Any) -> Document:
    answers = answers_from({"template": "document_extraction", "name": "Invoice extraction"} | given)
    return build(answers, results.recommendation(), date=DATE, versions=VERSIONS)
