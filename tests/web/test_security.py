"""What holds for every response, cookie and password."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.decisions.models import Comment, Decision
from advisor.teams.links import new_token
from advisor.teams.models import Invitation, Role, User, Workspace
from advisor.teams.services.accounts import wrong_passwords
from advisor.teams.services.api_keys import create_api_key
from advisor.teams.services.workspaces import create_invitation
from tests.conftest import local_client
from tests.web.conftest import RIGHT
from tests.web.test_sign_in import sign_in

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("SESSION_COOKIE", "CSRF_COOKIE", "SECURE_", "DEBUG", "PASSWORD_HASHERS")


@pytest.fixture(scope="module")
def hosted_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Those of a process in hosted mode."""
    code = (
        "import json; from django.conf import settings; settings.DEBUG;"
        f"print(json.dumps({{n: getattr(settings, n) for n in dir(settings) if n.startswith({SETTINGS!r})}}, default=str))"
    )
    environment = os.environ | {
        "CROSSOVER_MODE": "hosted",
        "CROSSOVER_PUBLIC_URL": "https://crossover.example",
        "CROSSOVER_DATA": str(tmp_path_factory.mktemp("data")),
        "DJANGO_SETTINGS_MODULE": "advisor.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def test_cookies_of_hosted_mode_are_of_this_host_over_tls_and_out_of_reach_of_scripts(
    hosted_settings: dict[str, object],
) -> None:
    for cookie in ("SESSION", "CSRF"):
        assert str(hosted_settings[f"{cookie}_COOKIE_NAME"]).startswith("__Host-")
        assert hosted_settings[f"{cookie}_COOKIE_SECURE"] is True
        assert hosted_settings[f"{cookie}_COOKIE_HTTPONLY"] is True
        assert hosted_settings[f"{cookie}_COOKIE_SAMESITE"] == "Lax"
        assert (hosted_settings[f"{cookie}_COOKIE_PATH"], hosted_settings[f"{cookie}_COOKIE_DOMAIN"]) == ("/", None)


def test_hosted_mode_commits_browsers_to_tls_and_shows_no_internals(hosted_settings: dict[str, object]) -> None:
    assert hosted_settings["SECURE_SSL_REDIRECT"] is True
    assert int(str(hosted_settings["SECURE_HSTS_SECONDS"])) >= 365 * 86_400
    assert hosted_settings["DEBUG"] is False
    assert "PBKDF2" in str(hosted_settings["PASSWORD_HASHERS"]).split(",")[0]


@pytest.mark.parametrize("name", ["home", "handbook", "decision", "answers-file", "report", "missing", "api"])
def test_every_response_says_its_type_and_where_it_may_be_used(client: Client, decision: Decision, name: str) -> None:
    ids = {"decision": [decision.pk], "answers-file": [decision.pk, "yaml"], "report": [decision.pk, "html"]}
    address = {"missing": "/no-such-page", "api": reverse("api:decisions")}.get(name) or reverse(
        name, args=ids.get(name, [])
    )
    answer = client.get(address)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin" and answer["X-Frame-Options"] == "DENY"
    assert "charset=utf-8" in answer["Content-Type"] or answer["Content-Type"] == "application/json"
    policy = answer["Content-Security-Policy"]
    for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert directive in policy
    assert "object-src" not in policy, "it would replace the default, which is none"
    assert "Access-Control-Allow-Origin" not in answer


def test_signing_in_begins_another_session(hosted: Configuration, dora: User) -> None:
    browser = Client(SERVER_NAME="localhost")
    browser.get(reverse("oidc-sign-in"))
    planted = browser.session
    planted["planted"] = True
    planted.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    sign_in(browser, "dora", RIGHT)
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    assert key != planted.session_key and len(key) == 32
    thief = Client(SERVER_NAME="localhost")
    thief.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    assert thief.get(reverse("account")).status_code == 302


@pytest.mark.parametrize(
    "password",
    [
        "vier kleine enten im teich",
        "x" * 20 + "y" * 108,
        "ÄÖÜß 北京 🦆 pass",
        "alllowercasewithoutdigits",
        "  spaces around  ",
    ],
)
def test_a_long_password_of_any_characters_is_taken_as_it_is(hosted: Configuration, dora: User, password: str) -> None:
    assert wrong_passwords(dora, password, password) == []
    dora.set_password(password)
    dora.save()
    assert sign_in(Client(SERVER_NAME="localhost"), "dora", password[:-1]).status_code == 200
    assert sign_in(Client(SERVER_NAME="localhost"), "dora", password.swapcase() + " ").status_code == 200
    assert sign_in(Client(SERVER_NAME="localhost"), "dora", password).status_code == 302


@pytest.mark.parametrize("password", ["seven77", "password123", "iloveyou1", "8675309867"])
def test_a_short_and_a_common_password_are_refused(dora: User, password: str) -> None:
    assert wrong_passwords(dora, password, password)


@pytest.mark.parametrize(
    ("password", "is_refused"),
    [
        ("Crossover-2026", True),
        ("crossovercrossover1", True),
        ("Acme2026!!", True),
        ("decisions.acme.example", True),
        ("acme rocket launch", False),
        ("a crossover of two ducks", False),
    ],
)
def test_a_password_that_is_the_name_of_the_site_is_refused(
    hosted: Configuration, settings: Settings, dora: User, password: str, is_refused: bool
) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"public_url": "https://decisions.acme.example"})
    assert bool(wrong_passwords(dora, password, password)) is is_refused


def test_password_fields_are_masked_and_leave_managers_their_work(
    hosted: Configuration, client: Client, dora: User
) -> None:
    page = Client(SERVER_NAME="localhost").get(reverse("login")).content.decode()
    assert 'type="password"' in page and 'autocomplete="current-password"' in page and "onpaste" not in page
    client.force_login(dora)
    page = client.get(reverse("change-password")).content.decode()
    assert page.count('type="password"') == 3 and page.count('autocomplete="new-password"') == 2


@pytest.mark.parametrize("address", ["/static/", "/static/css/", "/.git/config", "/static/../manage.py"])
def test_no_folder_is_listed_and_no_source_is_served(client: Client, workspace: Workspace, address: str) -> None:
    assert client.get(address).status_code == 404


def test_trace_is_not_answered_with_the_request(client: Client, workspace: Workspace) -> None:
    answer = client.generic("TRACE", reverse("home"), headers={"X-Secret": "a-secret"})
    assert answer.status_code == 405 and b"a-secret" not in answer.content


def test_a_page_for_a_person_is_kept_in_no_shared_cache(
    client: Client, hosted: Configuration, alice: User, decision: Decision
) -> None:
    client.force_login(alice)
    assert "Cookie" in client.get(reverse("decision", args=[decision.pk]))["Vary"]


def test_hsts_covers_subdomains_if_the_owner_of_the_domain_says_so(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SECURE_HSTS_INCLUDE_SUBDOMAINS)"
    environment = os.environ | {"CROSSOVER_MODE": "hosted", "CROSSOVER_PUBLIC_URL": "https://crossover.example"}
    environment |= {"CROSSOVER_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "advisor.settings"}
    for chosen, expected in (("true", "True"), ("", "False")):
        given = environment | {"CROSSOVER_HSTS_INCLUDE_SUBDOMAINS": chosen}
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=given, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == expected


@pytest.mark.parametrize("key", [True, False])
def test_a_program_is_not_redirected_from_plain_http(
    hosted: Configuration, settings: Settings, workspace: Workspace, alice: User, key: bool
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    client, address = Client(SERVER_NAME="localhost"), reverse("api:decisions")
    headers = (
        {"Authorization": f"Bearer {create_api_key(workspace, alice, 'A program', ('read',), 30)[1]}"} if key else {}
    )
    refused = client.get(address, headers=headers)
    assert refused.status_code == 403 and "https://" in refused.json()["problems"][0]["reason"]
    assert client.get(address, headers=headers, secure=True).status_code == (200 if key else 401)
    assert client.get(reverse("home")).status_code == 301


def test_signing_out_is_on_every_page_and_clears_what_the_browser_has_kept(
    hosted: Configuration, client: Client, alice: User, decision: Decision
) -> None:
    client.force_login(alice)
    pages = ["home", "library", "new-decision", "workspaces", "account", "change-password"]
    addresses = [
        *map(reverse, pages),
        *(reverse(name, args=[decision.pk]) for name in ("decision", "revisions", "share")),
    ]
    for address in addresses:
        page = client.get(address).content.decode()
        assert f'action="{reverse("logout")}"' in page, address
    answer = client.post(reverse("logout"))
    assert answer["Clear-Site-Data"] == '"cache", "storage"' and answer.status_code == 302


def test_a_form_sets_no_field_that_it_does_not_have(hosted: Configuration, workspace: Workspace, alice: User) -> None:
    """What a row has and its form does not is posted, too."""
    token = create_invitation(workspace, alice, Role.VIEWER, 7)[1]
    guest = Client(SERVER_NAME="localhost")
    guest.get(reverse("invitation", args=[token]))
    extra = {"is_superuser": "on", "is_staff": "on", "role": "owner", "email": "x@y.example", "pk": str(alice.pk)}
    guest.post(reverse("join"), {"username": "nova", "password": RIGHT, "again": RIGHT} | extra)
    nova = User.objects.get(username="nova")
    assert (nova.is_superuser, nova.is_staff, nova.email) == (False, False, "") and nova.pk != alice.pk
    assert nova.memberships.get().role == Role.VIEWER
    owner = Client(SERVER_NAME="localhost")
    owner.force_login(alice)
    owner.post(reverse("rename-workspace", args=[workspace.pk]), {"name": "Renamed", "is_local": "", "id": "1"})
    renamed = Workspace.objects.get(pk=workspace.pk)
    assert (renamed.name, renamed.is_local) == ("Renamed", True)


def test_a_field_is_read_from_the_form_alone_and_once(hosted: Configuration, workspace: Workspace, alice: User) -> None:
    owner = Client(SERVER_NAME="localhost")
    owner.force_login(alice)
    owner.cookies["role"] = "owner"
    address = reverse("invite", args=[workspace.pk])
    owner.post(f"{address}?role=owner&days=30", {"role": "viewer", "days": "1"})
    assert Invitation.objects.get().role == Role.VIEWER
    assert owner.post(f"{address}?role=owner&days=30", {}).status_code == 422, "the address is no form"
    owner.post(address, {"role": ["owner", "editor"], "days": ["30", "7"]})
    assert Invitation.objects.latest("created_at").role == Role.EDITOR, "the last of several, for each reader alike"


MARK = "zq'\"); DROP TABLE x; -- %s {0.__class__} %(asctime)s %2541 &lt;zq"


def test_what_is_typed_is_a_value_of_a_query_and_no_part_of_it(
    client: Client, workspace: Workspace, user: User, decision: Decision
) -> None:
    seen: list[str] = []

    def look(execute: Callable[..., object], sql: str, params: object, many: bool, context: dict[str, Any]) -> object:
        seen.append(sql)
        return execute(sql, params, many, context)

    lists = [reverse("home"), reverse("workspaces"), reverse("handbook"), reverse("operations")]
    with connection.execute_wrapper(look):
        for address in lists:
            assert (
                client.get(address, dict.fromkeys(("q", "tag", "status", "page", "sort", "archived"), MARK)).status_code
                < 500
            )
        client.post(reverse("rename-workspace", args=[workspace.pk]), {"name": MARK})
        client.post(reverse("decision-tags", args=[decision.pk]), {"tags": MARK, "tag": MARK})
        client.post(reverse("add-comment", args=[decision.pk]), {"text": MARK})
        sign_in(Client(SERVER_NAME="localhost"), MARK, MARK)
    assert len(seen) > 20 and not any("zq'" in sql or "DROP" in sql for sql in seen)
    assert Comment.objects.get().text == MARK


def test_what_is_typed_is_decoded_once_and_is_no_format(
    client: Client, workspace: Workspace, decision: Decision
) -> None:
    client.post(reverse("add-comment", args=[decision.pk]), {"text": MARK})
    assert escape(MARK) in client.get(reverse("comments", args=[decision.pk])).content.decode()
    Decision.objects.filter(pk=decision.pk).update(title=MARK)
    assert escape(MARK) in client.get(reverse("decision", args=[decision.pk])).content.decode()


def test_an_unexpected_error_is_logged_with_its_traceback_and_shown_without(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a-detail-of-the-inside")

    monkeypatch.setattr("advisor.web.views.workspaces.workspaces_of", fail)
    client = local_client(raise_request_exception=False)
    answer = client.get(reverse("workspaces"))
    assert answer.status_code == 500 and b"a-detail" not in answer.content
    record = next(record for record in caplog.records if record.levelname == "ERROR")
    assert record.exc_info and "a-detail-of-the-inside" in str(record.exc_info[1])


def test_links_and_keys_are_256_random_bits() -> None:
    drawn = [base64.urlsafe_b64decode(new_token()[0] + "=") for _ in range(500)]
    assert {len(token) for token in drawn} == {32} and len(set(drawn)) == 500
    for bit in range(256):
        ones = sum(token[bit // 8] >> bit % 8 & 1 for token in drawn)
        assert abs(ones - 250) < 7 * 11.2, f"bit {bit} is 1 in {ones} of 500: 7 standard deviations"


def test_scripts_keep_the_theme_and_unsent_input_alone() -> None:
    kept = [
        line
        for path in (ROOT / "static" / "js").glob("*.js")
        for line in path.read_text().splitlines()
        if "Storage.setItem(" in line
    ]
    assert sorted(re.findall(r"(\w+)\.setItem\(([^,]+),", " ".join(kept))) == [
        ("localStorage", '"crossover-theme"'),
        ("sessionStorage", "kept()"),
    ]
    assert not any("document.cookie" in path.read_text() for path in (ROOT / "static" / "js").glob("*.js"))
