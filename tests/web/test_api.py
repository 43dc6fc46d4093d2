"""The JSON API: what a key may do, what a program gets, and how refusals look."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.utils import timezone

from advisor.configuration import Configuration
from advisor.decisions import stored
from advisor.decisions.models import Decision, Revision, Run, State
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.runs import cancel_run, request_run
from advisor.teams.models import ApiKey, Membership, Role, User, Workspace
from advisor.teams.services.api_keys import create_api_key
from advisor.teams.services.workspaces import create_workspace
from advisor.web.api import endpoints
from tests.conftest import member
from tests.web.conftest import MakeRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hosted")]
ADDRESSES = {
    "decisions": ("GET", "read"),
    "decision": ("GET", "read"),
    "report": ("GET", "read"),
    "start-run": ("POST", "run"),
    "run": ("GET", "read"),
}


def key_of(workspace: Workspace, user: User, *scopes: str) -> str:
    return create_api_key(workspace, user, "A program", scopes or ("read", "write", "run"), 30)[1]


def ask(address: str, key: str, method: str = "GET", **options: Any) -> HttpResponse:
    """As a program does: no cookie, no CSRF token."""
    client = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    headers = {"Authorization": f"Bearer {key}"} | options.pop("headers", {})
    return client.generic(method, address, headers=headers, **options)  # type: ignore[return-value]


def address_of(name: str, decision: Decision, run: Run) -> str:
    ids: dict[str, list[object]] = {"decisions": [], "run": [run.pk], "report": [decision.pk, "md"]}
    return reverse(f"api:{name}", args=ids.get(name, [decision.pk]))


def test_every_address_is_in_the_table() -> None:
    patterns = next(each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "api")
    assert {pattern.name for pattern in patterns.url_patterns} == set(ADDRESSES)


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_key_opens_what_its_scope_and_workspace_allow(
    name: str, decision: Decision, run: Run, alice: User, charlie: User, workspace: Workspace
) -> None:
    method, scope = ADDRESSES[name]
    address = address_of(name, decision, run)
    others = {"read", "write", "run"} - {scope}
    elsewhere = Membership.objects.get(user=charlie).workspace
    assert ask(address, key_of(workspace, alice, scope), method).status_code in (200, 202)
    assert ask(address, key_of(workspace, alice, *others), method).status_code == 403
    expected = 200 if name == "decisions" else 404
    assert ask(address, key_of(elsewhere, charlie), method).status_code == expected
    for wrong in ("", "crossover_of-nothing", key_of(workspace, alice)[:-1]):
        assert ask(address, wrong, method).status_code == 401


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_session_opens_nothing(name: str, decision: Decision, run: Run, alice: User) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(alice)
    answer = client.generic(ADDRESSES[name][0], address_of(name, decision, run))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["problems"]


def test_a_key_ends_with_its_time_its_maker_and_its_membership(workspace: Workspace, alice: User, bob: User) -> None:
    address = reverse("api:decisions")
    key = key_of(workspace, alice)

    def is_open() -> bool:
        return ask(address, key).status_code == 200

    assert is_open()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not is_open()
    User.objects.filter(pk=alice.pk).update(is_active=True)
    Membership.objects.filter(user=alice).delete()
    assert not is_open()
    member("alice", workspace, Role.VIEWER)
    assert is_open()
    ApiKey.objects.update(revoked_at=timezone.now())
    assert not is_open()
    ApiKey.objects.update(revoked_at=None, expires_at=timezone.now() - timedelta(seconds=1))
    assert not is_open()


def test_a_key_may_do_no_more_than_its_maker(workspace: Workspace, alice: User, decision: Decision) -> None:
    key = key_of(workspace, alice)
    Membership.objects.filter(user=alice).update(role=Role.VIEWER)
    assert ask(reverse("api:decision", args=[decision.pk]), key).status_code == 200
    refused = ask(reverse("api:start-run", args=[decision.pk]), key, "POST")
    assert refused.status_code == 403 and not Run.objects.exists()
    sheet = {"data": b"template: email_triage", "content_type": "application/yaml"}
    assert ask(reverse("api:decisions"), key, "POST", **sheet).status_code == 403


def test_a_program_makes_a_decision_and_reads_its_advice(workspace: Workspace, alice: User) -> None:
    key = key_of(workspace, alice)
    sheet = json.dumps({"template": "email_triage", "name": "From a program", "volume": {"mean_rate_per_s": 3}})
    made = ask(reverse("api:decisions"), key, "POST", data=sheet, content_type="application/json")
    assert made.status_code == 201
    decision = Decision.objects.get(title="From a program")
    assert made["Location"] == reverse("api:decision", args=[decision.pk])
    shown = ask(made["Location"], key).json()
    assert shown["answers"]["volume"]["mean_rate_per_s"] == 3
    assert shown["recommendation"] == json.loads(decision.latest().recommendation_json)
    assert [row["title"] for row in ask(reverse("api:decisions"), key).json()["decisions"]] == ["From a program"]
    report = ask(reverse("api:report", args=[decision.pk, "md"]), key)
    assert "From a program" in report.content.decode()


def test_it_gives_the_documented_fields_and_no_others(
    workspace: Workspace, alice: User, decision: Decision, make_run: MakeRun
) -> None:
    key, run = key_of(workspace, alice), make_run(State.SUCCEEDED)
    row = {"id", "title", "url", "revision", "status", "style", "updated_at", "archived"}
    of_run = {"id", "url", "engine", "state", "progress", "error", "created_at", "finished_at"}
    listed = ask(reverse("api:decisions"), key).json()
    assert set(listed) == {"decisions", "next"} and set(listed["decisions"][0]) == row
    shown = ask(reverse("api:decision", args=[decision.pk]), key).json()
    assert set(shown) == row | {"page", "runs", "answers", "recommendation"} and set(shown["runs"][0]) == of_run
    assert set(ask(reverse("api:run", args=[run.pk]), key).json()) == of_run | {"queue_position", "result"}


def test_a_run_is_started_once_for_a_key_of_its_own_and_read(
    workspace: Workspace, alice: User, decision: Decision
) -> None:
    key = key_of(workspace, alice)
    address = reverse("api:start-run", args=[decision.pk])
    started = [ask(address, key, "POST", headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in started] == [202, 202]
    run = Run.objects.get()
    assert (run.created_by, started[1]["Location"]) == (alice, reverse("api:run", args=[run.pk]))
    row = ask(started[0]["Location"], key).json()
    assert (row["state"], row["queue_position"], row["result"]) == ("queued", 1, None)


def test_a_run_more_of_a_frozen_revision_takes_few_queries(
    decision: Decision, workspace: Workspace, alice: User
) -> None:
    address, key = reverse("api:start-run", args=[decision.pk]), key_of(workspace, alice)
    assert ask(address, key, "POST").status_code == 202
    with CaptureQueriesContext(connection) as asked:
        assert ask(address, key, "POST").status_code == 202
    statements = [query["sql"].split(" ", 1)[0] for query in asked]
    # wrong keys of the address, the key, the decision with its answers, the role, the idempotency key, the quota, the lock, the queue
    assert (statements.count("SELECT"), statements.count("INSERT"), statements.count("UPDATE")) == (8, 2, 0)


def test_a_finished_run_has_its_result(workspace: Workspace, alice: User, make_run: MakeRun) -> None:
    key = key_of(workspace, alice)
    run = make_run(State.SUCCEEDED)
    assert ask(reverse("api:run", args=[run.pk]), key).json()["result"] == json.loads(run.result_json or "")
    failed = make_run(State.FAILED)
    assert ask(reverse("api:run", args=[failed.pk]), key).json()["error"]["code"] == "internal"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"template: email_triage", 415),
        ("application/json", b'{"template": ', 422),
        ("application/json", b'{"volume": {"mean_rate_per_s": NaN}}', 422),
        ("application/json", b'{"template": "a", "template": "b"}', 422),
        ("application/yaml", b"template: no_such", 422),
        ("application/yaml", b"\xff\xfe\x00", 422),
        ("application/json", b" ", 422),
        ("application/json", b"[" * 100_000, 422),
        ("application/yaml", b"template: email_triage\nvolume: {trace: 12345678-1234-1234-1234-123456789012}", 422),
    ],
)
def test_bad_input_is_refused_as_json(
    workspace: Workspace, alice: User, content_type: str, body: bytes, status: int
) -> None:
    answer = ask(reverse("api:decisions"), key_of(workspace, alice), "POST", data=body, content_type=content_type)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert all(problem["reason"] for problem in answer.json()["problems"])
    assert not Decision.objects.exists()


@pytest.mark.parametrize("given", ["0", "-1", "x", "1e9", "٣", "99999999999999999999"])
def test_a_wrong_number_of_replications_is_named(
    workspace: Workspace, alice: User, decision: Decision, given: str
) -> None:
    address = f"{reverse('api:start-run', args=[decision.pk])}?replications={given}"
    answer = ask(address, key_of(workspace, alice), "POST")
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "replications")


def test_another_method_is_refused_with_those_that_are_served(workspace: Workspace, alice: User) -> None:
    answer = ask(reverse("api:decisions"), key_of(workspace, alice), "DELETE")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST")


def test_the_list_goes_on(
    workspace: Workspace, alice: User, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.web.api.endpoints.PAGE_SIZE", 1)
    create_decision(workspace, alice, {"template": "email_triage"})
    key = key_of(workspace, alice)
    first = ask(reverse("api:decisions"), key).json()
    second = ask(first["next"], key).json()
    assert len({first["decisions"][0]["id"], second["decisions"][0]["id"]}) == 2 and second["next"] is None


def test_guesses_of_keys_are_throttled(workspace: Workspace, alice: User) -> None:
    statuses = [ask(reverse("api:decisions"), f"guess-{number}").status_code for number in range(21)]
    assert statuses == [401] * 20 + [429]


def test_a_key_is_shown_once_and_kept_as_a_digest(client: Client, workspace: Workspace, alice: User) -> None:
    client.force_login(alice)
    posted = {"name": "Nightly import", "scopes": ["read", "write"], "days": "90"}
    made = client.post(reverse("make-api-key", args=[workspace.pk]), posted)
    token = made.content.decode().split('value="crossover_')[1].split('"')[0]
    assert "no-store" in made["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.scopes, key.last_used_at) == (["read", "write"], None)
    assert token not in json.dumps([str(value) for value in ApiKey.objects.values_list().get()])
    assert f"crossover_{token}" not in client.get(reverse("api-keys", args=[workspace.pk])).content.decode()
    assert ask(reverse("api:decisions"), f"crossover_{token}").status_code == 200
    key.refresh_from_db()
    assert key.last_used_at is not None
    client.post(reverse("revoke-api-key", args=[workspace.pk, key.pk]))
    assert ask(reverse("api:decisions"), f"crossover_{token}").status_code == 401


def test_a_key_needs_a_name_a_scope_and_a_duration(client: Client, workspace: Workspace, alice: User) -> None:
    client.force_login(alice)
    address = reverse("make-api-key", args=[workspace.pk])
    right = {"name": "x", "scopes": "read", "days": "30"}
    for wrong in ({"scopes": ""}, {"scopes": "all"}, {"name": " "}, {"days": "9999"}):
        assert client.post(address, right | wrong).status_code == 422
    assert not ApiKey.objects.exists()


def test_in_local_mode_there_is_no_api(settings: Any, hosted: Configuration, workspace: Workspace, user: User) -> None:
    key = key_of(workspace, user)
    settings.CONFIGURATION = hosted.model_copy(update={"mode": "local", "public_url": None})
    assert ask(reverse("api:decisions"), key).status_code in (403, 404)


def test_a_longer_list_takes_no_more_queries(workspace: Workspace, alice: User, decision: Decision) -> None:
    key = key_of(workspace, alice)
    ask(reverse("api:decisions"), key)  # notes its use
    counts = []
    for _ in range(2):
        create_decision(workspace, alice, {"template": "email_triage"})  # the list before is kept
        with CaptureQueriesContext(connection) as queries:
            listed = ask(reverse("api:decisions"), key)
        counts.append((len(json.loads(listed.content)["decisions"]), len(queries)))
    assert counts[1] == (counts[0][0] + 1, counts[0][1])


@pytest.mark.parametrize("name", ["decision", "run"])
def test_compressed_it_says_the_same_and_follows_what_is_stored(
    name: str, decision: Decision, run: Run, workspace: Workspace, alice: User
) -> None:
    address, key = address_of(name, decision, run), key_of(workspace, alice)
    plain = ask(address, key)
    packed = ask(address, key, headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == plain.content
    Decision.objects.filter(pk=decision.pk).update(title="Renamed")
    decision.revisions.update(answers_json=stored.dump(decision.latest().answers.model_copy(update={"name": "New"})))
    again = json.loads(ask(reverse("api:decision", args=[decision.pk]), key).content)
    assert (again["title"], again["answers"]["name"]) == ("Renamed", "New")


@pytest.mark.parametrize(("name", "queries"), [("decisions", 3), ("decision", 4), ("run", 3)])
def test_what_is_kept_is_read_with_few_queries_and_only_by_whom_it_is_for(
    name: str, queries: int, decision: Decision, run: Run, workspace: Workspace, alice: User, bob: User
) -> None:
    address, key = address_of(name, decision, run), key_of(workspace, alice)
    first = ask(address, key).content
    with CaptureQueriesContext(connection) as asked:  # wrong keys of the address, the key, what the answer is made of
        assert ask(address, key).content == first
    assert len(asked) == queries, [query["sql"] for query in asked]
    other = ask(address, key_of(create_workspace(bob, "Another"), bob))
    assert other.status_code == 404 or str(decision.pk) not in other.content.decode()
    ApiKey.objects.update(revoked_at=timezone.now())
    assert ask(address, key).status_code == 401


def test_an_answer_that_changed_while_it_was_made_is_not_kept(
    decision: Decision, workspace: Workspace, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, key = reverse("api:decision", args=[decision.pk]), key_of(workspace, alice)
    row = endpoints._decision_row

    def rename(decision: Decision, latest: Revision) -> dict[str, Any]:
        made = row(decision, latest)
        Decision.objects.filter(pk=decision.pk).update(title="Meanwhile")
        return made

    with monkeypatch.context() as patched:
        patched.setattr(endpoints, "_decision_row", rename)
        ask(address, key)
    Decision.objects.filter(pk=decision.pk).update(title=decision.title)
    monkeypatch.setattr(endpoints, "_decision_row", lambda *_: {"made": "again"})
    assert json.loads(ask(address, key).content)["made"] == "again"


def test_the_place_in_the_queue_follows_other_runs(decision: Decision, workspace: Workspace, alice: User) -> None:
    key = key_of(workspace, alice)
    first, second = (request_run(decision.latest(), alice, name) for name in ("one", "another"))
    address = reverse("api:run", args=[second.pk])
    assert json.loads(ask(address, key).content)["queue_position"] == 2
    cancel_run(first, alice)
    assert json.loads(ask(address, key).content)["queue_position"] == 1
