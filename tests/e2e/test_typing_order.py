"""Typing, undo, redo and Simulate in every order, however late the server answers: a step takes back what was changed before it was pressed."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.test_main_job import begin, field
from tests.e2e.test_shortcuts import FIELDS, eventually_stored, stored, stored_at, title, type_into
from tests.sites import eventually

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAUSE_MS = 250
"""Longer than the page waits for further typing."""


class HeldRequests:
    """Requests about the answers, held before they reach the server. Begin while none is under way."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.are_held = False
        self.held: list[Route] = []
        page.route(re.compile(r"/answers(/undo|/redo)?$|/simulate$"), self._arrive)

    def _arrive(self, route: Route) -> None:
        if self.are_held:
            self.held.append(route)
        else:
            route.continue_()

    def hold(self) -> None:
        self.are_held = True

    def hold_from(self, press: Callable[[], object]) -> None:
        """Hold requests from the one on that this leads to."""
        self.hold()
        press()
        eventually(lambda: bool(self.page.evaluate("true") and self.held), 30)

    def release(self, respond: Callable[[Route], None] = Route.continue_) -> None:
        self.are_held = False
        for route in self.held:
            respond(route)
        self.held.clear()


@pytest.fixture
def requests(page: Page, site: str) -> Iterator[HeldRequests]:
    """Before the page of a new decision, on which time passes by `pause` alone."""
    page.clock.install(time=NOON)
    page.goto(site)
    begin(page, "Document extraction")
    page.clock.pause_at(NOON + timedelta(hours=1))
    yield HeldRequests(page)


def pause(page: Page) -> None:
    """So long that what is typed before and after it is not one change."""
    page.clock.run_for(PAUSE_MS)


def press(page: Page, keys: str) -> None:
    title(page)
    page.keyboard.press(keys)


def fill(page: Page, path: str, text: str) -> None:
    field(page, path).fill(text)
    pause(page)


def answers_of(page: Page) -> dict[str, Any]:
    return {path: stored(page, path) for path in FIELDS.values()}


def until_all_is_saved(page: Page) -> None:
    """Requests go in order: once what is typed last is stored, all is."""
    fill(page, "processing.p95_s", "77")
    eventually_stored(page, "processing.p95_s", 77)
    expect(page.locator("#conflict")).to_be_empty()
    expect(page.locator("#unsaved")).to_be_hidden()


class Model:
    """The answers of a page whose every change arrives before the next."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.typed: dict[str, Any] = {}
        self.undoable: list[dict[str, Any]] = []
        self.redoable: list[dict[str, Any]] = []

    def save(self) -> None:
        after = self.answers | self.typed
        self.typed = {}
        if after != self.answers:
            self.undoable.append(self.answers)
            self.redoable.clear()
            self.answers = after

    def step(self, taken: list[dict[str, Any]], kept: list[dict[str, Any]]) -> None:
        self.save()
        if taken:
            kept.append(self.answers)
            self.answers = taken.pop()

    def undo(self) -> None:
        self.step(self.undoable, self.redoable)

    def redo(self) -> None:
        self.step(self.redoable, self.undoable)

    def changed_last(self) -> set[str]:
        before = self.undoable[-1] if self.undoable else self.answers
        return {kind for kind, path in FIELDS.items() if before[path] != self.answers[path]}


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 8))])
def test_any_order_and_delay_leads_to_the_same_answers(requests: HeldRequests, seed: int) -> None:
    page, draw = requests.page, random.Random(seed)
    model = Model(answers_of(page))
    done = []
    for turn in range(16):
        act = draw.choice(["type", "type", "type", "undo", "undo", "redo"])
        if draw.random() < 0.4:
            requests.hold()
        match act:
            case "type":
                kind = draw.choice(sorted(FIELDS.keys() - model.changed_last()))
                path, value = type_into(page, kind, turn)
                model.typed[path] = value
                if draw.random() < 0.7:
                    pause(page)
                    model.save()
            case "undo":
                press(page, "Control+z")
                model.undo()
            case _:
                press(page, "Control+y")
                model.redo()
        done.append(act)
        if draw.random() < 0.4:
            requests.release()
    requests.release()
    until_all_is_saved(page)
    model.save()
    assert answers_of(page) == model.answers, done


def test_undo_takes_back_nothing_that_is_typed_after_it(requests: HeldRequests) -> None:
    page = requests.page
    requests.hold_from(lambda: fill(page, "processing.p95_s", "41"))
    press(page, "Control+z")
    typed = dict(type_into(page, kind, 1) for kind in FIELDS)
    pause(page)
    requests.release()
    for path, value in typed.items():
        eventually_stored(page, path, value)
    assert stored(page, "processing.p95_s") == 20
    until_all_is_saved(page)
    assert answers_of(page) == typed


def test_simulate_runs_what_was_typed_before_it_and_what_is_typed_after_it_is_saved(requests: HeldRequests) -> None:
    page = requests.page
    address = page.url
    field(page, "processing.p95_s").fill("41")
    requests.hold_from(page.get_by_role("button", name="Simulate").click)
    fill(page, "processing.p50_s", "7")
    requests.release()
    page.wait_for_url(re.compile("/runs/"))
    assert stored_at(page, address, "processing.p50_s") == 7
    page.goto(address)
    expect(page.locator("#last-run")).to_contain_text("Of revision 1; the answers have changed since")
    simulated = page.request.get(f"{address}/report.json?revision=1").json()["answers"]["processing"]
    assert (simulated["p95_s"], simulated["p50_s"]) == (41, 8)


def test_what_could_not_be_saved_is_what_undo_takes_back_and_redo_brings_again(requests: HeldRequests) -> None:
    page = requests.page
    requests.hold_from(lambda: fill(page, "processing.p95_s", "41"))
    press(page, "Control+z")
    fill(page, "processing.p50_s", "7")
    requests.release(lambda route: route.fulfill(status=503, body="busy"))
    eventually_stored(page, "processing.p50_s", 7)
    assert stored(page, "processing.p95_s") == 20
    press(page, "Control+z")
    press(page, "Control+y")
    until_all_is_saved(page)
    assert stored(page, "processing.p50_s") == 7


def test_a_refused_answer_keeps_its_text_until_undo_takes_it_back(requests: HeldRequests) -> None:
    page = requests.page
    requests.hold_from(lambda: fill(page, "processing.p95_s", "soon"))
    fill(page, "processing.p50_s", "7")
    press(page, "Control+z")
    fill(page, "volume.peak_to_mean", "3")
    requests.release()
    eventually_stored(page, "volume.peak_to_mean", 3)
    expect(field(page, "processing.p95_s")).to_have_value("20")
    expect(field(page, "processing.p50_s")).to_have_value("7")
    assert stored(page, "processing.p50_s") == 7


def test_what_is_typed_stays_on_the_page_after_a_conflict(requests: HeldRequests) -> None:
    page = requests.page
    requests.hold_from(lambda: fill(page, "processing.p95_s", "41"))
    other = page.context.new_page()
    other.goto(page.url)
    fill(other, "volume.peak_to_mean", "3")
    eventually_stored(page, "volume.peak_to_mean", 3)
    press(page, "Control+z")
    fill(page, "processing.p50_s", "7")
    requests.release()
    expect(page.locator("#conflict")).to_contain_text("changed elsewhere")
    press(page, "Control+y")
    expect(field(page, "processing.p95_s")).to_have_value("41")
    expect(field(page, "processing.p50_s")).to_have_value("7")
    assert (stored(page, "processing.p95_s"), stored(page, "processing.p50_s")) == (20, 8)


def test_a_fields_own_undo_is_saved_as_typed(requests: HeldRequests) -> None:
    page = requests.page
    p50 = field(page, "processing.p50_s")
    requests.hold_from(lambda: fill(page, "processing.p50_s", "7"))
    fill(page, "processing.p95_s", "41")
    p50.focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(p50).to_have_value("8")
    pause(page)
    requests.release()
    until_all_is_saved(page)
    assert stored(page, "processing.p50_s") == 8


def test_what_is_typed_before_the_scripts_have_arrived_is_saved(page: Page, site: str) -> None:
    page.goto(site)
    begin(page, "Document extraction")
    held: list[Route] = []
    page.route(re.compile(r"/(app|answers|htmx-2)\b[^/]*\.js$"), lambda route: held.append(route))
    page.goto(page.url, wait_until="commit")
    page.locator('[name="processing.p95_s"]').fill("41")
    page.locator('[name="failures.dead_letter"]:not([type=hidden])').evaluate("box => box.click()")
    eventually(lambda: bool(page.evaluate("true")) and len(held) == 3, 30)
    for route in held:
        route.continue_()
    eventually_stored(page, "processing.p95_s", 41)
    assert stored(page, "failures.dead_letter") is False


def test_what_is_typed_is_kept_when_the_page_is_left_before_the_server_has_answered(
    requests: HeldRequests, site: str
) -> None:
    page, address = requests.page, requests.page.url
    requests.hold_from(lambda: fill(page, "processing.p95_s", "41"))
    requests.release(lambda route: route.fetch() and None)
    field(page, "processing.p50_s").fill("7")
    page.goto(f"{site}/handbook")
    eventually(lambda: stored_at(page, address, "processing.p50_s") == 7, 30)
    assert stored_at(page, address, "processing.p95_s") == 41


def test_what_is_shown_again_after_a_refusal_without_javascript_is_saved_with_its_correction(
    page: Page, site: str
) -> None:
    page.goto(site)
    begin(page, "Document extraction")
    field(page, "processing.p95_s").fill("soon")
    field(page, "processing.p50_s").fill("7")
    page.locator("#answers").evaluate("form => form.submit()")
    page.wait_for_url(re.compile("/answers$"))
    field(page, "processing.p95_s").fill("41")
    eventually(lambda: stored_at(page, page.url.removesuffix("/answers"), "processing.p95_s") == 41, 30)
    assert stored_at(page, page.url.removesuffix("/answers"), "processing.p50_s") == 7
