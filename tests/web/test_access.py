"""Who may do what: every address of the pages, for six identities. An address that is missing from the table fails the first test."""

from typing import NamedTuple

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from advisor.configuration import Configuration
from advisor.decisions.models import Comment, Decision, EngineName, Revision, Run, Trace
from advisor.decisions.services.recordings import keep_upload
from advisor.decisions.services.share_links import LIFETIMES_DAYS, create_share_link
from advisor.teams.models import Invitation, Membership, Role, SignedInSession, User, Workspace
from advisor.teams.services.accounts import make_reset
from advisor.teams.services.api_keys import create_api_key
from advisor.teams.services.workspaces import create_invitation
from tests.conftest import local_client, member
from tests.rows import a_sweep, upload_trace
from tests.writes import written_tables

WHO = ("anonymous", "owner", "editor", "viewer", "outsider", "admin")
LOGIN = 302
ELSEWHERE = {"admin", "django_rq", "api"}
"""Namespaces with a table of their own."""


class Row(NamedTuple):
    """One address, how it is asked, and the answer for each of WHO."""

    method: str
    answers: tuple[int, int, int, int, int, int]


TABLE: dict[str, Row] = {
    "home": Row("GET", (200, 200, 200, 200, 200, 200)),
    "handbook": Row("GET", (200, 200, 200, 200, 200, 200)),
    "library": Row("GET", (LOGIN, 200, 200, 200, 200, 403)),
    "new-library-entry": Row("GET", (LOGIN, 200, 200, 403, 200, 403)),
    "library-entry": Row("GET", (LOGIN, 200, 200, 403, 200, 403)),
    "hide-library-entry": Row("POST", (LOGIN, 302, 302, 403, 302, 403)),
    "reset-library-entry": Row("POST", (LOGIN, 302, 302, 403, 302, 403)),
    "new-decision": Row("GET", (LOGIN, 200, 200, 403, 200, 403)),
    "template": Row("GET", (LOGIN, 200, 200, 403, 200, 403)),
    "new-from-recording": Row("POST", (LOGIN, 422, 422, 403, 422, 403)),
    "new-from-answers": Row("POST", (LOGIN, 302, 302, 403, 302, 403)),
    "decision": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "advice": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "what-if": Row("POST", (LOGIN, 204, 204, 204, 404, 204)),
    "what-if-sliders": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "settled-advice": Row("GET", (LOGIN, 204, 204, 204, 404, 204)),
    "save-answers": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "undo-answers": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "redo-answers": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "replace-answers": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "answers-file": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "upload-trace": Row("POST", (LOGIN, 422, 422, 403, 404, 403)),
    "running-queue": Row("GET", (LOGIN, 200, 200, 403, 404, 403)),
    "look-at-queue": Row("POST", (LOGIN, 422, 422, 403, 404, 403)),
    "take-seen-answers": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "review-recording": Row("GET", (LOGIN, 200, 200, 403, 404, 403)),
    "forget-trace": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "simulate": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "live-plan": Row("GET", (LOGIN, 200, 200, 403, 404, 403)),
    "decision-status": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "decision-tags": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "duplicate-decision": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "archive-decision": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "restore-decision": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "delete-decision": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "revisions": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "revision": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "compare-revisions": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "comments": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "add-comment": Row("POST", (LOGIN, 302, 302, 302, 404, 403)),
    "delete-comment": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "share": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "revoke-share-link": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "shared": Row("GET", (200, 200, 200, 200, 200, 200)),
    "shared-picture": Row("GET", (200, 200, 200, 200, 200, 200)),
    "report": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "bundle": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "compare": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "compare-charts": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "run": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "run-tables": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "run-progress": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "run-letters": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "requeue-letters": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "empty-letters": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "cancel-run": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "run-again": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "run-with-servers": Row("POST", (LOGIN, 422, 422, 403, 404, 403)),
    "run-charts": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "new-sweep": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "start-sweep": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "sweep": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "sweep-progress": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "cancel-sweep": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "sweep-figure": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "start-fewest": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "fewest": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "fewest-progress": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "cancel-fewest": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "workspaces": Row("GET", (LOGIN, 200, 200, 200, 200, 200)),
    "workspace": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "recordings": Row("GET", (LOGIN, 200, 200, 200, 404, 200)),
    "delete-recording": Row("POST", (LOGIN, 302, 302, 403, 404, 403)),
    "switch-workspace": Row("POST", (LOGIN, 302, 302, 302, 404, 403)),
    "rename-workspace": Row("POST", (LOGIN, 302, 403, 403, 404, 403)),
    "member-role": Row("POST", (LOGIN, 302, 403, 403, 404, 403)),
    "remove-member": Row("POST", (LOGIN, 302, 403, 403, 404, 403)),
    "invite": Row("POST", (LOGIN, 200, 403, 403, 404, 403)),
    "revoke-invitation": Row("POST", (LOGIN, 302, 403, 403, 404, 302)),
    "invitation": Row("GET", (302, 302, 302, 302, 302, 302)),
    "join": Row("GET", (404, 404, 404, 404, 404, 404)),
    "make-password-reset": Row("POST", (LOGIN, 200, 403, 403, 404, 200)),
    "revoke-password-reset": Row("POST", (LOGIN, 302, 403, 403, 404, 302)),
    "open-password-reset": Row("GET", (302, 302, 302, 302, 302, 302)),
    "password-reset": Row("GET", (404, 404, 404, 404, 404, 404)),
    "forgotten-password": Row("GET", (404, 404, 404, 404, 404, 404)),
    "choose-forgotten-password": Row("GET", (404, 404, 404, 404, 404, 404)),
    "account": Row("GET", (LOGIN, 200, 200, 200, 200, 200)),
    "change-email": Row("GET", (LOGIN, 404, 404, 404, 404, 404)),
    "confirm-email": Row("GET", (LOGIN, 404, 404, 404, 404, 404)),
    "change-password": Row("GET", (LOGIN, 200, 200, 200, 200, 200)),
    "end-other-sessions": Row("POST", (LOGIN, 302, 302, 302, 302, 302)),
    "end-session": Row("POST", (LOGIN, 302, 404, 404, 404, 404)),
    "admin-change-password": Row("GET", (LOGIN, 302, 302, 302, 302, 302)),
    "first-administrator": Row("GET", (404, 404, 404, 404, 404, 404)),
    "operations": Row("GET", (LOGIN, 403, 403, 403, 403, 200)),
    "reconcile-now": Row("POST", (LOGIN, 403, 403, 403, 403, 302)),
    "cancel-any-run": Row("POST", (LOGIN, 403, 403, 403, 403, 302)),
    "cancel-any-sweep": Row("POST", (LOGIN, 403, 403, 403, 403, 302)),
    "api-keys": Row("GET", (LOGIN, 200, 403, 403, 404, 200)),
    "make-api-key": Row("POST", (LOGIN, 200, 403, 403, 404, 403)),
    "revoke-api-key": Row("POST", (LOGIN, 302, 403, 403, 404, 302)),
    "workspace-audit": Row("GET", (LOGIN, 200, 403, 403, 404, 200)),
    "audit": Row("GET", (LOGIN, 403, 403, 403, 403, 200)),
    "oidc-sign-in": Row("GET", (404, 404, 404, 404, 404, 404)),
    "oidc-callback": Row("GET", (404, 404, 404, 404, 404, 404)),
    "login": Row("GET", (200, 302, 302, 302, 302, 302)),
    "logout": Row("POST", (302, 302, 302, 302, 302, 302)),
    "server:live": Row("GET", (200, 200, 200, 200, 200, 200)),
    "server:ready": Row("GET", (503, 503, 503, 503, 503, 503)),
    "server:serving": Row("GET", (200, 200, 200, 200, 200, 200)),
    "server:metrics": Row("GET", (401, 403, 403, 403, 403, 200)),
}
EMAIL_PAGES: dict[str, list[str]] = {
    "forgotten-password": [],
    "choose-forgotten-password": ["MQ", "a-token"],
    "change-email": [],
    "confirm-email": ["a-token"],
}
"""No mail server is configured; `test_mail` has one."""
POSTED = {
    "save-answers": {"version": "1"},
    "undo-answers": {"version": "1"},
    "redo-answers": {"version": "1"},
    "replace-answers": {"version": "1", "text": "template: chat_assistant"},
    "new-from-answers": {"text": "template: chat_assistant"},
    "forget-trace": {"version": "1"},
    "start-sweep": {"idempotency_key": "a-key"},
    "start-fewest": {"idempotency_key": "a-key"},
    "simulate": {"version": "1", "idempotency_key": "a-key"},
    "add-comment": {"text": "A word"},
    "rename-workspace": {"name": "Ours"},
    "member-role": {"role": "editor"},
    "invite": {"role": "viewer", "days": "7"},
    "make-api-key": {"name": "A key", "scopes": "read", "days": "30"},
    "decision-status": {"status": "proposed"},
}
SWEEPS = dict.fromkeys(("sweep", "sweep-progress", "cancel-sweep", "sweep-figure", "cancel-any-sweep"), "map")
SWEEPS |= dict.fromkeys(("fewest", "fewest-progress", "cancel-fewest"), "fewest")


def names(patterns: "list[URLPattern | URLResolver]", prefix: str = "") -> set[str]:
    """The names of all addresses, those with a table elsewhere left out."""
    routes: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            routes.add(f"{prefix}{pattern.name}")
        elif pattern.namespace not in ELSEWHERE:
            routes |= names(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else prefix)
    return routes


def test_every_address_is_in_the_table() -> None:
    assert names(get_resolver().url_patterns) == set(TABLE)


@pytest.fixture
def people(alice: User, bob: User, vera: User, charlie: User) -> dict[str, User | None]:
    """A user for each of WHO."""
    return {
        "anonymous": None,
        "owner": alice,
        "editor": bob,
        "viewer": vera,
        "outsider": charlie,
        "admin": a_superuser(),
    }


def a_superuser() -> User:
    """One who is a member nowhere."""
    return User.objects.filter(username="root").first() or User.objects.create_superuser("root")


def an_invitation(workspace: Workspace) -> tuple[Invitation, str]:
    """An open one, with its token."""
    return create_invitation(workspace, member("olga", workspace, Role.OWNER), Role.VIEWER, 7)


def a_recording(workspace: Workspace) -> Trace:
    """One that nothing uses."""
    return upload_trace(workspace, member("olga", workspace, Role.OWNER), "a.csv", [b"time_s\n0\n1\n2\n"])


def teams_address(name: str, workspace: Workspace) -> str:
    """One that belongs to the workspace; empty for any other."""
    match name:
        case "open-password-reset":
            return reverse(name, args=[make_reset(member("dora", workspace, Role.VIEWER), a_superuser())])
        case "password-reset" | "account" | "change-password" | "end-other-sessions" | "admin-change-password":
            return reverse(name)
        case "end-session":
            Client().force_login(member("alice", workspace, Role.OWNER))
            return reverse(name, args=[SignedInSession.objects.filter(user__username="alice").latest("id").pk])
        case "api-keys" | "make-api-key" | "workspace-audit":
            return reverse(name, args=[workspace.pk])
        case "revoke-api-key":
            olga = member("olga", workspace, Role.OWNER)
            return reverse(name, args=[workspace.pk, create_api_key(workspace, olga, "A key", ["read"], 30)[0].pk])
        case "workspace" | "switch-workspace" | "rename-workspace" | "invite" | "recordings":
            return reverse(name, args=[workspace.pk])
        case "delete-recording":
            return reverse(name, args=[workspace.pk, a_recording(workspace).pk])
        case "member-role" | "remove-member" | "make-password-reset" | "revoke-password-reset":
            dora = member("dora", workspace, Role.VIEWER)
            return reverse(name, args=[workspace.pk, Membership.objects.get(workspace=workspace, user=dora).pk])
        case "revoke-invitation":
            return reverse(name, args=[workspace.pk, an_invitation(workspace)[0].pk])
        case "invitation":
            return reverse(name, args=[an_invitation(workspace)[1]])
        case "first-administrator":
            return reverse(name, args=["a-token-that-was-used"])
    return ""


def compare_address(name: str, run: Run) -> str:
    """The run next to another of the same scenario."""
    fields = {"revision": run.revision, "scenario_json": run.scenario_json, "result_json": run.result_json}
    fields |= {"state": run.state, "finished_at": run.finished_at}
    other, _ = Run.objects.get_or_create(workspace=run.workspace, idempotency_key="other", defaults=fields)
    return f"{reverse(name)}?run={run.pk}&run={other.pk}"


def review_address(name: str, decision: Decision) -> str:
    """That of an upload which waits to be checked; empty for any other name."""
    if name != "review-recording":
        return ""
    olga = member("olga", decision.workspace, Role.OWNER)
    upload = keep_upload(decision.workspace, olga, "a.csv", [b"time_s\n0\n1\n"])
    return reverse(name, args=[decision.pk, upload.pk])


def share_address(name: str, decision: Decision) -> str:
    """That of a link to the latest revision; empty for any other name."""
    if name not in ("shared", "shared-picture", "revoke-share-link"):
        return ""
    link, token = create_share_link(
        decision.latest(), member("olga", decision.workspace, Role.OWNER), LIFETIMES_DAYS[0]
    )
    return reverse(name, args=[decision.pk, link.pk] if name == "revoke-share-link" else [token])


def email_address(name: str) -> str:
    """That of a page which a mail server is needed for; empty for any other name."""
    return reverse(name, args=EMAIL_PAGES[name]) if name in EMAIL_PAGES else ""


def address(name: str, decision: Decision, run: Run) -> str:
    if name in SWEEPS:
        return reverse(name, args=[a_sweep(decision.latest(), kind=SWEEPS[name]).pk])
    if name in ("compare", "compare-charts"):
        return compare_address(name, run)
    known = email_address(name) or teams_address(name, decision.workspace)
    known = known or review_address(name, decision) or share_address(name, decision)
    if known:
        return known
    match name:
        case "report" | "revision" | "answers-file":
            return reverse(name, args=[decision.pk, {"report": "md", "revision": 1, "answers-file": "yaml"}[name]])
        case "delete-comment":
            author, _ = User.objects.get_or_create(username="bob")
            return reverse(
                name, args=[decision.pk, Comment.objects.create(decision=decision, author=author, text="x").pk]
            )
        case "run-again":
            Run.objects.filter(pk=run.pk).update(engine=EngineName.LIVE)
            return reverse(name, args=[run.pk])
        case (
            "run"
            | "run-tables"
            | "run-progress"
            | "cancel-run"
            | "run-charts"
            | "run-with-servers"
            | "run-letters"
            | "requeue-letters"
            | "empty-letters"
            | "cancel-any-run"
        ):
            return reverse(name, args=[run.pk, "csv"] if name == "run-tables" else [run.pk])
        case "new-library-entry" | "template":
            return reverse(name, args=[{"template": "email_triage"}.get(name, "hop")])
        case "library-entry" | "hide-library-entry" | "reset-library-entry":
            return reverse(name, args=["hop", "nginx"])
        case (
            "home"
            | "handbook"
            | "library"
            | "new-decision"
            | "new-from-recording"
            | "new-from-answers"
            | "login"
            | "logout"
            | "workspaces"
            | "join"
            | "oidc-sign-in"
            | "oidc-callback"
            | "audit"
            | "operations"
            | "reconcile-now"
        ):
            return reverse(name)
        case _ if name.startswith("server:"):
            return reverse(name)
    return reverse(name, args=[decision.pk])


WRITTEN_BY_GET: dict[str, set[type[Model]]] = {
    "invitation": {Session},
    "open-password-reset": {Session},
    "first-administrator": {AccessAttempt},
    "choose-forgotten-password": {AccessAttempt},
}
"""A link's token is taken out of the address and kept in the session; a wrong link, which the last two are, is counted."""


@pytest.mark.parametrize("name", TABLE)
def test_access(
    name: str,
    hosted: Configuration,
    people: dict[str, User | None],
    decision: Decision,
    run: Run,
    subtests: pytest.Subtests,
) -> None:
    for who in WHO:
        with subtests.test(who), transaction.atomic():
            ask(name, who, people[who], decision, run)
            transaction.set_rollback(True)


def ask(name: str, who: str, person: User | None, decision: Decision, run: Run) -> None:
    """What one of WHO is answered, and that nothing is stored for asking."""
    row, client = TABLE[name], local_client()
    if person:
        client.force_login(person)
    url = address(name, decision, run)
    with written_tables() as written:
        answer = client.post(url, POSTED.get(name, {})) if row.method == "POST" else client.get(url)
    assert answer.status_code == row.answers[WHO.index(who)]
    if row.method == "GET":
        may_write = {model._meta.db_table for model in WRITTEN_BY_GET.get(name, ())}
        assert written <= may_write
    if (
        who == "anonymous"
        and answer.status_code == LOGIN
        and name not in ("logout", "invitation", "open-password-reset")
    ):
        assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("who", ["editor", "viewer", "admin"])
def test_no_page_writes_anything_whatever_is_asked_of_it(
    who: str, client: Client, hosted: Configuration, people: dict[str, User | None], decision: Decision, run: Run
) -> None:
    """Of a revision that is still open: HEAD, another file, other parameters, and as htmx asks."""
    Revision.objects.update(frozen_at=None)
    person = people[who]
    assert person
    client.force_login(person)
    urls = [
        address(name, decision, run)
        for name, row in TABLE.items()
        if row.method == "GET" and name not in WRITTEN_BY_GET
    ]
    urls += [reverse("report", args=[decision.pk, "json"]), f"{reverse('report', args=[decision.pk, 'md'])}?revision=1"]
    urls += [f"{reverse('bundle', args=[decision.pk])}?revision=1", f"{reverse('home')}?status=draft&page=2"]
    urls += [f"{reverse('live-plan', args=[decision.pk])}?engine=live&speed=5", f"{reverse('compare')}?pick=1"]
    for url in urls:
        with written_tables() as written:
            client.head(url)
            client.get(url, HTTP_HX_REQUEST="true")
        assert written == set(), url


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.method == "POST"])
def test_what_changes_something_answers_to_no_get_and_wants_a_token(
    name: str, user: User, decision: Decision, run: Run
) -> None:
    strict = local_client(enforce_csrf_checks=True)
    url = address(name, decision, run)
    assert strict.get(url).status_code == 405
    assert strict.post(url, POSTED.get(name, {})).status_code == 403


def test_a_fragment_whose_session_has_ended_reloads_its_page(
    client: Client, hosted: Configuration, decision: Decision
) -> None:
    answer = client.get(reverse("advice", args=[decision.pk]), follow=True, HTTP_HX_REQUEST="true")
    assert answer.headers["HX-Refresh"] == "true"


def test_a_viewer_is_offered_nothing_that_changes_something(
    client: Client, hosted: Configuration, vera: User, decision: Decision
) -> None:
    client.force_login(vera)
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert "Simulate" not in page
    assert "Delete" not in page
    assert '<fieldset class="plain" disabled>' in page


def test_a_refused_request_is_logged_without_its_address(
    client: Client, hosted: Configuration, vera: User, decision: Decision, caplog: pytest.LogCaptureFixture
) -> None:
    client.force_login(vera)
    assert client.post(reverse("delete-decision", args=[decision.pk])).status_code == 403
    [line] = [record.getMessage() for record in caplog.records if "Refused" in record.getMessage()]
    assert line.startswith(f"Refused: POST delete-decision to account {vera.pk}: ")
    assert str(decision.pk) not in line
