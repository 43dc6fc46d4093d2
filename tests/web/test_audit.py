"""The audit log: what is recorded, who reads it, and that no row is changed."""

import csv
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from advisor.configuration import Configuration
from advisor.decisions.models import Decision, Run
from advisor.decisions.services.share_links import create_share_link
from advisor.teams.models import AppendOnly, AuditEvent, User, Workspace
from advisor.teams.services import audit
from advisor.teams.services.api_keys import create_api_key
from advisor.web.audit import CHANGE_ACTIONS, READ_ACTIONS
from tests.web.conftest import RIGHT
from tests.web.test_access import TABLE, names
from tests.web.test_sign_in import WRONG, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hosted")]

NOT_AUDITED = {
    "what-if": "it changes nothing",
    "switch-workspace": "it changes what the own pages show",
    "login": "by the signals of signing in",
    "logout": "by the signals of signing in",
}
"""Addresses that take a POST and are in neither table of `advisor.web.audit`, with the reason."""


def events() -> list[tuple[str, str, str]]:
    """Person, action and subject, in the order in which they were recorded."""
    return list(AuditEvent.objects.order_by("pk").values_list("actor_name", "action", "subject"))


def test_every_address_that_takes_a_post_is_recorded_or_says_why_not() -> None:
    posted = {name for name, row in TABLE.items() if row.method == "POST"}
    assert posted <= set(CHANGE_ACTIONS) | set(NOT_AUDITED)
    api = next(each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "api")
    known = names(get_resolver().url_patterns) | {
        f"api:{each.name}" for each in api.url_patterns if isinstance(each, URLPattern)
    }
    assert set(CHANGE_ACTIONS) | set(READ_ACTIONS) | set(NOT_AUDITED) <= known


def test_who_read_changed_shared_and_accepted_is_recorded(
    client: Client, alice: User, vera: User, decision: Decision, workspace: Workspace
) -> None:
    client.force_login(vera)
    client.get(reverse("decision", args=[decision.pk]))
    client.get(reverse("report", args=[decision.pk, "md"]))
    client.force_login(alice)
    client.post(reverse("decision-status", args=[decision.pk]), {"status": "accepted", "revision": "1", "version": "1"})
    client.post(reverse("share", args=[decision.pk]), {"days": "7"})
    title = decision.title
    assert ("vera", "read the decision", title) in events() and ("vera", "exported the report", title) in events()
    assert ("alice", "set the status accepted", title) in events()
    assert ("alice", "made a share link", title) in events()
    assert set(AuditEvent.objects.exclude(action="signed in").values_list("workspace", flat=True)) == {workspace.pk}


def test_what_was_deleted_keeps_its_name(client: Client, alice: User, decision: Decision) -> None:
    client.force_login(alice)
    title = decision.title
    client.post(reverse("delete-decision", args=[decision.pk]))
    assert not Decision.objects.exists()
    assert ("alice", "deleted the decision", title) in events()


def test_what_was_refused_is_not_recorded_as_done(
    client: Client, vera: User, charlie: User, decision: Decision
) -> None:
    client.force_login(vera)
    client.post(reverse("delete-decision", args=[decision.pk]))
    client.force_login(charlie)
    client.get(reverse("decision", args=[decision.pk]))
    Client(SERVER_NAME="localhost").post(reverse("delete-decision", args=[decision.pk]))
    assert {action for _, action, _ in events()} == {"signed in"}


def test_reading_again_within_an_hour_is_one_row(
    client: Client, vera: User, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(vera)
    for _ in range(3):
        client.get(reverse("decision", args=[decision.pk]))
    reads = AuditEvent.objects.filter(action="read the decision")
    assert reads.count() == 1
    later = timezone.now() + timedelta(minutes=61)
    monkeypatch.setattr(timezone, "now", lambda: later)
    client.get(reverse("decision", args=[decision.pk]))
    assert reads.count() == 2


def test_another_process_knows_from_the_log_that_it_was_read(client: Client, vera: User, decision: Decision) -> None:
    client.force_login(vera)
    for _ in range(2):
        client.get(reverse("decision", args=[decision.pk]))
        audit._RECORDED.clear()
    assert AuditEvent.objects.filter(action="read the decision").count() == 1
    AuditEvent._base_manager.update(at=timezone.now() - timedelta(minutes=61))
    client.get(reverse("decision", args=[decision.pk]))
    assert AuditEvent.objects.filter(action="read the decision").count() == 2


def test_reading_it_under_another_title_or_as_another_person_is_recorded(
    client: Client, alice: User, vera: User, decision: Decision
) -> None:
    for reader in (alice, vera):
        client.force_login(reader)
        client.get(reverse("decision", args=[decision.pk]))
    Decision.objects.filter(pk=decision.pk).update(title="Other")
    client.get(reverse("decision", args=[decision.pk]))
    read = [(name, subject) for name, action, subject in events() if action == "read the decision"]
    assert read == [("alice", decision.title), ("vera", decision.title), ("vera", "Other")]


def test_typing_is_one_row_an_hour(client: Client, alice: User, decision: Decision) -> None:
    client.force_login(alice)
    for rate in ("1", "12", "12.5"):
        version = Decision.objects.get(pk=decision.pk).draft_version
        answer = {"volume.mean_rate_per_s": rate, "version": str(version)}
        assert client.post(reverse("save-answers", args=[decision.pk]), answer).status_code < 400
    assert events().count(("alice", "changed the answers", decision.title)) == 1


def test_a_reader_of_a_share_link_is_recorded_without_the_link(client: Client, decision: Decision, user: User) -> None:
    _, token = create_share_link(decision.latest(), user, 7)
    assert Client(SERVER_NAME="localhost").get(reverse("shared", args=[token])).status_code == 200
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.subject, event.address) == (
        None,
        "opened the share link",
        decision.title,
        "127.0.0.1",
    )
    assert token not in str(list(AuditEvent.objects.values_list()))


def test_a_key_is_named_with_the_person_it_acts_for(alice: User, decision: Decision, workspace: Workspace) -> None:
    key, token = create_api_key(workspace, alice, "Nightly", ["run"], 30)
    headers = {"Authorization": f"Bearer {token}"}
    Client(SERVER_NAME="localhost").post(reverse("api:start-run", args=[decision.pk]), headers=headers)
    assert Run.objects.exists()
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.api_key) == (alice, "started a simulation", f"Nightly …{key.hint}")


def test_signing_in_and_out_is_recorded_and_so_is_a_wrong_password(client: Client, dora: User) -> None:
    sign_in(client, "dora", WRONG)
    sign_in(client, "not an account", WRONG)
    sign_in(client, "dora", RIGHT)
    client.post(reverse("logout"))
    assert events() == [
        ("", "failed to sign in", "dora"),
        ("", "failed to sign in", "(no such account)"),
        ("dora", "signed in", ""),
        ("dora", "signed out", ""),
    ]


def test_no_row_is_changed_or_deleted(client: Client, dora: User) -> None:
    sign_in(client, "dora", RIGHT)
    event = AuditEvent.objects.get()
    for change in (
        lambda: AuditEvent.objects.update(action="x"),
        AuditEvent.objects.all().delete,
        event.save,
        event.delete,
    ):
        with pytest.raises(AppendOnly):
            change()
    dora.delete()
    assert events() == [("dora", "signed in", "")]


def test_it_is_filtered_and_downloaded(
    client: Client, alice: User, vera: User, decision: Decision, workspace: Workspace
) -> None:
    Decision.objects.update(title="=1+1")
    client.force_login(vera)
    client.get(reverse("decision", args=[decision.pk]))
    client.force_login(alice)
    client.get(reverse("decision", args=[decision.pk]))
    address = reverse("workspace-audit", args=[workspace.pk])
    page = client.get(address, {"words": "vera READ"}).content.decode()
    assert page.count("<tr>") == 2 and "vera" in page
    assert client.get(address, {"since": "2999-01-01"}).content.decode().count("<tr>") == 0
    today = timezone.now().date().isoformat()
    assert client.get(address, {"since": today, "until": today}).content.decode().count("<tr>") == 3
    file = client.get(address, {"words": "vera", "format": "csv"})
    rows = list(csv.reader(b"".join(file.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]
    assert [row[1] for row in rows] == ["person", "vera"] and rows[1][4] == "'=1+1"
    assert re.fullmatch("[0-9a-f]{32}", rows[1][8])
    wrong = client.get(address, {"since": "yesterday"})
    assert wrong.status_code == 422 and "Give a day such as" in wrong.content.decode()


def test_a_workspace_shows_its_own_rows_and_the_installation_all(
    client: Client, alice: User, vera: User, decision: Decision, workspace: Workspace
) -> None:
    client.force_login(vera)
    client.get(reverse("decision", args=[decision.pk]))
    elsewhere = Workspace.objects.create(name="Elsewhere")
    AuditEvent.objects.create(action="was elsewhere", workspace=elsewhere)
    client.force_login(alice)
    page = client.get(reverse("workspace-audit", args=[workspace.pk])).content.decode()
    assert "read the decision" in page and "was elsewhere" not in page and "signed in" not in page.split("<tbody>")[1]
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(reverse("audit")).content.decode()
    assert "was elsewhere" in page and "signed in" in page.split("<tbody>")[1]


def test_local_mode_records_nothing(
    client: Client, settings: object, hosted: Configuration, decision: Decision, user: User
) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"mode": "local", "public_url": None})  # type: ignore[attr-defined]
    assert client.get(reverse("decision", args=[decision.pk])).status_code == 200
    assert events() == []
