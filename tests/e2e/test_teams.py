"""A team at work on a decision, in a browser: revisions, comments, status, workspaces, invitations."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import begin, field, no_serious_finding, visit

__all__ = ["visit"]


def saved(page: Page, path: str, value: str) -> None:
    """Types an answer and waits until the server has it."""
    with page.expect_response(lambda answer: answer.url.endswith("/answers") and answer.status == 200):
        field(page, path).fill(value)
        field(page, path).blur()


def set_status(page: Page, revision: int, status: str) -> None:
    """Sets the status of the latest revision, on the decision's page."""
    page.locator("details.menu", has_text="More").locator("summary").first.click()
    page.get_by_label(f"Status of revision {revision}").select_option(status)
    page.get_by_role("button", name="Set status").click()


def test_a_decision_is_revised_and_the_revisions_compared(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    decision = page.url
    set_status(page, 1, "proposed")
    saved(page, "processing.p95_s", "40")
    expect(page.locator("#saved-state")).to_contain_text("Revision 2")
    expect(page.locator("#status-summary")).to_contain_text("Revision 1 proposed; revision 2 is a draft")
    page.get_by_role("link", name="Revisions", exact=True).click()
    expect(page.locator("#revision-2")).to_contain_text("p95 20\u00a0s → 40\u00a0s")
    expect(page.locator("#revision-1")).to_contain_text("The first answers")
    no_serious_finding(page)

    page.get_by_role("link", name="Revision 1", exact=True).click()
    expect(page.locator("h1")).to_have_text("Revision 1")
    no_serious_finding(page)
    page.get_by_role("link", name="Compare with the current one").click()
    expect(page).to_have_url(re.compile(r"\?from=1&to=2$"))
    row = page.get_by_role("row", name="How long does the slowest one in twenty take?")
    expect(row.get_by_role("cell")).to_have_text(["20\u00a0s", "40\u00a0s"])
    no_serious_finding(page)
    page.get_by_label("Revision", exact=True).select_option("2")
    page.get_by_label("with revision").select_option("1")
    page.get_by_role("button", name="Compare").click()
    expect(row.get_by_role("cell")).to_have_text(["40\u00a0s", "20\u00a0s"])

    page.goto(decision)
    set_status(page, 2, "accepted")
    page.get_by_role("link", name="Revisions", exact=True).click()
    expect(page.locator("#revision-2")).to_contain_text(re.compile(r"Draft → accepted by You,"))
    page.goto(decision.split("/decisions")[0])
    page.get_by_role("link", name=re.compile(r"Accepted \d")).click()
    expect(page.locator(".decision-row")).to_have_count(1)
    no_serious_finding(page)


def test_a_comment_is_said_shown_literally_and_taken_back(visit: Page) -> None:
    page = visit
    begin(page, "Email triage")
    page.get_by_role("link", name="Comments").click()
    page.get_by_label("Your comment").fill("Is <b>this</b> so?\n<script>alert(1)</script>")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator(".comment-text")).to_have_text("Is <b>this</b> so?\n<script>alert(1)</script>")
    no_serious_finding(page)
    page.get_by_role("button", name="Delete the comment").click()
    expect(page.locator(".comment-text")).to_have_count(0)


def test_a_workspace_is_begun_invited_to_and_left_for_another(visit: Page, site: str) -> None:
    page = visit
    page.get_by_role("link", name="My decisions").click()
    no_serious_finding(page)
    page.get_by_role("link", name="Workspaces").click()
    page.get_by_label("Name of a new workspace").fill("Invoices")
    page.get_by_role("button", name="Create workspace").click()
    expect(page.locator("h1")).to_have_text("Invoices")
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link, shown only once").input_value()
    assert link.startswith(f"{site}/invitations/")
    no_serious_finding(page)

    page.goto(link)
    assert page.url == f"{site}/invitation"
    expect(page.get_by_role("heading")).to_have_text("Join Invoices")
    expect(page.locator("main")).to_contain_text("You are a member already, as owner.")
    no_serious_finding(page)
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("link", name="Invoices")).to_be_visible()
    expect(page.locator("main")).to_contain_text("No decisions yet")

    page.get_by_role("link", name="Invoices").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("main")).to_contain_text("No invitation is open.")
    page.get_by_role("link", name="Workspaces").click()
    no_serious_finding(page)
    page.get_by_role("button", name=re.compile("Switch to it ?: My decisions")).click()
    expect(page.get_by_role("link", name="My decisions")).to_be_visible()
    expect(page.locator(".decision-row").first).to_be_visible()
