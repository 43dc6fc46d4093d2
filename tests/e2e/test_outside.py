"""A run at an outside endpoint as an editor starts it, on a site whose administrator allows one; then everything that the site has kept is read."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import ENDED, RUN_MS, begin, download
from tests.live.fakes_outside import StandIn
from tests.sites import Site

pytestmark = pytest.mark.full
KEY = "sk-the-administrators-own-31415"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """One that fails every third call, and repeats the key as it does."""
    with StandIn(fails=3, lasts_s=0.2).serving() as server:
        yield server


@pytest.fixture
def allowing(prepared_data: Path, tmp_path: Path, stand_in: StandIn) -> Iterator[Site]:
    """A site where an administrator has allowed it, with every word in its logs."""
    environment = {
        "CROSSOVER_EXTERNAL_URL": stand_in.url,
        "CROSSOVER_EXTERNAL_MODEL": "some-model",
        "CROSSOVER_EXTERNAL_KEY": KEY,
        "CROSSOVER_EXTERNAL_MAX_CALLS": "40",
        "CROSSOVER_EXTERNAL_MAX_SECONDS": "20",
        "CROSSOVER_LOG_LEVEL": "DEBUG",
    }
    site = Site.start(Path(shutil.copytree(prepared_data, tmp_path / "data")), **environment)
    yield site
    site.end()


def test_what_answers_is_chosen_and_told_and_the_key_is_in_nothing_that_the_site_keeps(
    page: Page, allowing: Site, stand_in: StandIn
) -> None:
    page.goto(allowing.url)
    begin(page, "Document extraction")
    page.locator("#run-engine").select_option("live")
    page.get_by_label("Who answers").select_option("outside")
    expect(page.locator("#live-plan")).to_contain_text("some-model at 127.0.0.1")
    expect(page.locator("#live-plan")).to_contain_text("at most 40 calls of 256 output tokens")
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_url(ENDED)
    expect(page.locator("article.result")).to_be_visible(timeout=RUN_MS)
    expect(page.locator("article.result")).to_contain_text("answered in the sample endpoint's place")
    page.reload()
    shown = page.content()
    exported = b"".join(download(page, words)[1] for words in ("JSON", "Markdown", "HTML"))
    assert set(stand_in.keys) == {f"Bearer {KEY}"}
    assert 0 < len(stand_in.keys) <= 40
    allowing.end()
    database = sqlite3.connect(allowing.data / "crossover.sqlite3")
    kept = "\n".join(database.iterdump()).encode()
    database.close()
    kept += b"".join(path.read_bytes() for path in allowing.data.rglob("*") if path.is_file())
    kept += "\n".join(allowing.lines).encode() + shown.encode() + exported
    assert b"some-model" in kept
    assert not [KEY[at : at + 8] for at in range(len(KEY) - 7) if KEY[at : at + 8].encode() in kept]
