"""Pages on paper: light, whole, without what can only be pressed."""

import re
from io import BytesIO

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from tests.e2e.test_main_job import demo

A4 = (595, 842)


@pytest.fixture
def dark(page: Page, site: str) -> Page:
    """The list of decisions, in the dark."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.goto(site)
    return page


def printed(page: Page) -> str:
    """The text of a page as Chromium prints it, on A4."""
    reader = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
    assert tuple(round(float(side)) for side in reader.pages[0].mediabox[2:]) == A4
    return " ".join(" ".join(sheet.extract_text() for sheet in reader.pages).split())


def background_and_text(page: Page) -> list[str]:
    page.emulate_media(media="print")
    colours: list[str] = page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('h1, h2')).color]"
    )
    page.emulate_media(media="screen")
    return colours


def test_a_decision_prints_its_verdict_its_reasons_and_its_answers(dark: Page) -> None:
    demo(dark, "Document extraction").get_by_role("link", name="Document extraction").click()
    dark.wait_for_selector("#advice")
    shown = [reason.inner_text() for reason in dark.locator(".reason-evidence").all()]
    folded = dark.locator("#why-not dd").first
    text = printed(dark)
    assert "Event-driven, clearly. Deliver by polling." in text
    assert len(shown) > 3
    for words in (*shown, folded.text_content() or ""):
        assert " ".join(words.split()) in text
    for answer in (
        "How many times the average is a peak",
        "One of our own services",
        "gunicorn, sync worker, 30 s",
        r"\b20 ?calls\b",
        r"\b600 ?/min\b",
        r"\b20 ?workers\b",
    ):
        assert re.search(answer, text), "the answers, folded sections and all"
    assert not re.search(r"Simulate\b|Undo|Export|Replace the answers|one number|From the template", text)
    assert background_and_text(dark) == ["rgb(255, 255, 255)", "rgb(31, 41, 51)"]


def test_a_simulation_and_the_library_print_without_the_frame_of_the_site(dark: Page) -> None:
    demo(dark, "Document extraction").locator("a.run-succeeded").click()
    dark.wait_for_selector(".plot .main-svg")
    text = printed(dark)
    assert "What became of the requests" in text and "Calls to the provider" in text
    assert "As a table" not in text and "Handbook" not in text
    dark.get_by_role("link", name="Library").click()
    dark.wait_for_url("**/library")
    text = printed(dark)
    assert "AWS Application Load Balancer" in text and "checked 20" in text
    assert not re.search(r"\bHide\b|New hop|Sign out", text)
    assert background_and_text(dark)[0] == "rgb(255, 255, 255)"
