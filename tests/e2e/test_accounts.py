"""The pages of accounts in a browser. Only hosted mode has them, and that takes TLS with `up`: this process serves them itself."""

from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from advisor.configuration import Configuration
from advisor.teams.models import Role, User, Workspace
from tests.conftest import member
from tests.e2e.test_main_job import no_serious_finding

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = "the right password", "another-fine-password"


@pytest.fixture
def hosted_page(page: Page, hosted: Configuration, live_server: LiveServer) -> Page:
    """A browser at the sign-in page."""
    page.set_default_timeout(20_000)
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + reverse("login"))
    return page


def test_a_member_signs_in_changes_the_password_and_ends_a_session(hosted_page: Page, workspace: Workspace) -> None:
    page, dora = hosted_page, member("dora", workspace, Role.EDITOR)
    dora.set_password(OLD)
    dora.save()
    page.get_by_label("Name").fill("dora")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    no_serious_finding(page)
    page.get_by_label("Password").fill(OLD)
    page.keyboard.press("Enter")
    Client(SERVER_NAME="localhost").force_login(dora)
    page.get_by_role("link", name="Your account").click()
    expect(page.locator(".rows > li")).to_have_count(2)
    expect(page.locator(".rows > li", has_text="This one")).to_contain_text("Chrome")
    no_serious_finding(page)
    page.get_by_role("button", name="End all other sessions").click()
    expect(page.get_by_role("status").first).to_have_text("1 other session ended.")

    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("12345678")
    page.keyboard.press("Enter")
    expect(page.locator("#error-old-password")).to_have_text("That is not your current password.")
    no_serious_finding(page)
    page.get_by_label("Current password").fill(OLD)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("The new password again").fill(NEW)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status").first).to_contain_text("Your password is changed.")
    assert User.objects.get(pk=dora.pk).check_password(NEW)


def test_an_owner_makes_a_link_and_the_member_who_had_to_wait_uses_it(
    hosted_page: Page, live_server: LiveServer, workspace: Workspace, alice: User
) -> None:
    page, dora = hosted_page, member("dora", workspace, Role.EDITOR)
    for user in (alice, dora):
        user.set_password(OLD)
        user.save()
    for _ in range(6):
        page.get_by_label("Name").fill("dora")
        page.get_by_label("Password").fill("wrong")
        with page.expect_response(lambda response: response.request.method == "POST"):
            page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Too many attempts. Try again in 15 minutes.")
    no_serious_finding(page)

    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(OLD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(live_server.url + reverse("workspace", args=[workspace.pk]))
    page.get_by_role("button", name="Reset password of dora").click()
    link = page.get_by_label("The link with which dora").input_value()
    no_serious_finding(page)
    page.get_by_role("button", name="Sign out").click()

    page.goto(live_server.url + urlsplit(link).path)
    expect(page).to_have_url(live_server.url + reverse("password-reset"))
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("The new password again").fill("something else")
    page.keyboard.press("Enter")
    expect(page.locator("#error-again")).to_have_text("The two passwords differ.")
    no_serious_finding(page)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("The new password again").fill(NEW)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Your new password is set.")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
