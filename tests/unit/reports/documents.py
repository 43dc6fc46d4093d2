"""Documents to render: one with everything in it, and one whose words try to break out."""

import datetime
from typing import Any

from advisor.advice.answers import answers_from
from advisor.reports.document import Document, build
from simulator.result import Result
from tests.unit.reports import results

DATE = datetime.date(2026, 11, 24)
VERSIONS = {"rules": "2026.11.1", "hops": "2026-11-24"}


def document(result: Result | None = None, **given: Any) -> Document:
    """The report on invoice extraction, simulated unless `result` says otherwise."""
    answers = answers_from({"template": "document_extraction", "name": "Invoice extraction"} | given)
    return build(
        answers,
        results.recommendation(),
        date=DATE,
        versions=VERSIONS,
        scenario=results.scenario(),
        result=result or results.result(),
    )


def advice_alone(**given: Any) -> Document:
    """Without a simulation."""
    answers = answers_from({"template": "document_extraction", "name": "Invoice extraction"} | given)
    return build(answers, results.recommendation(), date=DATE, versions=VERSIONS)
