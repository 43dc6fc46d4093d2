"""JSON: the values themselves, for programs."""

import json

from advisor.reports.document import Document


def render(document: Document) -> bytes:
    """One object: what was asked, what was advised, what was run and what was found."""
    report = {
        "schema": "crossover/report@1",
        "title": document.title,
        "verdict": document.verdict,
        "date": document.date.isoformat(),
        "versions": dict(document.versions),
        "answers": document.answers.model_dump(mode="json", by_alias=True),
        "recommendation": document.recommendation.model_dump(mode="json", by_alias=True),
        "scenario": document.scenario and document.scenario.model_dump(mode="json", by_alias=True),
        "result": document.result and document.result.model_dump(mode="json", by_alias=True),
    }
    return (json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
