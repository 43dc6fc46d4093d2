"""The main job as an architect does it: template, answers, advice, simulation, report; looked at wide and narrow, light and dark."""

import json
import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import DEFAULT_OPTIONS, Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, expect
from pypdf import PdfReader

from tests.sites import ROOT

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
RUN_MS = 120_000
"""Room for a simulation on a busy machine."""
ENDED = re.compile(r"/runs/[0-9a-f-]{36}$")


@pytest.fixture
def visit(page: Page, site: str) -> Iterator[Page]:
    """A page that must not complain: no error in the console, no violation of the content security policy."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Chromium reports every refusal; one of an answer (422) is the page at work.
        if message.type == "error" and "status of 422" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(20_000)
    page.set_viewport_size(WIDE)
    page.emulate_media(reduced_motion="reduce")
    page.goto(site)
    yield page
    assert not complaints


def each_page(page: Page) -> Iterator[None]:
    """Shows the pages of the list of decisions in turn, from the shown one on: other tests may have filled the first."""
    older = page.locator(".pages [rel=next]")
    while True:
        expect(page.locator(".decision-row").first).to_be_visible()
        yield
        if not older.count():
            return
        following = older.get_attribute("href") or ""
        older.click()
        page.wait_for_url(re.compile(f"{re.escape(following)}$"))


def demos(page: Page) -> Locator:
    """The rows, on this page of the list, of the decisions that a site begins with."""
    return page.locator(".decision-row", has=page.get_by_text("Demo", exact=True))


def demo(page: Page, title: str) -> Locator:
    """The row of one of them, on whichever page of the list."""
    row = demos(page).filter(has=page.get_by_role("link", name=title, exact=True))
    assert any(row.count() for _ in each_page(page)), f"{title} is on no page of the list"
    return row


def begin(page: Page, template: str) -> None:
    page.get_by_role("link", name="New decision").click()
    page.get_by_role("link", name=template, exact=True).click()
    page.get_by_role("button", name="Create the decision").click()
    page.wait_for_url(re.compile(r"/decisions/[0-9a-f-]{36}$"))


def field(page: Page, path: str) -> Locator:
    """The input of an answer, its section unfolded."""
    element = page.locator(f'[name="{path}"]:not([type=hidden])').first
    section = page.locator("details.section:not([open])", has=page.locator(f'[name="{path}"]'))
    if section.count():
        section.locator("summary").first.click()
    return element


def verdict(page: Page) -> Locator:
    return page.locator("#advice .verdict h2")


def settled_verdict(page: Page) -> str:
    """The verdict once all that is simulated for it is there."""
    expect(page.locator(".verdict-awaited, #flips-awaited")).to_have_count(0)
    return verdict(page).inner_text()


def simulate(page: Page) -> None:
    """Press the button and wait for the result."""
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_url(ENDED)
    expect(page.locator("article.result")).to_be_visible(timeout=RUN_MS)


def download(page: Page, words: str) -> tuple[str, bytes]:
    """Name and content of an exported report."""
    menu = page.locator("details.menu", has_text="Export")
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(f"^{words}(,|$)")).click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


WIDTH_WITH_MENUS_OPEN = """() => {
    const root = document.documentElement;
    const widths = [root.scrollWidth];
    for (const menu of document.querySelectorAll("details.menu:not([open])")) {
        menu.open = true;
        widths.push(root.scrollWidth);
        menu.open = false;
    }
    return Math.max(...widths);
}"""


def no_serious_finding(page: Page) -> None:
    """Wide and narrow, in light and dark; in the dark, only what colours can change is looked at again."""
    rules = {"light": DEFAULT_OPTIONS, "dark": {**DEFAULT_OPTIONS, "runOnly": ["color-contrast", "link-in-text-block"]}}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            violations = Axe().run(page, options=rules[scheme]).response["violations"]
            serious = [
                (item["id"], [node["html"] for node in item["nodes"]][:3])
                for item in violations
                if item["impact"] in ("serious", "critical")
            ]
            assert not serious, (scheme, size["width"], serious)
            assert page.evaluate(WIDTH_WITH_MENUS_OPEN) <= size["width"], (scheme, size["width"], "scrolls sideways")
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")


def test_the_first_screen_shows_three_decisions_computed_here(visit: Page) -> None:
    names = [name for _ in each_page(visit) for name in demos(visit).locator("h2 a").all_inner_texts()]
    assert sorted(names) == ["Document extraction", "Email triage", "Form classification"]
    no_serious_finding(visit)


def test_the_advice_follows_an_answer_and_both_designs_run_and_the_report_says_so(visit: Page) -> None:
    begin(visit, "Document extraction")
    expect(verdict(visit)).to_contain_text("Event-driven")
    # The single answers that make it the seed's synchronous case: fast, steady, immediate.
    field(visit, "processing.p50_s").fill("0.4")
    field(visit, "processing.p95_s").fill("0.9")
    field(visit, "volume.peak_to_mean").fill("1")
    field(visit, "caller.needs_immediate_response").check()
    expect(verdict(visit)).to_contain_text("Synchronous")
    expect(visit.locator("#advice")).to_contain_text("900 ms")
    field(visit, "processing.p50_s").fill("8")
    field(visit, "processing.p95_s").fill("20")
    field(visit, "volume.peak_to_mean").fill("8")
    field(visit, "caller.needs_immediate_response").uncheck()
    expect(verdict(visit)).to_contain_text("Event-driven")
    expect(visit.locator("#saved-state")).to_contain_text("saved")
    no_serious_finding(visit)

    simulate(visit)
    for name in ("queue_depth", "latency"):
        expect(visit.locator(f"#chart-{name} .main-svg").first).to_be_visible()
    expect(visit.locator("article.result")).to_contain_text("dead-lettered")
    no_serious_finding(visit)
    visit.reload()
    expect(visit.locator("article.result")).to_be_visible()

    finding = " ".join(visit.locator("article.result h1").inner_text().split())
    visit.locator(".crumbs a").click()
    name, markdown = download(visit, "Markdown")
    assert name.endswith(".md")
    assert "Event-driven" in markdown.decode()
    name, html = download(visit, "HTML")
    assert name.endswith(".html")
    assert b"<svg" in html
    assert b" src=" not in html and b"<link" not in html
    name, stored = download(visit, "JSON")
    assert name.endswith(".json")
    assert json.loads(stored)["schema"].startswith("crossover/")
    name, pdf = download(visit, "PDF")
    assert name.endswith(".pdf")
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).split())
    assert "Event-driven" in text
    assert finding.rstrip(".") in text, "the report tells the same finding as the page"


def test_a_wrong_answer_is_named_next_to_its_field_and_nothing_of_it_is_saved(visit: Page) -> None:
    begin(visit, "Form classification")
    before = settled_verdict(visit)
    field(visit, "processing.p95_s").fill("fast")
    error = visit.locator(".field", has=visit.locator('[name="processing.p95_s"]')).locator(".field-error")
    expect(error).not_to_be_empty()
    expect(field(visit, "processing.p95_s")).to_have_value("fast")
    expect(verdict(visit)).to_have_text(before)
    address = visit.url
    visit.goto(address)
    expect(field(visit, "processing.p95_s")).not_to_have_value("fast")


def test_a_run_is_cancelled_from_its_page_and_stays_cancelled(visit: Page) -> None:
    begin(visit, "Batch enrichment")
    visit.get_by_role("button", name="Simulate").click()
    visit.wait_for_url(ENDED)
    cancel = visit.get_by_role("button", name="Cancel")
    result = visit.locator("article.result")
    expect(cancel.or_(result)).to_be_visible()
    if result.is_visible():
        return  # a fast machine was done first: that is an end, too
    cancel.click()
    ended = visit.get_by_role("heading", name="Simulation cancelled")
    expect(ended.or_(result)).to_be_visible()
    words = visit.locator("#run h1").first.inner_text()
    visit.reload()
    expect(visit.locator("#run h1").first).to_have_text(words)


def traces() -> Path:
    folder = Path(os.environ.get("CROSSOVER_TRACES", ROOT.parent / "shared" / "traces"))
    if not folder.is_dir():
        pytest.skip(f"the recorded traces are not in {folder}; CROSSOVER_TRACES names their folder")
    return folder


def test_a_bursty_recording_takes_the_place_of_a_rate(visit: Page) -> None:
    recording = traces() / "azure_llm_2023_code.csv"
    begin(visit, "Document extraction")
    field(visit, "volume.mean_rate_per_s")
    visit.locator("#trace-file").set_input_files(recording)
    visit.get_by_role("button", name="Use this recording").click()
    expect(visit.locator(".field-trace")).to_contain_text("8,819")
    simulate(visit)
    expect(visit.locator("article.result")).to_contain_text("azure_llm_2023_code")


def test_a_log_file_begins_a_decision(visit: Page) -> None:
    visit.get_by_role("link", name="New decision").click()
    visit.get_by_label("File", exact=True).set_input_files(ROOT / "examples/access.log")
    visit.get_by_label("All other answers from").select_option("Email triage")
    visit.get_by_role("button", name="Read the file").click()
    visit.get_by_role("button", name="Use this recording").click()
    expect(visit.locator(".field-trace")).to_contain_text("1,929")


def test_a_broken_recording_is_refused_with_its_row(visit: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2026-01-01 00:00:00,1,1\n2026-01-01 00:00:01,x,1\n")
    begin(visit, "Document extraction")
    field(visit, "volume.mean_rate_per_s")
    visit.locator("#trace-file").set_input_files(broken)
    expect(visit.get_by_role("alert")).to_contain_text(
        "Line 3: the number of input tokens 'x' in the column ContextTokens"
    )
    expect(visit.get_by_role("button", name="Use this recording")).to_have_count(0)


def test_the_first_load_with_its_charts_is_under_a_megabyte(visit: Page, site: str) -> None:
    sizes: dict[str, float] = {}
    session = visit.context.new_cdp_session(visit)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    visit.goto(site)
    demo(visit, "Document extraction").locator("a.run-succeeded").click()
    expect(visit.locator(".main-svg").first).to_be_visible(timeout=RUN_MS)
    assert sum(sizes.values()) < 1_000_000
