"""Keys that lead to pages, the list of shortcuts, and the handbook's filter."""

from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import begin, field, no_serious_finding, visit

__all__ = ["visit"]


def test_keys_lead_to_pages_and_are_listed(visit: Page) -> None:
    page = visit
    page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_be_visible()
    no_serious_finding(page)
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(shortcuts).to_be_visible()
    page.keyboard.press("Escape")
    expect(shortcuts).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/handbook")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter the handbook")).to_be_focused()
    page.keyboard.type("circuit breaker")
    expect(page.locator("#scenario-event_driven, #glossary-circuit-breaker").first).to_be_visible()
    expect(page.locator("#glossary-goodput")).to_be_hidden()
    expect(page.locator("#matches")).to_contain_text("entr")


def test_keys_that_are_typed_into_an_answer_lead_nowhere(visit: Page) -> None:
    begin(visit, "Document extraction")
    address = visit.url
    field(visit, "name").fill("")
    visit.keyboard.type("gh? gd")
    expect(field(visit, "name")).to_have_value("gh? gd")
    expect(visit.locator("#shortcuts")).to_be_hidden()
    assert visit.url == address
