"""The crossover map in a browser: chosen, watched as it fills in, cancelled, read wide and narrow, light and dark."""

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e.test_main_job import RUN_MS, begin, field, no_serious_finding, visit

__all__ = ["visit"]

MAP = re.compile(r"/maps/[0-9a-f-]{36}$")


def steady(page: Page) -> None:
    """A decision whose load has no peaks, at the form of its map."""
    begin(page, "Form classification")
    field(page, "volume.peak_to_mean").fill("1")
    field(page, "volume.peak_to_mean").blur()
    expect(page.locator("#saved-state")).to_contain_text("saved")
    page.get_by_role("link", name="Crossover map").click()
    expect(page.locator("#x-field")).to_be_visible()
    page.wait_for_load_state()  # before that nothing listens to the fields


def vary(page: Page, x: str, y: str) -> None:
    """Chooses the answers, each once the form has answered to the one before."""
    for name, path in (("x", x), ("y", y)):
        page.locator("#sweep-form").evaluate("form => form.dataset.before = ''")
        page.locator(f"#{name}-field").select_option(path)
        expect(page.locator("#sweep-form[data-before]")).to_have_count(0)
        expect(page.locator(f"[name={name}_was]")).to_have_value(path)


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"[name={name}]").fill(value)


def test_a_map_is_chosen_drawn_and_read_and_its_address_can_be_sent(visit: Page) -> None:
    steady(visit)
    vary(visit, "processing.p95_s", "volume.mean_rate_per_s")
    expect(visit).to_have_url(re.compile(r"x=processing\.p95_s.*y=volume\.mean_rate_per_s"))
    fill(visit, x_low="0.5", x_high="8", x_steps="6", y_low="0.5", y_high="10", y_steps="6", jobs="2000")
    visit.locator("[name=jobs]").blur()
    expect(visit).to_have_url(re.compile("jobs=2000$"))
    no_serious_finding(visit)
    visit.goto(visit.url)
    expect(visit.locator("[name=x_high]")).to_have_value("8")

    visit.get_by_role("button", name="Draw the map").click()
    visit.wait_for_url(MAP)
    expect(visit.locator("#sweep-live h1")).to_contain_text("the deadline", timeout=RUN_MS)
    expect(visit.locator("#map-plot .heatmaplayer image")).to_be_visible()
    expect(visit.locator("#map-plot")).to_have_attribute("aria-label", re.compile("the deadline"))
    expect(visit.locator("#map-plot")).to_contain_text("this workload")
    visit.locator("#map-table summary").click()
    expect(visit.locator("#map-table tbody tr")).to_have_count(36)
    no_serious_finding(visit)


def test_one_answer_alone_is_drawn_as_lines(visit: Page) -> None:
    steady(visit)
    vary(visit, "processing.p95_s", "")
    fill(visit, x_low="0.5", x_high="8", x_steps="5", jobs="2000")
    visit.get_by_role("button", name="Draw the map").click()
    visit.wait_for_url(MAP)
    expect(visit.locator("#sweep-live h1")).to_contain_text("the deadline", timeout=RUN_MS)
    expect(visit.locator("#map-plot .main-svg").first).to_be_visible()
    expect(visit.locator("#map-plot")).to_contain_text("is asked for")
    no_serious_finding(visit)


def cancel_while_a_look_is_under_way(page: Page) -> None:
    """Of two answers that cross, the one that comes second must find its place as it was."""
    held: list[Route] = []
    page.route("**/progress", lambda route: held.append(route))
    page.wait_for_event("request", lambda request: request.url.endswith("/progress"))
    page.get_by_role("button", name="Cancel").click()
    held[0].continue_()
    page.unroute("**/progress")


def test_cancel_takes_effect_at_once_and_keeps_what_is_done(visit: Page) -> None:
    steady(visit)
    vary(visit, "processing.p95_s", "volume.mean_rate_per_s")
    fill(visit, x_steps="10", y_steps="10", jobs="500000")
    visit.get_by_role("button", name="Draw the map").click()
    visit.wait_for_url(MAP)
    expect(visit.locator("#sweep-live")).to_contain_text(re.compile(r"[1-9]\d? of 100 cells"), timeout=RUN_MS)
    no_serious_finding(visit)
    cancel_while_a_look_is_under_way(visit)
    expect(visit.locator("#sweep-live")).to_contain_text(re.compile("Cancelled with [1-9]"), timeout=2_000)
    expect(visit.locator("#map-table")).to_be_visible()


def test_what_is_wrong_is_said_at_its_axis(visit: Page) -> None:
    steady(visit)
    vary(visit, "processing.p95_s", "")
    fill(visit, x_low="9", x_high="3")
    visit.get_by_role("button", name="Draw the map").click()
    expect(visit.locator("#x-error")).to_contain_text("should be less than the high end")
    expect(visit.locator("[name=x_low]")).to_have_value("9")
    no_serious_finding(visit)
