"""A backup restores every row as it was, into an empty site or in place of another, and refuses what does not fit."""

import json
import zipfile
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Decision, Run, State, SweepPart, TraceData
from advisor.server.backups import stored_models
from advisor.teams.models import User, Workspace
from tests.conftest import local_client
from tests.rows import a_run, a_sweep, upload_trace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(decision: Decision, user: User, workspace: Workspace, alice: User) -> Decision:
    """A site with a decision, a recording, a run, a map and an account."""
    upload_trace(workspace, user, "a.csv", [b"time_s\n0\n1\n2.25\n"])
    a_sweep(decision.latest())
    a_run(workspace, worker="a:1")
    Client().force_login(alice)
    return decision


def all_rows() -> dict[str, list[tuple[object, ...]]]:
    rows = {model._meta.label: list(model._base_manager.order_by("pk").values_list()) for model in stored_models()}
    return {
        label: [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in of]
        for label, of in rows.items()
    }


def restore(place: Path, *options: str) -> None:
    call_command("restore", str(place), *options, verbosity=0)


def test_every_row_is_restored_as_it_was(filled: Decision, tmp_path: Path, no_broker: None) -> None:
    before, place = all_rows(), tmp_path / "site.zip"
    call_command("backup", str(place))
    assert place.stat().st_mode & 0o777 == 0o600
    call_command("flush", interactive=False, verbosity=0)
    assert not Decision.objects.exists()
    restore(place)
    assert all_rows() == before
    assert sum(map(len, before.values())) > 20
    page = local_client().get(reverse("decision", args=[filled.pk]))
    assert page.status_code == 200
    assert bytes(TraceData.objects.get().npz)[:2] == b"PK"
    connection.check_constraints()


def test_new_rows_get_new_ids_after_a_restore(filled: Decision, tmp_path: Path, no_broker: None) -> None:
    place = tmp_path / "site.zip"
    call_command("backup", str(place))
    restore(place, "--replace")
    highest = max(User.objects.values_list("pk", flat=True))
    assert User.objects.create_user("new").pk > highest


def test_sign_ins_are_in_no_backup(filled: Decision, tmp_path: Path, no_broker: None) -> None:
    place = tmp_path / "site.zip"
    assert Session.objects.exists()
    call_command("backup", str(place))
    key = Session.objects.get().session_key
    with zipfile.ZipFile(place) as archive:
        assert not any(key.encode() in archive.read(name) for name in archive.namelist())
    restore(place, "--replace")
    assert not Session.objects.exists()


def test_a_site_that_holds_something_is_replaced_only_on_request(
    filled: Decision, tmp_path: Path, no_broker: None
) -> None:
    place = tmp_path / "site.zip"
    call_command("backup", str(place))
    Decision.objects.filter(pk=filled.pk).update(title="Changed since")
    with pytest.raises(
        CommandError, match="not empty: it has 2 accounts, 1 workspace, 2 decisions, 1 recording and 1 simulation"
    ):
        restore(place)
    assert Decision.objects.get(pk=filled.pk).title == "Changed since"
    restore(place, "--replace")
    assert Decision.objects.get(pk=filled.pk).title == filled.title


def rewritten(place: Path, name: str, content: str) -> Path:
    """A copy of the backup with another content of one file in it."""
    changed = place.with_name("changed.zip")
    with zipfile.ZipFile(place) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return changed


def test_what_does_not_fit_changes_nothing(filled: Decision, tmp_path: Path, no_broker: None) -> None:
    place = tmp_path / "site.zip"
    call_command("backup", str(place))
    before = all_rows()
    with zipfile.ZipFile(place) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        runs = archive.read("decisions.run.jsonl").decode()
    other = manifest | {"migrations": [*manifest["migrations"], "decisions.9999_of_tomorrow"]}
    with pytest.raises(CommandError, match=r"other migrations.*9999_of_tomorrow"):
        restore(rewritten(place, "manifest.json", json.dumps(other)), "--replace")
    with pytest.raises(CommandError, match="rows that its manifest says"):
        restore(rewritten(place, "decisions.run.jsonl", ""), "--replace")
    with pytest.raises(IntegrityError):
        restore(rewritten(place, "decisions.run.jsonl", runs.replace('"queued"', '"succeeded"')), "--replace")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(place.read_bytes()[:-100])
    with pytest.raises(CommandError, match="cut short"):
        restore(cut, "--replace")
    assert all_rows() == before


def test_runs_go_on_after_a_restore(filled: Decision, tmp_path: Path, no_broker: None) -> None:
    place = tmp_path / "site.zip"
    call_command("backup", str(place))
    Run.objects.update(state=State.CANCELLED, finished_at="2026-01-01T00:00:00Z")
    restore(place, "--replace")
    assert Run.objects.queued().count() == 1 and SweepPart.objects.queued().count() == 2
