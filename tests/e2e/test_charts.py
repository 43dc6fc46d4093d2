"""The charts of a run in a browser: they open at the peak, move together, and are kept as pictures and numbers."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import begin, simulate, visit

__all__ = ["visit"]


def shown(page: Page, name: str) -> list[float]:
    ends: list[float] = page.locator(f"[data-chart={name}]").evaluate("place => place.layout.xaxis.range")
    return ends


def test_charts_open_at_the_peak_zoom_together_and_can_be_kept(visit: Page) -> None:
    begin(visit, "Document extraction")
    simulate(visit)
    expect(visit.locator("#chart-lag .main-svg").first).to_be_visible()
    part, chart = visit.locator("#chart-view"), visit.locator("#chart-queue_depth")
    expect(part.locator("option").first).to_contain_text("eak")
    opened = shown(visit, "queue_depth")

    chart.get_by_role("button", name="Zoom in").focus()
    visit.keyboard.press("Enter")
    expect(part).to_have_value("")
    expect(chart.locator("[data-key]")).to_contain_text("Event-driven")
    zoomed = shown(visit, "queue_depth")
    assert zoomed[1] - zoomed[0] < 0.6 * (opened[1] - opened[0])
    assert shown(visit, "lag") == zoomed
    part.select_option(label="Whole run")
    expect(chart.locator("[data-key]")).to_be_hidden()
    assert shown(visit, "queue_depth")[0] == 0
    chart.get_by_role("button", name="Reset").click()
    expect(part).to_have_value("0")
    assert shown(visit, "lag") == opened

    with visit.expect_download() as picture:
        chart.get_by_role("button", name="PNG").click()
    assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")
    with visit.expect_download() as numbers:
        chart.get_by_role("link", name="CSV").click()
    assert numbers.value.suggested_filename == "queue_depth.csv"
    assert Path(numbers.value.path()).read_text().startswith("Time since the start (s),")
