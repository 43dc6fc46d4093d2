"""A forgotten password, as an owner and a member go through it."""

import logging
import re
from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from advisor.teams.models import Membership, PasswordReset, Role, User, Workspace
from advisor.teams.services.accounts import make_reset
from tests.conftest import member
from tests.web.conftest import RIGHT
from tests.web.test_sign_in import PER_ACCOUNT, PER_ADDRESS, WRONG, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hosted")]
NEW = {"password": "another-fine-password", "again": "another-fine-password"}
LINK = re.compile(r"https://localhost(/password-resets/[\w-]+)")


@pytest.fixture
def owner(alice: User) -> Client:
    """The browser of an owner."""
    owner = Client(SERVER_NAME="localhost")
    owner.force_login(alice)
    return owner


def made(owner: Client, workspace: Workspace, account: User) -> str:
    """The address of a link that the owner has made."""
    row = Membership.objects.get(workspace=workspace, user=account)
    page = owner.post(reverse("make-password-reset", args=[workspace.pk, row.pk]))
    assert page.status_code == 200 and "no-store" in page["Cache-Control"]
    match = LINK.search(page.content.decode())
    assert match
    return match[1]


def test_a_link_sets_a_new_password_signs_in_and_ends_every_session(
    client: Client, owner: Client, workspace: Workspace, dora: User, caplog: pytest.LogCaptureFixture
) -> None:
    thief = Client(SERVER_NAME="localhost")
    sign_in(thief, "dora", RIGHT)
    for _ in range(PER_ACCOUNT):
        sign_in(client, "dora", WRONG)
    with caplog.at_level(logging.INFO):
        link = made(owner, workspace, dora)
        assert link not in owner.get(reverse("workspace", args=[workspace.pk])).content.decode()
        opened = client.get(link)
        assert opened["Location"] == reverse("password-reset")
        assert (opened["Cache-Control"], opened["Referrer-Policy"]) == ("no-store", "no-referrer")
        page = client.get(reverse("password-reset"))
        assert "For the account dora." in page.content.decode() and page["Cache-Control"] == "no-store"
        refused = client.post(reverse("password-reset"), {"password": "12345678", "again": "1"})
        assert refused.status_code == 422 and 'id="error-password"' in refused.content.decode()
        home = client.post(reverse("password-reset"), NEW, follow=True)
    assert "Your new password is set." in home.content.decode()
    assert client.get(reverse("account")).status_code == 200, "though the account had to wait"
    assert thief.get(reverse("account")).status_code == 302
    assert client.get(link).status_code == 404
    assert client.get(reverse("password-reset")).status_code == 404
    assert sign_in(Client(SERVER_NAME="localhost"), "dora", RIGHT).status_code == 200
    alice = User.objects.get(username="alice")
    lines = [record.message for record in caplog.records if "reset link" in record.message]
    assert lines == [
        f"Password reset link for account {dora.pk} made by account {alice.pk}",
        f"Password reset link for account {dora.pk} used",
    ]
    assert link.rsplit("/", 1)[1] not in caplog.text and NEW["password"] not in caplog.text


def test_every_link_that_does_not_work_answers_alike(
    client: Client, owner: Client, workspace: Workspace, dora: User, vera: User, bob: User
) -> None:
    used = made(owner, workspace, dora)
    client.get(used)
    client.post(reverse("password-reset"), NEW)
    client.logout()
    revoked = made(owner, workspace, vera)
    row = Membership.objects.get(workspace=workspace, user=vera)
    owner.post(reverse("revoke-password-reset", args=[workspace.pk, row.pk]))
    expired = made(owner, workspace, bob)
    PasswordReset.objects.filter(user=bob).update(expires_at=F("expires_at") - timedelta(hours=24))
    answers = [client.get(link) for link in (used, revoked, expired, expired[:-1] + "!", "/password-resets/x")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert {(answer["Cache-Control"], answer["Referrer-Policy"]) for answer in answers} == {("no-store", "no-referrer")}
    assert client.get(reverse("password-reset")).status_code == 404


def test_guessed_links_make_their_address_wait(client: Client, owner: Client, workspace: Workspace, dora: User) -> None:
    link = made(owner, workspace, dora)
    for _ in range(PER_ADDRESS):
        client.get("/password-resets/x")
    refused = client.get(link)
    assert refused.status_code == 429 and int(refused["Retry-After"]) <= 900
    assert client.get(link, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_the_page_offers_it_for_whom_it_is_allowed(
    owner: Client, workspace: Workspace, dora: User, charlie: User
) -> None:
    member("charlie", workspace, Role.VIEWER)
    page = owner.get(reverse("workspace", args=[workspace.pk])).content.decode()
    assert re.findall(r"Reset password<span class=\"visually-hidden\"> of (\w+)", page) == ["dora"]
    row = Membership.objects.get(workspace=workspace, user=charlie)
    refused = owner.post(reverse("make-password-reset", args=[workspace.pk, row.pk]))
    assert refused.status_code == 403 and "ask an administrator" in refused.content.decode()
    assert not PasswordReset.objects.exists()


def test_an_open_link_is_shown_with_who_made_it_and_can_be_revoked(
    client: Client, owner: Client, workspace: Workspace, dora: User
) -> None:
    link = made(owner, workspace, dora)
    page = owner.get(reverse("workspace", args=[workspace.pk])).content.decode()
    assert "With a link made by alice, dora can set a new password until" in page
    row = Membership.objects.get(workspace=workspace, user=dora)
    owner.post(reverse("revoke-password-reset", args=[workspace.pk, row.pk]))
    assert "A link made by" not in owner.get(reverse("workspace", args=[workspace.pk])).content.decode()
    assert client.get(link).status_code == 404


def test_an_administrator_makes_one_for_a_user_in_no_workspace(client: Client) -> None:
    admin = Client(SERVER_NAME="localhost")
    root = User.objects.create_superuser("root")
    admin.force_login(root)
    loner = User.objects.create_user("loner")
    users = reverse("admin:teams_user_changelist")
    page = admin.post(users, {"action": "make_reset_link", "_selected_action": [loner.pk]})
    match = LINK.search(page.content.decode())
    assert match and "no-store" in page["Cache-Control"]
    assert client.get(match[1]).status_code == 302
    both = {"action": "make_reset_link", "_selected_action": [loner.pk, root.pk]}
    assert "Select one account" in admin.post(users, both, follow=True).content.decode()
    own = {"action": "make_reset_link", "_selected_action": [root.pk]}
    assert "another person" in admin.post(users, own, follow=True).content.decode()
    assert admin.get(reverse("admin:teams_passwordreset_changelist")).status_code == 200


def test_an_administrator_who_is_only_staff_makes_none(client: Client, dora: User) -> None:
    """Staff may be allowed to change users, which is no leave to take accounts over."""
    from django.contrib.auth.models import Permission

    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client.force_login(staff)
    client.post(reverse("admin:teams_user_changelist"), {"action": "make_reset_link", "_selected_action": [dora.pk]})
    assert not PasswordReset.objects.exists()


def test_another_user_who_is_signed_in_is_signed_out_by_it(
    client: Client, owner: Client, workspace: Workspace, dora: User, bob: User
) -> None:
    client.force_login(bob)
    client.get(made(owner, workspace, dora))
    client.post(reverse("password-reset"), NEW)
    assert "You are signed in as dora." in client.get(reverse("account")).content.decode()


def test_local_use_has_no_links(client: Client, workspace: Workspace, dora: User, user: User, settings: object) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mode": "local"})  # type: ignore[attr-defined]
    page = client.get(reverse("workspace", args=[workspace.pk])).content.decode()
    assert "dora" in page and "Reset password" not in page
    row = Membership.objects.get(workspace=workspace, user=dora)
    assert client.post(reverse("make-password-reset", args=[workspace.pk, row.pk])).status_code == 404
    assert client.get(reverse("open-password-reset", args=[make_reset(dora, user)])).status_code == 404
