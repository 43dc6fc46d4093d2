"""Email: a forgotten password, an address of one's own, invitations; and a mail server that does not work."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pydantic import SecretStr
from pytest_django import Settings

from advisor.configuration import Configuration, Misconfigured, read_configuration
from advisor.teams.mail import LONGEST_EMAIL
from advisor.teams.models import AuditEvent, ExternalIdentity, Invitation, Membership, User, Workspace
from advisor.teams.services import workspaces
from tests.fakes.mail_server import LoopbackMailServer, running_mail_server
from tests.proxies import make_certificate
from tests.web.conftest import RIGHT
from tests.web.test_sign_in import PER_ACCOUNT, PER_ADDRESS, sign_in

pytestmark = pytest.mark.django_db
ADDRESS = "dora@company.example"
NEW = {"new_password1": "another-fine-password", "new_password2": "another-fine-password"}
LINK = re.compile(r"https://localhost(/\S+)")


class SendsAtOnce:
    """In place of the threads that send in the background."""

    def submit(self, send: object) -> None:
        send()  # type: ignore[operator]


@pytest.fixture
def mailing(hosted: Configuration, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """A site with a mail server, whose emails are in `mail.outbox`."""
    given = {"email_url": SecretStr("smtp://127.0.0.1"), "email_from": "crossover@company.example"}
    settings.CONFIGURATION = hosted.model_copy(update=given)
    monkeypatch.setattr("advisor.teams.mail._SENDER", SendsAtOnce())
    return settings.CONFIGURATION


@pytest.fixture
def dora_with_email(dora: User) -> User:
    dora.email = ADDRESS
    dora.save()
    return dora


@pytest.fixture
def owner(alice: User) -> Client:
    owner = Client(SERVER_NAME="localhost")
    owner.force_login(alice)
    return owner


@pytest.fixture
def mail_server(mailing: Configuration, settings: Settings) -> Iterator[LoopbackMailServer]:
    with running_mail_server() as server:
        _use(settings, server)
        yield server


def _use(settings: Settings, server: LoopbackMailServer) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port


def ask(client: Client, address: str = ADDRESS, **meta: str) -> tuple[int, str]:
    page = client.post(reverse("forgotten-password"), {"email": address}, **meta)  # type: ignore[arg-type]
    return page.status_code, page.content.decode()


def link_in(message: mail.EmailMessage) -> str:
    match = LINK.search(str(message.body))
    assert match
    return match[1]


@pytest.mark.usefixtures("mailing")
def test_a_forgotten_password_is_set_by_a_link_that_works_once(client: Client, dora_with_email: User) -> None:
    thief = Client(SERVER_NAME="localhost")
    sign_in(thief, "dora", RIGHT)
    assert reverse("forgotten-password") in client.get(reverse("login")).content.decode()
    assert ask(client, "Dora@company.example")[0] == 200
    assert [message.to for message in mail.outbox] == [[ADDRESS]]
    link = link_in(mail.outbox[0])
    opened = client.get(link)
    assert opened.status_code == 302 and opened["Referrer-Policy"] == "no-referrer"
    page = client.get(opened["Location"])
    assert "For the account dora." in page.content.decode() and page["Cache-Control"] == "no-store"
    refused = client.post(opened["Location"], NEW | {"new_password1": "12345678"})
    assert refused.status_code == 422 and 'id="error-password"' in refused.content.decode()
    home = client.post(opened["Location"], NEW, follow=True)
    assert "Your new password is set." in home.content.decode()
    assert "You are signed in as dora." in client.get(reverse("account")).content.decode()
    assert thief.get(reverse("account")).status_code == 302
    assert [Client(SERVER_NAME="localhost").get(each).status_code for each in (link, opened["Location"])] == [404, 404]
    assert AuditEvent.objects.filter(action="reset the password", actor=dora_with_email).exists()


@pytest.mark.usefixtures("mailing")
def test_a_link_holds_for_an_hour(client: Client, dora_with_email: User, settings: Settings) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT <= 3600
    ask(client)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert client.get(link_in(mail.outbox[0])).status_code == 404


@pytest.mark.usefixtures("mailing")
def test_a_link_is_void_once_the_account_is_deactivated(client: Client, dora_with_email: User) -> None:
    ask(client)
    User.objects.update(is_active=False)
    assert client.get(link_in(mail.outbox[0])).status_code == 404


@pytest.mark.usefixtures("mailing")
def test_no_answer_says_whether_there_is_an_account(client: Client, dora_with_email: User, bob: User) -> None:
    bob.email, bob.is_active = "bob@company.example", False
    bob.save()
    ExternalIdentity.objects.create(user=bob, issuer="https://login.example", subject="1")
    (status, known), *others = (ask(client, each) for each in (ADDRESS, "nova@company.example", bob.email))
    for address, (other_status, page) in zip(("nova@company.example", bob.email), others, strict=True):
        assert other_status == status == 200
        assert without_token(page) == without_token(known).replace(ADDRESS, address)
    assert len(mail.outbox) == 1


def without_token(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


@pytest.mark.usefixtures("mailing")
def test_asking_is_throttled_by_email_address_and_by_connection(client: Client, dora_with_email: User) -> None:
    for number in range(PER_ACCOUNT):
        assert ask(client, REMOTE_ADDR=f"192.0.2.{number}")[0] == 200
    status, page = ask(client, ADDRESS.upper(), REMOTE_ADDR="192.0.2.99")
    assert status == 429 and "Try again in 15 minutes." in page and len(mail.outbox) == PER_ACCOUNT
    for number in range(PER_ADDRESS):
        assert ask(client, f"{number}@company.example")[0] == 200
    assert ask(client, "nova@company.example")[0] == 429


@pytest.mark.usefixtures("mailing")
def test_guessed_links_make_their_address_wait(client: Client) -> None:
    for _ in range(PER_ADDRESS):
        assert client.get(reverse("choose-forgotten-password", args=["MQ", "a-b"])).status_code == 404
    assert client.get(reverse("choose-forgotten-password", args=["MQ", "a-b"])).status_code == 429


@pytest.mark.usefixtures("hosted")
def test_without_a_mail_server_the_sign_in_page_says_whom_to_ask(client: Client, owner: Client) -> None:
    page = client.get(reverse("login")).content.decode()
    assert "An owner" in page and "forgotten-password" not in page
    assert ask(client)[0] == 404


def test_it_goes_over_smtp(client: Client, dora_with_email: User, mail_server: LoopbackMailServer) -> None:
    assert ask(client)[0] == 200
    email = mail_server.received.get(timeout=10)
    assert (email["To"], email["Subject"]) == (ADDRESS, "Set a new password")
    match = LINK.search(email.get_content())
    assert match and client.get(match[1]).status_code == 302


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture(params=["smtps", "smtp+tls"])
def tls_mail_server(
    request: pytest.FixtureRequest, certificate: tuple[Path, Path], mailing: Configuration, settings: Settings
) -> Iterator[LoopbackMailServer]:
    """With TLS from the first byte, or after STARTTLS; the site's, by its name."""
    starttls = request.param == "smtp+tls"
    with running_mail_server(certificate=certificate, starttls=starttls) as server:
        _use(settings, server)
        settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "localhost", starttls, not starttls
        yield server


def test_it_goes_over_tls_to_a_server_whose_certificate_is_trusted(
    client: Client,
    dora_with_email: User,
    certificate: tuple[Path, Path],
    tls_mail_server: LoopbackMailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server takes no email without TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert ask(client)[0] == 200
    assert tls_mail_server.received.get(timeout=10)["To"] == ADDRESS


@pytest.mark.parametrize("fault", ["unknown issuer", "another host"])
def test_a_certificate_that_is_not_trusted_is_refused_and_logged(
    client: Client,
    dora_with_email: User,
    certificate: tuple[Path, Path],
    tls_mail_server: LoopbackMailServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    if fault == "another host":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        settings.EMAIL_HOST = "127.0.0.1"
    (status, known), (_, unknown) = ask(client), ask(client, "nova@company.example")
    assert status == 503 and "The mail server did not answer" in known
    assert known.replace(ADDRESS, "nova@company.example").split("csrf")[0] == unknown.split("csrf")[0]
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text and ADDRESS not in caplog.text
    assert tls_mail_server.received.empty()


def test_a_server_that_offers_no_tls_gets_no_email(
    client: Client, dora_with_email: User, mail_server: LoopbackMailServer, settings: Settings
) -> None:
    settings.EMAIL_USE_TLS = True
    assert ask(client)[0] == 503
    assert mail_server.received.empty()


@pytest.mark.parametrize("address", [ADDRESS, "nova@company.example"])
def test_a_dead_mail_server_is_a_sentence_for_every_address(
    client: Client, dora_with_email: User, mailing: Configuration, settings: Settings, address: str
) -> None:
    with running_mail_server() as gone:
        pass
    _use(settings, gone)
    status, page = ask(client, address)
    assert status == 503 and "The mail server did not answer" in page


def test_a_hung_mail_server_holds_no_page_up(
    client: Client, dora_with_email: User, mailing: Configuration, settings: Settings
) -> None:
    assert settings.EMAIL_TIMEOUT <= 10
    with running_mail_server(hung=True) as hung:
        _use(settings, hung)
        settings.EMAIL_TIMEOUT = 0.2
        assert ask(client)[0] == 503


@pytest.mark.usefixtures("mailing")
def test_an_address_of_ones_own_is_used_once_it_is_confirmed(client: Client, dora: User, bob: User) -> None:
    sign_in(client, "dora", RIGHT)
    assert reverse("change-email") in client.get(reverse("account")).content.decode()
    refused = client.post(reverse("change-email"), {"email": ADDRESS, "old_password": "wrong"})
    assert refused.status_code == 422 and "That is not your current password." in refused.content.decode()
    assert client.post(reverse("change-email"), {"email": "dora@", "old_password": RIGHT}).status_code == 422
    client.post(reverse("change-email"), {"email": ADDRESS, "old_password": RIGHT})
    link = link_in(mail.outbox[0])
    stranger = Client(SERVER_NAME="localhost")
    assert stranger.get(link)["Location"].startswith(reverse("login"))
    stranger.force_login(bob)
    assert stranger.post(link).status_code == 404
    assert ADDRESS in client.get(link).content.decode() and User.objects.get(username="dora").email == ""
    assert client.post(link, follow=True).status_code == 200
    assert User.objects.get(username="dora").email == ADDRESS
    assert client.post(link).status_code == 404, "it works once"
    client.post(reverse("change-email"), {"email": "new@company.example", "old_password": RIGHT})
    client.post(link_in(mail.outbox[1]))
    assert [message.to for message in mail.outbox[1:]] == [["new@company.example"], [ADDRESS]]
    assert "has another email address" in mail.outbox[2].body


def invite(owner: Client, workspace: Workspace, email: str) -> tuple[int, str]:
    given = {"role": "viewer", "days": "7", "email": email}
    page = owner.post(reverse("invite", args=[workspace.pk]), given)
    return page.status_code, page.content.decode()


@pytest.mark.usefixtures("mailing")
def test_an_invitation_is_sent_and_its_account_has_the_address(
    client: Client, owner: Client, workspace: Workspace
) -> None:
    status, page = invite(owner, workspace, "nova@company.example")
    assert status == 200 and "The invitation was sent to nova@company.example." in page
    link = link_in(mail.outbox[0])
    assert link not in page, "who makes the account has read the email"
    assert (
        f"alice invites you to the workspace &quot;{workspace.name}&quot;".replace("&quot;", '"') in mail.outbox[0].body
    )
    client.get(link)
    client.post(reverse("join"), {"username": "nova", "password": RIGHT, "again": RIGHT})
    assert User.objects.get(username="nova").email == "nova@company.example"


@pytest.mark.usefixtures("mailing")
@pytest.mark.parametrize("email", ["nova", "a@b.example\nBcc: c@d.example", f"{'x' * LONGEST_EMAIL}@b.example"])
def test_what_is_no_address_is_refused(owner: Client, workspace: Workspace, email: str) -> None:
    status, page = invite(owner, workspace, email)
    assert status == 422 and 'id="invitation-email-error">This should' in page
    assert not Invitation.objects.exists() and not mail.outbox


@pytest.mark.usefixtures("hosted")
def test_without_a_mail_server_an_address_is_refused(owner: Client, workspace: Workspace) -> None:
    assert invite(owner, workspace, "nova@company.example")[0] == 422
    assert invite(owner, workspace, "")[0] == 200


@pytest.mark.usefixtures("mailing")
def test_no_one_floods_others_with_invitations(
    owner: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "EMAILS_A_DAY", 1)
    assert invite(owner, workspace, "nova@company.example")[0] == 200
    Invitation.objects.update(revoked_at=timezone.now())
    assert invite(owner, workspace, "nova@company.example")[0] == 422
    Invitation.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert invite(owner, workspace, "nova@company.example")[0] == 200


def test_an_invitation_that_the_server_refuses_is_a_link_to_hand_over(
    owner: Client, workspace: Workspace, mail_server: LoopbackMailServer
) -> None:
    status, page = invite(owner, workspace, "nova@refused.example")
    assert status == 200 and "The mail server did not take the email to nova@refused.example." in page
    assert "https://localhost/invitations/" in page
    assert Invitation.objects.get().email == "", "an account that is made with it has proved no address"


@pytest.mark.usefixtures("mailing")
def test_a_reset_link_of_an_owner_or_administrator_is_sent_too(
    owner: Client, workspace: Workspace, dora_with_email: User
) -> None:
    row = Membership.objects.get(workspace=workspace, user=dora_with_email)
    page = owner.post(reverse("make-password-reset", args=[workspace.pk, row.pk])).content.decode()
    assert f"It was also sent to {ADDRESS}." in page and link_in(mail.outbox[0]) in page
    admin = Client(SERVER_NAME="localhost")
    admin.force_login(User.objects.create_superuser("root"))
    action = {"action": "make_reset_link", "_selected_action": [dora_with_email.pk]}
    page = admin.post(reverse("admin:teams_user_changelist"), action).content.decode()
    assert link_in(mail.outbox[1]) in page and f"It was also sent to {ADDRESS}." in page


@pytest.mark.parametrize(
    ("url", "sender", "words"),
    [
        ("smtps://mail.example", "", "CROSSOVER_EMAIL_FROM"),
        ("https://mail.example", "a@b.example", "smtps://"),
        ("smtps://mail.example/x", "a@b.example", "nothing after"),
        ("smtps://mail.example:x", "a@b.example", "smtps://"),
        ("smtps://user@mail.example", "a@b.example", "a user and a password"),
        ("smtp://user:hunter2@mail.example", "a@b.example", "in the clear"),
        ("smtps://mail.example", "Crossover", "should be an address"),
        ("smtps://mail.example", "A <a@b.example", "should be an address"),
    ],
)
def test_a_wrong_configuration_is_refused(url: str, sender: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    monkeypatch.setenv("CROSSOVER_EMAIL_FROM", sender)
    with pytest.raises(Misconfigured, match=words) as refused:
        read_configuration()
    assert "hunter2" not in str(refused.value)


def test_a_mail_server_is_read_from_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSOVER_MODE", "hosted")
    monkeypatch.setenv("CROSSOVER_EMAIL_FROM", "Crossover <crossover@company.example>")
    for url, server in {
        "smtps://me%40b.example:p%2Fw@mail.example": ("smtps", "mail.example", 465, "me@b.example", "p/w"),
        "smtp+tls://me:pw@mail.example:2525": ("smtp+tls", "mail.example", 2525, "me", "pw"),
        "smtp://relay": ("smtp", "relay", 25, "", ""),
    }.items():
        monkeypatch.setenv("EMAIL_URL", url)
        assert read_configuration().mail_server == server
