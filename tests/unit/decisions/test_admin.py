"""The admin looks and doesn't touch, and each look is on record."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Run
from advisor.teams.models import User, Workspace
from tests.rows import a_run


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return a_run(workspace)


def url(view: str, run: Run) -> str:
    """Where the admin shows the run."""
    return reverse(f"admin:decisions_run_{view}", args=[run.pk] if view != "changelist" else [])


def test_a_superuser_sees_a_run_and_that_is_logged(client: Client, run: Run, user: User) -> None:
    assert client.get(url("changelist", run)).status_code == 200
    assert not LogEntry.objects.exists()
    assert client.get(url("change", run)).status_code == 200
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (user, str(run.pk), "Viewed.")


def test_nobody_changes_or_deletes_one_there(client: Client, run: Run) -> None:
    assert client.post(url("change", run), {"state": "failed"}).status_code == 403
    assert client.post(url("delete", run), {"post": "yes"}).status_code == 403
    assert Run.objects.get().state == "queued"


def test_a_member_does_not_get_in(client: Client, run: Run, alice: User) -> None:
    client.force_login(alice)
    assert client.get(url("change", run)).status_code == 302
