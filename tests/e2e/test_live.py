"""A live run as its owner sees it: chosen, watched, its dead letters taken up again and thrown away, then compared with the prediction."""

import re

from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.test_main_job import ENDED, NARROW, WIDE, begin, field, no_serious_finding, visit

__all__ = ["visit"]

ARRIVALS = "TIMESTAMP\n" + "".join(f"{0.6 * job:.1f}\n" for job in range(40))
"""24 s, which is the whole workload."""
POISONED = {
    "processing.p50_s": "2",
    "processing.p95_s": "4",
    "failures.poison_percent": "20",
    "failures.max_retries": "0",
    "synchronous.workers": "6",
}
PART_MS = 30_000
"""Room for a part of a live run on a busy machine."""


def run_live(page: Page, speed: str) -> None:
    """A short workload of which every fifth job is poison, live."""
    begin(page, "Document extraction")
    field(page, "volume.mean_rate_per_s")
    recording = {"name": "short.csv", "mimeType": "text/csv", "buffer": ARRIVALS.encode()}
    page.locator("#trace-file").set_input_files(recording)  # type: ignore[arg-type]
    page.get_by_role("button", name="Use this recording").click()
    expect(page.locator(".field-trace")).to_contain_text("short")
    for path, value in POISONED.items():
        field(page, path).fill(value)
    expect(page.locator("#saved-state")).to_contain_text("saved")
    page.locator("#run-engine").select_option("live")
    expect(page.locator("#live-plan")).to_contain_text(re.compile("whole workload", re.IGNORECASE))
    page.locator("#run-speed-input").fill(speed)
    expect(page.locator("#live-plan")).to_contain_text(f", {speed} times as fast")
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_url(ENDED, timeout=PART_MS)


def letters(page: Page) -> Locator:
    return page.locator("#letters tbody tr")


def press_while_a_look_is_under_way(page: Page, looks: str, button: Locator) -> None:
    """Of two answers that cross, the one that comes second must find its place as it was."""
    held: list[Route] = []
    page.route(looks, lambda route: held.append(route))
    page.wait_for_event("request", lambda request: request.url.endswith(looks.strip("*")))
    button.click()
    held[0].continue_()
    page.unroute(looks)


def test_a_live_run_is_watched_its_dead_letters_are_handled_and_the_prediction_is_laid_over_it(
    visit: Page,
) -> None:
    run_live(visit, "3")
    for name in ("queue_depth", "provider_calls"):
        expect(visit.locator(f"#chart-{name} .main-svg").first).to_be_visible(timeout=PART_MS)

    expect(letters(visit)).not_to_have_count(0, timeout=PART_MS)
    status = visit.locator("#letters-notice")
    first = letters(visit).first
    job = first.locator("th").inner_text()
    press_while_a_look_is_under_way(visit, "**/dead-letters", first.get_by_role("button", name=f"Requeue job {job}"))
    expect(status).to_have_text("1 dead letter requeued.")
    visit.locator("#letters summary", has_text="Empty").click()
    expect(letters(visit)).not_to_have_count(0)
    visit.get_by_role("button", name="Throw away").click()
    expect(status).to_contain_text("thrown away")
    expect(visit.locator("#empty-menu[open]")).to_have_count(0)

    no_serious_finding(visit)
    visit.set_viewport_size(NARROW)  # type: ignore[arg-type]
    expect(visit.locator(".plot .main-svg").last).to_have_attribute("width", re.compile(r"^3\d\d(\.\d+)?$"))
    assert visit.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    visit.set_viewport_size(WIDE)  # type: ignore[arg-type]

    expect(visit.locator("article.result")).to_be_visible(timeout=2 * PART_MS)
    expect(visit.locator("article.result h1")).to_contain_text("live")
    expect(visit.locator("#live-heading")).to_be_visible()
    expect(visit.locator("article.result")).to_contain_text("poison: every attempt fails")
    expect(visit.locator("#chart-provider_calls .main-svg").first).to_be_visible()
    expect(visit.locator("#chart-provider_calls")).to_contain_text("predicted")
    no_serious_finding(visit)


def test_a_live_run_is_cancelled_while_a_look_at_it_is_under_way(visit: Page) -> None:
    run_live(visit, "3")
    expect(visit.locator("#charts-empty")).to_be_visible()
    press_while_a_look_is_under_way(visit, "**/progress", visit.get_by_role("button", name="Cancel"))
    expect(visit.get_by_role("heading", name="Live run cancelled")).to_be_visible(timeout=2_000)
    expect(visit.locator("#run")).to_have_count(1)
