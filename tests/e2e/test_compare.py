"""Runs side by side, in a browser: picked, looked at wide and narrow, sent as an address."""

import re
import time

from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import NARROW, RUN_MS, WIDE, demo, no_serious_finding, visit

__all__ = ["visit"]


def test_runs_are_picked_shown_side_by_side_and_sent_as_an_address(visit: Page, site: str) -> None:
    page = visit
    page.get_by_role("link", name="Side by side").click()
    until_s = time.monotonic() + RUN_MS / 1000
    while page.get_by_role("checkbox").count() < 3:
        assert time.monotonic() < until_s
        page.reload()
    no_serious_finding(page)
    choices = page.get_by_role("checkbox").all()
    for choice in choices[-3:]:  # the oldest are those that the site began with
        choice.check()
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/compare\?run=[0-9a-f-]{36}&run=[0-9a-f-]{36}&run=[0-9a-f-]{36}$"))
    expect(page.locator(".compared-runs .letter")).to_have_text(["A", "B", "C"])
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    charts = page.locator(".plot")
    expect(charts).to_have_count(9)
    for alternative in charts.evaluate_all("places => places.map((place) => place.getAttribute('aria-label'))"):
        assert len(alternative) > 30
    expect(page.get_by_role("row", name="Deadline").first).to_contain_text("30 min")
    no_serious_finding(page)

    latency = page.locator("#chart-latency-synchronous")
    latency.locator("summary").click()
    expect(latency.get_by_role("row", name="p95")).to_be_visible()

    page.set_viewport_size(NARROW)
    boxes = [chart.bounding_box() for chart in charts.all()]
    assert all(box and box["width"] <= NARROW["width"] for box in boxes)
    assert len({round(box["x"]) for box in boxes if box}) == 1
    page.set_viewport_size(WIDE)

    first = page.locator(".compared-runs h2").nth(1).inner_text().removeprefix("B").strip()
    page.get_by_role("link", name=re.compile("Put first ?: B")).click()
    expect(page.locator(".compared-runs h2").first).to_contain_text(first)
    page.get_by_role("link", name=re.compile("Take away ?C")).click()
    expect(page.locator(".compared-runs li")).to_have_count(2)
    address = page.url
    page.goto(site)
    page.goto(address)
    expect(page.locator(".compared-runs h2").first).to_contain_text(first)


def test_a_run_leads_to_its_comparison(visit: Page) -> None:
    page = visit
    demo(page, "Document extraction").locator("a.run-succeeded").click(timeout=RUN_MS)
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)
