"""States that the database itself refuses."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError
from django.utils import timezone

from advisor.decisions.models import Revision, Run, State, Trace
from advisor.teams.models import Workspace
from tests.rows import a_run

NOW = timezone.now()
RUNNING = {"state": State.RUNNING, "attempt": 1, "lease_until": NOW, "started_at": NOW}
SUCCEEDED = {"state": State.SUCCEEDED, "result_json": "{}", "finished_at": NOW}
FAILED = {"state": State.FAILED, "error_code": "x", "error_text": "y", "finished_at": NOW}
LEGAL = [
    {},
    {"attempt": 1, "lost_leases": 1},
    RUNNING,
    SUCCEEDED,
    FAILED,
    FAILED | {"state": State.TIMED_OUT},
    {"state": State.CANCELLED, "finished_at": NOW, "progress_fraction": 0.3},
]
ILLEGAL = [
    {"state": "paused"},
    {"engine": "steam"},
    {"result_json": "{}"},
    {"finished_at": NOW},
    {"lease_until": NOW},
    {"error_code": "x", "error_text": "y"},
    {"progress_fraction": 1.1},
    {"progress_fraction": -0.1},
    RUNNING | {"lease_until": None},
    RUNNING | {"started_at": None},
    RUNNING | {"attempt": 0},
    RUNNING | {"result_json": "{}"},
    RUNNING | {"finished_at": NOW},
    SUCCEEDED | {"result_json": None},
    SUCCEEDED | {"finished_at": None},
    SUCCEEDED | {"lease_until": NOW},
    SUCCEEDED | {"error_code": "x", "error_text": "y"},
    FAILED | {"error_code": ""},
    FAILED | {"error_text": ""},
    FAILED | {"finished_at": None},
    FAILED | {"result_json": "{}"},
    {"state": State.CANCELLED},
    {"state": State.CANCELLED, "finished_at": NOW, "result_json": "{}"},
]


@pytest.mark.parametrize("fields", LEGAL)
def test_a_legal_state_is_stored(workspace: Workspace, fields: dict[str, Any]) -> None:
    assert a_run(workspace, **fields).pk


@pytest.mark.parametrize("fields", ILLEGAL)
def test_an_illegal_state_is_refused(workspace: Workspace, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        a_run(workspace, **fields)


def test_a_key_is_used_once_in_a_workspace_and_again_in_another(workspace: Workspace) -> None:
    a_run(workspace, idempotency_key="k")
    a_run(Workspace.objects.create(name="Another"), idempotency_key="k")
    with pytest.raises(IntegrityError), transaction.atomic():
        a_run(workspace, idempotency_key="k")


def test_revision_numbers_are_unique_within_a_decision(workspace: Workspace) -> None:
    revision = a_run(workspace).revision
    with pytest.raises(IntegrityError), transaction.atomic():
        Revision.objects.create(decision=revision.decision, number=1, answers_json="{}", recommendation_json="{}")


def test_a_trace_stays_while_a_run_refers_to_it_and_goes_with_its_workspace(workspace: Workspace) -> None:
    trace = Trace.objects.create(workspace=workspace, name="t", sha256="0" * 64, size_bytes=1, requests=1, span_s=0)
    a_run(workspace, trace=trace)
    with pytest.raises(RestrictedError):
        trace.delete()
    workspace.delete()
    assert not Trace.objects.exists()
    assert not Run.objects.exists()
