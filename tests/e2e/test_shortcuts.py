"""Every shortcut on the page of a decision, followed by typing: nothing that is typed is lost, and the focus stays where it is of use."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.e2e.test_main_job import RUN_MS, begin, field, visit
from tests.sites import eventually

__all__ = ["visit"]

FIELDS = {
    "number": "processing.p50_s",
    "range": "volume.peak_to_mean",
    "text": "name",
    "choice": "failures.jitter",
    "flag": "failures.dead_letter",
}
"""One field of each kind that is typed into after a shortcut."""


def stored(page: Page, path: str) -> Any:
    """The answer that the server has."""
    return stored_at(page, page.url.split("#")[0], path)


def stored_at(page: Page, address: str, path: str) -> Any:
    """The answer that the server has of the decision at the address."""
    value = page.request.get(f"{address}/answers.json").json()
    for part in path.split("."):
        value = value[part]
    return value


def eventually_stored(page: Page, path: str, value: Any) -> None:
    eventually(lambda: stored(page, path) == value, 30, lambda: f"{path} is {stored(page, path)!r}, not {value!r}")


def title(page: Page) -> None:
    page.locator("h1").click()


def button(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name).click()


def key(keys: str) -> Callable[[Page], None]:
    return lambda page: page.keyboard.press(keys)


SHORTCUTS: dict[str, Callable[[Page], None]] = {
    **{keys: key(keys) for keys in ("Control+z", "Meta+z", "Control+Shift+z", "Meta+Shift+z", "Control+y", "Meta+y")},
    "Escape": key("Escape"),
    "Undo": button("Undo"),
    "Redo": button("Redo"),
}


def type_into(page: Page, kind: str, turn: int) -> tuple[str, Any]:
    """Types an answer that differs at every turn; its path and what is to be stored."""
    path = FIELDS[kind]
    target = field(page, path)
    match kind:
        case "number":
            target.fill(f"{turn % 7 + 1}.{turn}")
            return path, float(f"{turn % 7 + 1}.{turn}")
        case "range":
            target.fill(f"2-{turn + 3}")
            return path, {"low": 2, "high": turn + 3}
        case "text":
            target.fill(f"Turn {turn}")
            return path, f"Turn {turn}"
        case "choice":
            words = ["none", "full", "equal", "decorrelated"]
            wanted = next(word for word in words[turn % 4 :] + words if word != target.input_value())
            target.select_option(wanted)
            return path, wanted
        case _:
            checked = not target.is_checked()
            target.set_checked(checked)
            return path, checked


def test_what_is_typed_after_any_shortcut_is_saved(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    for turn, (name, press) in enumerate(SHORTCUTS.items()):
        field(page, "processing.p95_s").fill(f"{41 + turn}")
        eventually_stored(page, "processing.p95_s", 41 + turn)
        if "Shift" in name or "y" in name or name == "Redo":
            title(page)
            page.keyboard.press("Control+z")
            expect(page.get_by_role("button", name="Redo")).to_be_enabled()
        title(page)
        press(page)
        kinds = [*FIELDS][turn % len(FIELDS) :] + [*FIELDS][: turn % len(FIELDS)]
        typed = dict(type_into(page, kind, turn) for kind in kinds)
        for path, value in typed.items():
            eventually_stored(page, path, value)
        expect(page.locator("#conflict")).to_be_empty()


def test_enter_in_a_field_saves_and_undoes_nothing(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    field(page, "processing.p95_s").fill("41")
    eventually_stored(page, "processing.p95_s", 41)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    peak = field(page, "volume.peak_to_mean")
    peak.fill("6")
    peak.press("Enter")
    eventually_stored(page, "volume.peak_to_mean", 6)
    expect(peak).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("5")
    eventually_stored(page, "volume.peak_to_mean", 5)
    assert stored(page, "processing.p95_s") == 41


@contextmanager
def held(page: Page) -> Iterator[None]:
    """Requests about the answers wait on their way to the server until this ends; the first is under way when this begins its work."""
    waiting: list[Route] | None = []

    def handle(route: Route) -> None:
        route.continue_() if waiting is None else waiting.append(route)

    page.route(re.compile(r"/answers(/undo|/redo)?$"), handle)
    yield
    released, waiting = waiting or [], None
    for route in released:
        route.continue_()


def test_undo_takes_back_what_the_page_has_not_sent_yet_and_redo_has_it(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    dead_letter = field(page, "failures.dead_letter")
    with held(page):
        with page.expect_request("**/answers"):
            field(page, "volume.peak_to_mean").fill("3")
        dead_letter.uncheck()
        title(page)
        page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    expect(dead_letter).to_be_checked()
    eventually_stored(page, "volume.peak_to_mean", 3)
    page.keyboard.press("Control+y")
    expect(dead_letter).not_to_be_checked()
    eventually_stored(page, "failures.dead_letter", False)
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(field(page, "volume.peak_to_mean")).to_have_value("8")
    expect(dead_letter).to_be_checked()


def test_what_is_typed_while_a_request_is_under_way_stays_and_is_saved(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    p95 = field(page, "processing.p95_s")
    p95.fill("41")
    eventually_stored(page, "processing.p95_s", 41)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    title(page)
    with held(page):
        with page.expect_request("**/undo"):
            page.keyboard.press("Control+z")
        p95.fill("43")
        field(page, "volume.peak_to_mean").fill("3")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    eventually_stored(page, "processing.p95_s", 43)
    eventually_stored(page, "volume.peak_to_mean", 3)
    expect(p95).to_have_value("43")
    per_minute = field(page, "provider.requests_per_minute")
    with held(page):
        with page.expect_request("**/answers"):
            field(page, "provider.profile").select_option("anthropic_start")
        per_minute.fill("123")
        p95.focus()
        page.locator('[name="as:processing.p95_s"]').select_option("range")
    eventually_stored(page, "provider.requests_per_minute", 123)
    expect(p95).to_have_value(re.compile(" to "))
    expect(per_minute).to_be_visible()
    assert stored(page, "provider.profile") == "anthropic_start"


def test_the_focus_stays_where_a_step_was_taken(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    undo, redo = (page.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    for path, value in (("processing.p95_s", "41"), ("volume.peak_to_mean", "3")):
        field(page, path).fill(value)
        eventually_stored(page, path, float(value))
    undo.press("Enter")
    expect(field(page, "volume.peak_to_mean")).to_have_value("8")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(undo).to_be_disabled()
    expect(redo).to_be_focused()
    redo.press("Enter")
    expect(field(page, "processing.p95_s")).to_have_value("41")
    expect(redo).to_be_focused()
    redo.press("Enter")
    expect(undo).to_be_focused()
    for target in (
        field(page, "failures.dead_letter"),
        field(page, "synchronous.hops"),
        page.locator("#reason-long_processing summary"),
    ):
        undoable = page.locator("#steps").get_attribute("data-undo")
        if target.get_attribute("type") == "checkbox":
            target.click()
            expect(page.locator("#steps")).not_to_have_attribute("data-undo", undoable or "")
        else:
            target.focus()
        before = page.locator("#version").input_value()
        page.keyboard.press("Control+z")
        expect(page.locator("#version")).not_to_have_value(before)
        expect(target).to_be_focused()


def test_a_link_that_is_followed_at_once_takes_what_was_typed_along(visit: Page) -> None:
    page = visit
    begin(page, "Document extraction")
    address = page.url
    menu = page.locator("details.menu", has_text="Export")
    menu.locator("summary").click()
    field(page, "processing.p95_s").fill("37")
    with page.expect_download(timeout=RUN_MS) as started:  # a PDF waits for the flips
        page.evaluate("document.querySelector('.menu-list a[download]').click()")
    assert started.value.suggested_filename.endswith(".pdf")
    eventually_stored(page, "processing.p95_s", 37)
    page.evaluate(
        """() => {
          const input = document.getElementById("field-processing-p95_s-input");
          input.value = "38";
          input.dispatchEvent(new InputEvent("input", { bubbles: true }));
          document.querySelector('a[href$="/map"]').click();
        }"""
    )
    page.wait_for_url(re.compile("/map$"))
    page.goto(address)
    expect(field(page, "processing.p95_s")).to_have_value("38")


def test_a_page_that_is_left_at_once_saves_what_was_typed(visit: Page, site: str) -> None:
    page = visit
    begin(page, "Document extraction")
    address = page.url
    field(page, "processing.p95_s").fill("39")
    page.goto(f"{site}/handbook")
    eventually(lambda: stored_at(page, address, "processing.p95_s") == 39, 30)


def test_a_link_is_not_followed_past_an_answer_that_could_not_be_saved(page: Page, site: str) -> None:
    page.goto(site)
    begin(page, "Document extraction")
    address = page.url
    page.route("**/answers", lambda route: route.fulfill(status=500, body="broken"))
    field(page, "processing.p95_s").fill("38")
    expect(page.locator("#unsaved")).to_be_visible()
    with page.expect_response("**/answers"):
        page.get_by_role("link", name="Crossover map").click()
    expect(page.locator("#unsaved")).to_be_visible()
    assert page.url == address
    expect(field(page, "processing.p95_s")).to_have_value("38")
    page.get_by_role("link", name="Crossover map").click()
    page.wait_for_url(re.compile("/map$"))


def test_what_was_typed_outlasts_being_signed_out(page: Page, site: str) -> None:
    page.goto(site)
    begin(page, "Document extraction")
    address, cookies = page.url, page.context.cookies()
    page.context.clear_cookies()
    field(page, "processing.p95_s").fill("43")
    expect(page.get_by_role("heading", level=1)).to_have_text("Open the address that Crossover printed")
    page.context.add_cookies(cookies)
    page.goto(address)
    expect(field(page, "processing.p95_s")).to_have_value("43")
    eventually_stored(page, "processing.p95_s", 43)
