"""The fixture that the walks in a browser stand on."""

from playwright.sync_api import Page, expect

from tests.sites import Site


def test_the_landing_page_answers(page: Page, site: str) -> None:
    answer = page.goto(site)
    assert answer
    assert answer.status == 200
    expect(page.locator("h1").first).to_be_visible()


def test_a_run_that_is_started_now_would_be_done(running: Site) -> None:
    running.until_ready()
    assert set(running.get("/health/ready")[1]["checks"].values()) == {"ok"}
