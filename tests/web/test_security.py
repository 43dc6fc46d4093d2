"""What holds for every response, cookie and password."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from advisor.configuration import Configuration
from advisor.decisions.models import Decision
from advisor.teams.models import User, Workspace
from advisor.teams.services.accounts import wrong_passwords
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
