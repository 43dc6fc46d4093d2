import json
from dataclasses import asdict
from typing import Any

from advisor.advice.yaml_json import REPORT_SCHEMA
from advisor.reports.document import Document
from advisor.reports.document.record import NOT_RECORDED, instant


def render_json(document: Document) -> bytes:
    report = {
        "schema": REPORT_SCHEMA,
        "title": document.title,
        "verdict": document.verdict,
        "date": document.date.isoformat(),
        **_recorded(document),
        "recording": document.recording and asdict(document.recording),
        "versions": dict(document.versions),
        "answers": document.answers.model_dump(mode="json", by_alias=True),
        "recommendation": document.recommendation.model_dump(mode="json", by_alias=True),
        "scenario": document.scenario and document.scenario.model_dump(mode="json", by_alias=True),
        "result": document.result and document.result.model_dump(mode="json", by_alias=True),
    }
    return (json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _recorded(document: Document) -> dict[str, Any]:
    """All values are null for a report that was made from a file."""
    record = document.record
    if record is None:
        status = dict.fromkeys(("status", "revision", "set_by", "set_at", "saved_at", "is_open"))
        return {
            "status": status | {"words": NOT_RECORDED},
            "owner": None,
            "workspace": None,
            "workspace_address": None,
            "address": None,
        }
    status = {
        "status": record.status,
        "revision": record.revision,
        "set_by": record.set_by,
        "set_at": record.set_at and instant(record.set_at),
        "saved_at": instant(record.saved_at),
        "is_open": record.is_open,
        "words": record.standing,
    }
    return {
        "status": status,
        "owner": record.owner,
        "workspace": record.workspace,
        "workspace_address": record.workspace_address,
        "address": record.address,
    }
