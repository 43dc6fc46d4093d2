"""The questionnaire in a browser: doubts, units, undo, files, and the keyboard all the way."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.test_main_job import NARROW, begin, field, no_serious_finding, settled_verdict, verdict, visit

__all__ = ["visit"]


def hints_of(page: Page, path: str) -> Locator:
    return page.locator(f"#field-{path.replace('.', '-')}-hints")


def error(page: Page, path: str) -> Locator:
    return page.locator(f"#field-{path.replace('.', '-')}-error")


@pytest.fixture
def extraction(visit: Page) -> Iterator[Page]:
    begin(visit, "Document extraction")
    yield visit


def test_a_number_becomes_a_range_and_the_advice_says_what_would_settle_it(extraction: Page) -> None:
    page = extraction
    certainty = page.locator('[name="as:processing.p50_s"]')
    expect(certainty).to_be_hidden()
    field(page, "processing.p50_s").focus()
    certainty.select_option("unknown")
    expect(field(page, "processing.p50_s")).to_have_value("don't know")
    field(page, "processing.p95_s").fill("0.5 to 40")
    expect(hints_of(page, "processing.p95_s").locator(".certainty")).to_have_value("range")
    expect(hints_of(page, "processing.p95_s")).to_contain_text("taken as 4.47")
    field(page, "caller.needs_immediate_response").check()
    field(page, "volume.peak_to_mean").fill("1-12")
    field(page, "failures.dead_letter").uncheck()
    expect(page.locator("#verdict")).to_contain_text("The answer that matters most to settle it")
    expect(page.locator(".chances")).to_contain_text("Over 3 uncertain answers")
    no_serious_finding(page)
    link = page.locator(".chances a[data-field]")
    target = (link.get_attribute("href") or "").removeprefix("#")
    link.click()
    expect(page.locator(f"#{target}")).to_be_focused()
    page.reload()
    expect(field(page, "processing.p50_s")).to_have_value("don't know")
    expect(field(page, "processing.p95_s")).to_have_value("0.5 to 40")


def test_help_shows_at_the_field_that_is_worked_in_and_moves_nothing_that_is_pressed(extraction: Page) -> None:
    page = extraction
    help_of = {
        path: page.locator(f"#field-{path.replace('.', '-')}-help") for path in ("processing.p50_s", "caller.kind")
    }
    expect(help_of["processing.p50_s"]).to_be_hidden()
    page.get_by_role("button", name="Help on: Who waits for the result?").click()
    expect(help_of["caller.kind"]).to_be_visible()
    field(page, "processing.p50_s").focus()
    expect(help_of["processing.p50_s"]).to_be_visible()
    expect(help_of["caller.kind"]).to_be_hidden()
    kept = field(page, "failures.dead_letter")
    was = kept.is_checked()
    kept.click()
    expect(kept).to_be_checked(checked=not was)
    expect(help_of["processing.p50_s"]).to_be_hidden()
    why = page.locator("#field-processing-p50_s-why")
    expect(why).to_be_hidden()
    page.get_by_label("Show where answers come from").check()
    expect(why).to_contain_text("From the template: ")


def test_a_unit_is_typed_and_put_plainly_once_the_field_is_left(extraction: Page) -> None:
    page = extraction
    rate = field(page, "volume.mean_rate_per_s")
    rate.fill("5000/day")
    expect(hints_of(page, "volume.mean_rate_per_s")).to_contain_text("= 0.0579")
    expect(rate).to_have_value("5000/day")
    rate.press("Tab")
    expect(rate).to_have_value("5000")
    expect(page.locator('[name="unit:volume.mean_rate_per_s"]')).to_have_value("per day")
    deadline = field(page, "caller.deadline_s")
    deadline.fill("20 min")
    deadline.press("Tab")
    expect(deadline).to_have_value("20")
    deadline.fill("20 to 5")
    expect(error(page, "caller.deadline_s")).to_have_text("Low must be less than high.")
    expect(deadline).to_be_focused()


def test_changes_are_taken_back_and_brought_back_with_the_keyboard(extraction: Page) -> None:
    page = extraction
    before = settled_verdict(page)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    field(page, "subscribers.count").fill("6")
    expect(page.locator("#state-coupling")).to_contain_text("6 subscribers")
    field(page, "caller.needs_immediate_response").check()
    expect(verdict(page)).not_to_have_text(before)
    page.locator("h1").click()
    page.keyboard.press("Control+z")
    expect(verdict(page)).to_have_text(before)
    expect(field(page, "caller.needs_immediate_response")).not_to_be_checked()
    page.keyboard.press("Control+z")
    expect(field(page, "subscribers.count")).to_have_value("1")
    page.keyboard.press("Control+Shift+z")
    expect(field(page, "subscribers.count")).to_have_value("6")
    page.get_by_role("button", name="Undo").click()
    expect(field(page, "subscribers.count")).to_have_value("1")
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()


def test_a_reason_opens_to_its_rule_its_source_and_the_answers_behind_it(extraction: Page) -> None:
    page = extraction
    reason = page.locator("#reason-long_processing")
    reason.locator("summary").press("Enter")
    expect(reason).to_contain_text("Prajapat")
    reason.get_by_role("link", name="How long does the slowest one in twenty take?").press("Enter")
    expect(page.locator("#field-processing-p95_s-input")).to_be_focused()
    page.keyboard.type("12")
    expect(page.locator("[data-mark=reason-long_processing]")).to_contain_text("12 s")
    expect(page.locator("[data-mark=reason-long_processing]")).to_have_class(re.compile("is-new"))
    expect(reason).to_have_attribute("open", "")
    chart = page.locator("#field-processing-p95_s-thresholds svg")
    expect(chart).to_have_attribute("aria-label", re.compile(r"Now 12 s\. If .* or less: "))


def test_a_slider_shows_what_would_be_and_saves_nothing_until_it_is_used(extraction: Page) -> None:
    page = extraction
    page.locator("#what-if-fold > summary").click()
    rate, outcome = page.get_by_label("Requests, on average"), page.locator("#what-if-outcome")
    rate.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(rate).to_have_attribute("aria-valuetext", "4 /s")
    expect(outcome).to_contain_text("Neither design can keep up")
    expect(outcome).not_to_have_class(re.compile("is-pending"))
    assert settled_verdict(page).startswith("Event-driven")
    no_serious_finding(page)
    page.get_by_role("button", name="Reset").click()
    expect(rate).to_have_attribute("aria-valuetext", "0.5 /s")
    rate.press("End")
    page.get_by_label("Deadline").press("Home")
    page.get_by_role("button", name="Use these answers").click()
    expect(verdict(page)).to_contain_text("Neither design can keep up")
    expect(field(page, "volume.mean_rate_per_s")).to_have_value("4")
    expect(outcome).to_contain_text("Move a slider")
    page.get_by_role("button", name="Undo").click()
    expect(field(page, "volume.mean_rate_per_s")).to_have_value("0.5")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_answers_leave_and_come_as_a_file(extraction: Page, tmp_path: Path) -> None:
    page = extraction
    part = page.locator("#section-file")
    part.locator("summary").click()
    with page.expect_download() as started:
        part.get_by_role("link", name="YAML").click()
    text = Path(started.value.path()).read_text()
    assert "p95_s: 20" in text
    part.get_by_label("Paste YAML or JSON").fill(text.replace("p95_s: 20", "p95_s: quick"))
    part.get_by_role("button", name="Replace the answers").click()
    expect(page.locator("#file-problems")).to_contain_text(re.compile(r"processing\.p95_s \(line \d+\)"))
    expect(part.get_by_label("Paste YAML or JSON")).to_have_value(re.compile("p95_s: quick"))
    no_serious_finding(page)
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("p95_s: 20", "p95_s: {low: 9, high: 44}"))
    part.get_by_label("or choose a file").set_input_files(file)
    part.get_by_role("button", name="Replace the answers").click()
    expect(field(page, "processing.p95_s")).to_have_value("9 to 44")
    page.locator("h1").click()
    page.keyboard.press("Control+z")
    expect(field(page, "processing.p95_s")).to_have_value("20")


def test_the_keyboard_reaches_sections_doubts_and_advice(extraction: Page) -> None:
    page = extraction
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the advice")
    skip.focus()
    skip.press("Enter")
    expect(page.locator("#advice")).to_be_focused()
    page.locator("#advice-contents").get_by_role("link", name="Queues").press("Enter")
    expect(page.locator("#queues-heading")).to_be_in_viewport()
    expect(page.locator(".advice-verdict")).to_be_in_viewport()
    assert page.locator(".advice-body").evaluate("body => body.scrollHeight <= body.clientHeight")
    summary = page.locator("#section-limits > summary")
    summary.press("Enter")
    workers = field(page, "synchronous.workers")
    expect(workers).to_be_visible()
    workers.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(workers).to_have_value(re.compile(r"^\d+ to \d+$"))
    expect(page.locator('[name="as:synchronous.workers"]')).to_be_focused()
    no_serious_finding(page)


def test_on_a_phone_the_advice_is_a_bar_that_opens_and_leads_back_to_a_field(extraction: Page) -> None:
    page = extraction
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    bar = page.locator("[data-open-advice]")
    expect(bar).to_contain_text("Event-driven")
    bar.press("Enter")
    expect(verdict(page)).to_be_visible()
    page.locator(".flips a[data-field]").first.click()
    expect(verdict(page)).not_to_be_visible()
    assert page.evaluate("document.activeElement.id").startswith("field-")


def test_what_no_style_can_do_is_said_first(extraction: Page) -> None:
    page = extraction
    field(page, "volume.mean_rate_per_s").fill("500")
    expect(verdict(page)).to_have_text(re.compile("^Neither design can keep up: "))
    expect(page.locator("#advice-words")).to_have_text("Neither design can keep up.")
    no_serious_finding(page)


def test_simulate_leads_to_what_is_wrong_instead_of_doing_nothing(extraction: Page) -> None:
    page = extraction
    simulate = page.get_by_role("button", name="Simulate")
    workers = field(page, "synchronous.workers")
    workers.fill("many")
    p95 = field(page, "processing.p95_s")
    p95.fill("5 parsecs")
    expect(page.locator("#faults")).to_contain_text("2 answers to correct:")
    page.locator("#section-limits > summary").click()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    simulate.click()
    expect(p95).to_be_focused()
    expect(p95).to_be_in_viewport()
    expect(page.locator("#faults")).to_have_attribute("role", "alert")
    no_serious_finding(page)
    page.locator("#faults").get_by_role("link").nth(1).click()
    expect(workers).to_be_focused()
    workers.fill("12")
    p95.fill("21")
    expect(page.locator("#faults")).not_to_contain_text("look")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    p95.fill("soon")
    expect(error(page, "processing.p95_s")).not_to_be_empty()
    page.locator("[data-open-advice]").click()
    simulate.click()
    expect(p95).to_be_focused()
    expect(verdict(page)).not_to_be_visible()


def test_two_answers_that_contradict_each_other_are_no_error_while_they_are_typed(extraction: Page) -> None:
    page = extraction
    p50, p95 = field(page, "processing.p50_s"), field(page, "processing.p95_s")
    wrong = error(page, "processing.p95_s")
    p95.fill("5m30")
    expect(hints_of(page, "processing.p95_s")).to_contain_text("= 5 min 30 s")
    p95.fill("1.5")
    expect(wrong).to_contain_text("This must be at least 8 s, the answer to")
    expect(wrong).to_have_class(re.compile("is-calm"))
    expect(p95).not_to_have_attribute("aria-invalid", "true")
    expect(hints_of(page, "processing.p95_s").locator(".reading")).to_be_hidden()
    p50.focus()
    expect(wrong).to_have_class(re.compile("is-calm"))
    page.locator("h1").click()
    expect(wrong).not_to_have_class(re.compile("is-calm"))
    expect(p95).to_have_attribute("aria-invalid", "true")
    no_serious_finding(page)
    p50.focus()
    page.get_by_role("button", name="Simulate").click()
    expect(p95).to_be_focused()
    expect(wrong).not_to_have_class(re.compile("is-calm"))
    p50.fill("0.6")
    expect(wrong).to_be_empty()
    expect(p95).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#verdict")).to_contain_text("Synchronous")
    p95.fill("0.1-3")
    expect(hints_of(page, "processing.p95_s")).to_contain_text("taken as 1.34 s")
    expect(wrong).to_be_empty()
