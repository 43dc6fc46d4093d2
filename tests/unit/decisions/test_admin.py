"""The admin is read-only, and each look is logged."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisor.decisions.models import Decision, Run
from advisor.teams.models import User, Workspace
from tests.rows import a_run, a_sweep


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return a_run(workspace)


def url(view: str, run: Run) -> str:
    return reverse(f"admin:decisions_run_{view}", args=[run.pk] if view != "changelist" else [])


def test_a_superuser_sees_a_run_and_that_is_logged(client: Client, run: Run, user: User) -> None:
    assert client.get(url("changelist", run)).status_code == 200
    assert not LogEntry.objects.exists()
    assert client.get(url("change", run)).status_code == 200
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (user, str(run.pk), "Viewed.")


def test_no_one_changes_or_deletes_one_there(client: Client, run: Run) -> None:
    assert client.post(url("change", run), {"state": "failed"}).status_code == 403
    assert client.post(url("delete", run), {"post": "yes"}).status_code == 403
    assert Run.objects.get().state == "queued"


@pytest.mark.parametrize("rows", ["sweep", "sweeppart"])
def test_a_superuser_reads_maps_and_their_parts_but_cannot_change_them(
    client: Client, decision: Decision, rows: str
) -> None:
    sweep = a_sweep(decision.latest())
    pk = sweep.pk if rows == "sweep" else sweep.parts.first().pk  # type: ignore[union-attr]
    change = reverse(f"admin:decisions_{rows}_change", args=[pk])
    assert str(pk) in client.get(reverse(f"admin:decisions_{rows}_changelist")).content.decode()
    assert client.get(change).status_code == 200
    assert LogEntry.objects.get().object_id == str(pk)
    assert client.post(change, {"state": "failed"}).status_code == 403
    assert client.post(reverse(f"admin:decisions_{rows}_delete", args=[pk]), {"post": "yes"}).status_code == 403


def test_a_list_of_parts_does_not_load_their_cells(client: Client, decision: Decision) -> None:
    sweep = a_sweep(decision.latest())
    with CaptureQueriesContext(connection) as asked:
        client.get(reverse("admin:decisions_sweeppart_changelist"))
        client.get(reverse("admin:decisions_sweep_change", args=[sweep.pk]))
    assert not any("cells_json" in query["sql"] for query in asked)


def test_the_admin_has_the_words_of_the_pages(client: Client, user: User) -> None:
    page = client.get(reverse("admin:index")).content.decode()
    assert "Recordings" in page and "Crossover maps and searches" in page
    assert "Traces" not in page and "Sweep" not in page


def test_a_member_does_not_get_in(client: Client, run: Run, alice: User) -> None:
    client.force_login(alice)
    assert client.get(url("change", run)).status_code == 302
