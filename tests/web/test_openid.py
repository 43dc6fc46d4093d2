"""Signing in with an OpenID Connect provider, and the roles that its groups give."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr
from pytest_django import Settings

from advisor.configuration import Configuration, Misconfigured, read_configuration
from advisor.teams import openid
from advisor.teams.models import AuditEvent, ExternalIdentity, Membership, Role, User, Workspace
from advisor.teams.services.accounts import resettable_by
from tests.conftest import member
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, running_provider
from tests.fakes.tls_server import running_tls_server
from tests.proxies import make_certificate

pytestmark = pytest.mark.django_db
PERSON = {
    "sub": "4711",
    "preferred_username": "erin",
    "given_name": "Erin",
    "family_name": "Ng",
    "email": "erin@x.example",
}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(
    running: OpenIdProvider, hosted: Configuration, settings: Settings, workspace: Workspace
) -> OpenIdProvider:
    """The site's, with groups for the workspace."""
    running.published, running.signs, running.described_issuer = None, None, ""
    running.redirected = ""
    settings.CONFIGURATION = hosted.model_copy(
        update={
            "oidc_issuer": running.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SecretStr(CLIENT_SECRET),
            "oidc_label": "Example SSO",
            "oidc_groups": f"readers={workspace.pk}:viewer, makers={workspace.pk}:editor, /lead=s={workspace.pk}:owner",
        }
    )
    return running


def signed_in(client: Client, provider: OpenIdProvider, **claims: Any) -> HttpResponse:
    """The answer to the browser that returns from the provider."""
    start = client.get(reverse("oidc-sign-in"))
    returned = provider.authorize(start["Location"], PERSON | claims)
    return client.get(reverse("oidc-callback"), returned)  # type: ignore[return-value]


def role_of(name: str, workspace: Workspace) -> str | None:
    return Membership.objects.filter(user__username=name, workspace=workspace).values_list("role", flat=True).first()


def test_a_person_signs_in_and_gets_an_account(client: Client, provider: OpenIdProvider) -> None:
    assert "Sign in with Example SSO" in client.get(reverse("login")).content.decode()
    answer = signed_in(client, provider)
    assert answer["Location"] == reverse("home")
    erin = User.objects.get(username="erin")
    assert (erin.get_full_name(), erin.email, erin.has_usable_password()) == ("Erin Ng", "erin@x.example", False)
    page = client.get(reverse("account"))
    assert page.status_code == 200 and "Sign out" in page.content.decode()
    assert "Change password" not in page.content.decode()


def test_the_same_subject_is_the_same_account_whatever_its_name(client: Client, provider: OpenIdProvider) -> None:
    signed_in(client, provider)
    signed_in(Client(SERVER_NAME="localhost"), provider, preferred_username="erin.new", family_name="Lee")
    assert ExternalIdentity.objects.get().user.get_full_name() == "Erin Lee"


def test_an_account_with_a_password_is_not_taken_over(
    client: Client, provider: OpenIdProvider, workspace: Workspace
) -> None:
    member("erin", workspace, Role.OWNER)
    signed_in(client, provider)
    new = ExternalIdentity.objects.get().user
    assert new.username.startswith("erin-") and not new.memberships.exists()


@pytest.mark.parametrize("name", ["local", "раураl", "x" * 400, "", 17, "a\x00b"])
def test_a_name_that_is_not_allowed_is_replaced(client: Client, provider: OpenIdProvider, name: object) -> None:
    signed_in(client, provider, preferred_username=name, email="")
    assert ExternalIdentity.objects.get().user.username not in ("local", name)


def test_groups_give_change_and_take_a_role(client: Client, provider: OpenIdProvider, workspace: Workspace) -> None:
    elsewhere = Workspace.objects.create(name="Elsewhere")
    signed_in(client, provider, groups=["readers", "makers", "others"])
    assert role_of("erin", workspace) == Role.EDITOR
    member("erin", elsewhere, Role.VIEWER)
    signed_in(client, provider, groups="readers")
    assert role_of("erin", workspace) == Role.VIEWER
    signed_in(client, provider, groups=["/lead=s"])
    assert role_of("erin", workspace) == Role.OWNER
    signed_in(client, provider, groups=[])
    assert (role_of("erin", workspace), role_of("erin", elsewhere)) == (None, Role.VIEWER)


def test_the_last_owner_stays(client: Client, provider: OpenIdProvider, workspace: Workspace) -> None:
    signed_in(client, provider, groups=["/lead=s"])
    Membership.objects.filter(workspace=workspace).exclude(user__username="erin").delete()
    signed_in(client, provider)
    assert role_of("erin", workspace) == Role.OWNER


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://another.example"},
        {"aud": "another-client"},
        {"nonce": "of-another-sign-in"},
        {"exp": 1},
        {"sub": ""},
    ],
)
def test_a_token_for_another_purpose_signs_no_one_in(
    client: Client, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    answer = signed_in(client, provider, **claims)
    assert answer.status_code == 403 and "The sign-in did not work" in answer.content.decode()
    assert not ExternalIdentity.objects.exists()
    assert client.get(reverse("account")).status_code == 302


def test_a_token_signed_with_another_key_signs_no_one_in(client: Client, provider: OpenIdProvider) -> None:
    provider.published = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
    openid._client_of.cache_clear()
    assert signed_in(client, provider).status_code == 403
    openid._client_of.cache_clear()


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def signed_with_the_clients_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))


@pytest.mark.parametrize("signs", [unsigned, signed_with_the_clients_secret])
def test_only_the_algorithm_of_the_provider_is_accepted(
    client: Client, provider: OpenIdProvider, signs: Callable[[dict[str, Any]], str]
) -> None:
    provider.signs = signs
    assert signed_in(client, provider).status_code == 403
    assert not ExternalIdentity.objects.exists()


def test_a_provider_that_describes_itself_as_another_one_is_refused(client: Client, provider: OpenIdProvider) -> None:
    provider.described_issuer = "https://another.example"
    openid._client_of.cache_clear()
    assert client.get(reverse("oidc-sign-in")).status_code == 503
    openid._client_of.cache_clear()


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_provider_with_a_certificate_that_is_not_trusted_is_asked_nothing(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    certificate, key = make_certificate(tmp_path)
    if is_trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with running_tls_server(certificate, key) as server:
        settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"oidc_issuer": server.address})
        assert client.get(reverse("oidc-sign-in")).status_code == 503
        assert server.asked == ["/.well-known/openid-configuration"] * is_trusted


def test_no_redirect_of_the_provider_is_followed(client: Client, provider: OpenIdProvider) -> None:
    provider.redirected = "/.well-known/openid-configuration"
    openid._client_of.cache_clear()
    assert client.get(reverse("oidc-sign-in")).status_code == 503
    provider.redirected = "/keys"
    openid._client_of.cache_clear()
    assert signed_in(client, provider).status_code == 403
    provider.redirected = ""
    openid._client_of.cache_clear()
    assert signed_in(client, provider).status_code == 302


def test_no_token_of_the_provider_is_kept(client: Client, provider: OpenIdProvider) -> None:
    given: list[str] = []

    def remember(claims: dict[str, Any]) -> str:
        given.append(jwt.encode({"alg": "RS256", "kid": "1"}, claims, provider.key))
        return given[0]

    provider.signs = remember
    assert signed_in(client, provider).status_code == 302
    kept = json.dumps(dict(client.session.items()), default=str)
    assert given[0] not in kept and "access_token" not in kept and "id_token" not in kept


def test_a_code_is_of_the_browser_that_asked(client: Client, provider: OpenIdProvider) -> None:
    start = client.get(reverse("oidc-sign-in"))
    returned = provider.authorize(start["Location"], PERSON)
    assert Client(SERVER_NAME="localhost").get(reverse("oidc-callback"), returned).status_code == 403
    assert (
        client.get(reverse("oidc-callback"), {"error": "access_denied", "state": returned["state"]}).status_code == 403
    )
    assert not ExternalIdentity.objects.exists()


def test_a_deactivated_account_stays_out(client: Client, provider: OpenIdProvider) -> None:
    signed_in(client, provider)
    User.objects.filter(username="erin").update(is_active=False)
    answer = signed_in(client, provider)
    assert answer.status_code == 403 and "deactivated" in answer.content.decode()


def administers(name: str = "erin") -> tuple[bool, bool]:
    return User.objects.values_list("is_superuser", "is_staff").get(username=name)


@pytest.fixture
def administrators(provider: OpenIdProvider, settings: Settings) -> OpenIdProvider:
    """The provider, with a group of administrators."""
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"oidc_administrators": "operators"})
    return provider


def test_a_group_makes_administrators_and_takes_it_away_at_the_next_sign_in(
    client: Client, administrators: OpenIdProvider
) -> None:
    root = User.objects.create_superuser("root", password="a fine passphrase")
    signed_in(client, administrators, groups=["readers", "operators"])
    assert administers() == (True, True)
    assert client.get(reverse("operations")).status_code == 200
    signed_in(client, administrators, groups=["readers"])
    assert administers() == (False, False)
    assert client.get(reverse("operations")).status_code == 403
    lines = AuditEvent.objects.filter(subject="operators").values_list("actor_name", "action")
    assert sorted(lines) == [
        ("erin", "became an administrator by a group"),
        ("erin", "was an administrator by a group until now"),
    ]
    root.refresh_from_db()
    assert root.is_superuser, "an account with a password keeps what it is"


@pytest.mark.usefixtures("user")
def test_the_last_administrator_stays_whatever_the_groups(client: Client, administrators: OpenIdProvider) -> None:
    """The local user, who cannot sign in to this mode, and a deactivated account are no others."""
    User.objects.create_superuser("left", is_active=False)
    signed_in(client, administrators, groups=["operators"])
    signed_in(client, administrators)
    assert administers() == (True, True)
    User.objects.create_superuser("root", password="a fine passphrase")
    signed_in(client, administrators)
    assert administers() == (False, False)


def test_without_a_configured_group_administrators_stay_as_they_are(client: Client, provider: OpenIdProvider) -> None:
    signed_in(client, provider, groups=["operators", "None"])
    assert administers() == (False, False)
    User.objects.create_superuser("root")
    User.objects.filter(username="erin").update(is_superuser=True)
    signed_in(client, provider)
    assert administers()[0]


@pytest.mark.parametrize(
    ("following", "leads_to"), [("/handbook", "/handbook"), ("https://evil.example/", "/"), ("//evil", "/")]
)
def test_it_goes_on_to_a_page_of_the_site_only(
    client: Client, provider: OpenIdProvider, following: str, leads_to: str
) -> None:
    start = client.get(reverse("oidc-sign-in"), {"next": following})
    answer = client.get(reverse("oidc-callback"), provider.authorize(start["Location"], PERSON))
    assert answer["Location"] == leads_to


def test_a_provider_that_does_not_answer_is_said(client: Client, provider: OpenIdProvider, settings: Settings) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"})
    assert client.get(reverse("oidc-sign-in")).status_code == 503


def test_no_owner_resets_the_password_of_an_external_account(
    client: Client, provider: OpenIdProvider, workspace: Workspace, alice: User
) -> None:
    signed_in(client, provider, groups=["readers"])
    assert not resettable_by(alice).filter(username="erin").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ISSUER": "http://login.example"}, "https://"),
        ({"ISSUER": "https://login.example"}, "CROSSOVER_OIDC_CLIENT_ID"),
        ({"ADMINISTRATORS": "operators"}, "CROSSOVER_OIDC_ISSUER"),
        ({"GROUPS": "makers=Our team:editor"}, "GROUP=WORKSPACE:role"),
        ({"GROUPS": "makers=12345678-1234-1234-1234-123456789012:admin"}, "owner, editor or viewer"),
    ],
)
def test_a_wrong_configuration_is_refused(given: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CROSSOVER_OIDC_{name}", value)
    with pytest.raises(Misconfigured, match=words):
        read_configuration()
