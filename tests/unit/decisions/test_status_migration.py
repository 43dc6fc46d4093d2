"""The status of a decision that was stored before it was that of a revision."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from advisor.decisions.models import Decision, Revision
from advisor.decisions.services.decisions import summarize_status

BEFORE, AFTER = ("decisions", "0009_recording_as_uploaded"), ("decisions", "0012_one_accepted_revision")
NOW = timezone.now()
History = list[tuple[int, str]]
"""Statuses that were set, in order, each with the number of the revision that was the latest then."""


def migrate(target: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return executor.loader.project_state([target]).apps


def store(apps: Apps, title: str, history: History, revisions: int, frozen: tuple[int, ...], status: str) -> Any:
    rows = {name: apps.get_model("decisions", name) for name in ("Decision", "Revision", "StatusChange")}
    workspace = apps.get_model("teams", "Workspace").objects.create(name=title)
    decision = rows["Decision"].objects.create(workspace=workspace, title=title, status=status)
    made = {
        number: rows["Revision"].objects.create(
            decision=decision, number=number, answers_json="{}", recommendation_json="{}",
            frozen_at=NOW if number in frozen else None,
        )
        for number in range(1, revisions + 1)
    }  # fmt: skip
    before = "draft"
    for place, (number, after) in enumerate(history):
        change = rows["StatusChange"].objects.create(
            decision=decision, revision=made[number], before=before, after=after
        )
        rows["StatusChange"].objects.filter(pk=change.pk).update(changed_at=NOW + timedelta(minutes=place))
        before = after
    return decision.pk


CASES: dict[str, tuple[History, int, tuple[int, ...], str, list[str]]] = {
    "never set": ([], 2, (1,), "draft", ["draft", "draft"]),
    "accepted, then changed": ([(1, "accepted")], 2, (1,), "accepted", ["accepted", "draft"]),
    "accepted, changed twice": ([(1, "proposed"), (1, "accepted")], 3, (1, 2), "accepted", ["accepted", "draft", "draft"]),
    "proposed, never frozen": ([(1, "proposed")], 1, (), "proposed", ["proposed"]),
    "accepted, then another": ([(1, "accepted"), (2, "draft"), (2, "accepted")], 2, (1, 2), "accepted", ["superseded", "accepted"]),
    "withdrawn later": ([(1, "accepted"), (2, "draft")], 2, (1,), "draft", ["superseded", "draft"]),
    "accepted before changes were recorded": ([], 3, (1, 2), "accepted", ["draft", "accepted", "draft"]),
    "accepted with nothing frozen": ([], 2, (), "accepted", ["draft", "accepted"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_status_goes_to_the_revision_that_it_was_set_on() -> None:
    try:
        apps = migrate(BEFORE)
        stored = {
            name: store(apps, name, history, revisions, frozen, status)
            for name, (history, revisions, frozen, status, _) in CASES.items()
        }
    finally:
        migrate(AFTER)
        MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("decisions"))
    statuses = {
        name: list(Revision.objects.filter(decision=pk).order_by("number").values_list("status", flat=True))
        for name, pk in stored.items()
    }
    assert statuses == {name: expected for name, (*_, expected) in CASES.items()}
    assert not Revision.objects.exclude(status="draft").filter(frozen_at=None).exists()
    changed = summarize_status(Decision.objects.get(title="accepted, then changed"))
    assert [(one.number, one.status) for one in changed.revisions] == [(1, "accepted"), (2, "draft")]
    first = Revision.objects.get(decision=stored["accepted, then another"], number=1)
    last = first.status_changes.last()
    assert last is not None and (last.after, last.changed_at) == ("superseded", NOW + timedelta(minutes=1))
