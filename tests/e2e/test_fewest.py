"""The search for the fewest workers or consumers as an architect does it, looked at wide and narrow, light and dark."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import RUN_MS, begin, no_serious_finding, visit

__all__ = ["visit"]


def test_a_search_says_what_each_design_needs_and_its_address_can_be_sent(visit: Page) -> None:
    begin(visit, "Chat assistant")
    visit.get_by_role("link", name="Crossover map").click()
    visit.get_by_role("button", name="Search").click()
    visit.wait_for_url(re.compile(r"/fewest/[0-9a-f-]{36}$"))
    sentence = visit.get_by_role(
        "heading", name=re.compile("^Synchronous needs [0-9]+ workers and event-driven needs [0-9]+ consumers$")
    )
    expect(sentence).to_be_visible(timeout=RUN_MS)
    expect(visit.locator("#fewest-live")).to_contain_text("Synchronous meets the deadline from")
    expect(visit.locator("#fewest-live")).to_contain_text("Event-driven meets the deadline from")
    no_serious_finding(visit)
    text = visit.locator("#fewest-live").inner_text()
    visit.goto(visit.url)
    expect(visit.locator("#fewest-live")).to_contain_text("Numbers tried")
    assert visit.locator("#fewest-live").inner_text() == text
    visit.get_by_role("link", name="Crossover map").click()
    expect(visit.get_by_role("link", name="Search of revision 1")).to_be_visible()
