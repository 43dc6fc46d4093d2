"""How a simulation is to be run, chosen next to Simulate: by keyboard, kept while the advice changes, refused there, without JavaScript."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.test_main_job import ENDED, NARROW, begin, field, no_serious_finding, settled_verdict, verdict, visit

__all__ = ["visit"]


def engine(page: Page) -> Locator:
    return page.locator("#run-engine")


def speed(page: Page) -> Locator:
    return page.get_by_label("Speed")


def test_a_live_run_is_chosen_by_keyboard_and_planned_before_it_starts(visit: Page) -> None:
    begin(visit, "Document extraction")
    expect(speed(visit)).to_be_hidden()
    engine(visit).focus()
    visit.keyboard.type("live")
    expect(visit.locator("#live-plan")).to_contain_text("jobs through each design, arriving for")
    visit.keyboard.press("Tab")
    expect(speed(visit)).to_be_focused()
    visit.keyboard.type("2")
    expect(visit.locator("#live-plan")).to_contain_text(", 2 times as fast")
    no_serious_finding(visit)


def test_a_choice_stays_while_the_advice_changes_under_it(visit: Page) -> None:
    begin(visit, "Document extraction")
    engine(visit).select_option("live")
    speed(visit).fill("2")
    plan = visit.locator("#live-plan")
    expect(plan).to_contain_text(", 2 times as fast")
    before = plan.inner_text()
    field(visit, "volume.mean_rate_per_s").fill("0.2")
    expect(plan).not_to_have_text(before, use_inner_text=True)
    expect(plan).to_contain_text(", 2 times as fast")
    visit.get_by_role("button", name="Undo").click()
    expect(plan).to_have_text(before, use_inner_text=True)
    expect(engine(visit)).to_have_value("live")
    expect(speed(visit)).to_have_value("2")
    visit.reload()
    expect(engine(visit)).to_have_value("live")
    expect(plan).to_contain_text(", 2 times as fast")


def test_too_high_a_speed_is_refused_next_to_its_field_and_nothing_is_lost(visit: Page) -> None:
    begin(visit, "Document extraction")
    visit.set_viewport_size(NARROW)  # type: ignore[arg-type]
    visit.locator("[data-open-advice]").click()
    engine(visit).select_option("live")
    speed(visit).fill("99999")
    error = visit.locator("#run-speed-error")
    expect(error).to_contain_text("at most")
    expect(speed(visit)).to_have_attribute("aria-invalid", "true")
    address, words = visit.url, settled_verdict(visit)
    with visit.expect_response("**/simulate"):
        visit.get_by_role("button", name="Simulate").click()
    expect(visit.get_by_role("button", name="Simulate")).to_be_enabled()
    assert visit.url == address
    expect(error).to_contain_text("at most")
    expect(verdict(visit)).to_have_text(words)
    expect(speed(visit)).to_have_value("99999")
    speed(visit).fill("")
    expect(error).to_be_empty()
    expect(speed(visit)).not_to_have_attribute("aria-invalid", "true")
    expect(visit.locator("#live-plan")).to_contain_text("jobs through each design")


def test_it_is_chosen_without_javascript_too(new_context: Callable[..., BrowserContext], site: str) -> None:
    with new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        begin(page, "Document extraction")
        engine(page).select_option("live")
        speed(page).fill("99999")
        page.get_by_role("button", name="Save and update the advice").click()
        expect(engine(page)).to_have_value("live")
        expect(page.locator("#run-speed-error")).to_contain_text("at most")
        speed(page).fill("2")
        page.get_by_role("button", name="Save and update the advice").click()
        expect(page.locator("#live-plan")).to_contain_text(", 2 times as fast")


def test_a_button_that_the_advice_moves_away_under_the_pointer_is_pressed_all_the_same(visit: Page) -> None:
    begin(visit, "Form classification")
    simulate = visit.get_by_role("button", name="Simulate")
    simulate.scroll_into_view_if_needed()
    box = simulate.bounding_box()
    assert box is not None
    visit.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.mouse.down()
    visit.locator("#verdict").evaluate("element => (element.style.paddingBottom = '300px')")
    visit.mouse.up()
    visit.wait_for_url(ENDED)
