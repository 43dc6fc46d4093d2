"""Documents to render: one with everything in it, and one whose words try to break out."""

import datetime
import json
from typing import Any

from advisor.advice.answers import answers_from
from advisor.advice.contract import Recommendation
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


def spoken_by(words: str) -> Document:
    """A report in which every text that may come from outside is `words`."""
    said = results.recommendation().model_dump(mode="json", by_alias=True)
    for reason in said["reasons"]:
        reason |= {"evidence": words, "source": words}
    said["delivery"] |= {"why": words, "parameters": {"note": words}, "why_not": {"polling": words}}
    said["queues"][0]["name"] = said["monitors"][0]["text"] = said["warnings"][0]["text"] = words
    said["infeasible"] = {"synchronous": [words]}
    found = results.result().model_dump(by_alias=True) | {"inequalities": [words]}
    return build(
        answers_from({"name": words, "synchronous": {"hops": [{"name": words[:60], "limit_s": 9, "kind": "total"}]}}),
        Recommendation.model_validate_json(json.dumps(said)),
        date=DATE,
        versions={"rules": words},
        scenario=results.scenario(),
        result=Result.parse(found),
    )


def advice_alone(**given: Any) -> Document:
    """Without a simulation."""
    answers = answers_from({"template": "document_extraction", "name": "Invoice extraction"} | given)
    return build(answers, results.recommendation(), date=DATE, versions=VERSIONS)
