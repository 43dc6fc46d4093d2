"""The advice while answers are typed: that of the forces, then what was simulated, and never what was simulated of other answers."""

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e.test_main_job import begin, field, visit

__all__ = ["visit"]
RATE = "volume.mean_rate_per_s"
SIMULATED = "[data-mark=evidence]"


def hold(page: Page, rate: str, held: list[Route]) -> Route:
    """Type, until the next request that is held back."""
    before = len(held)
    field(page, RATE).fill(rate)
    while len(held) == before:
        page.wait_for_timeout(50)
    return held[-1]


def test_evidence_follows_the_answers_that_it_is_of(visit: Page) -> None:
    held: list[Route] = []
    begin(visit, "Image moderation")
    verdict = visit.locator("#verdict")
    expect(verdict.locator(SIMULATED)).to_contain_text("Simulated with your numbers")
    expect(verdict.get_by_role("img").first).to_have_attribute("aria-label", re.compile("in time .* 99 % wanted"))

    visit.route(re.compile(r"/advice/settled\?version=\d+&shows=older$"), lambda route: held.append(route))
    asking = []
    for rate in ("5.1", "5.2"):
        asking.append(hold(visit, rate, held))
        expect(verdict).to_contain_text("Your numbers are being simulated")
        expect(verdict).to_contain_text("By the forces alone")
        expect(verdict.locator(SIMULATED)).to_have_count(0)
    first, second = asking
    first.fulfill(status=200, content_type="text/html", body='<div id="advice-details">of older answers</div>')
    expect(visit.locator("#advice-details")).not_to_contain_text("of older answers")

    visit.route(re.compile("/answers$"), lambda route: held.append(route))
    saving = hold(visit, "5.3", held)
    with visit.expect_response(re.compile("/advice/settled")):
        second.continue_()
    visit.evaluate("() => new Promise(requestAnimationFrame)")
    expect(verdict.locator(SIMULATED)).to_have_count(0)
    saving.continue_()
    visit.unroute_all()
    expect(verdict.locator(SIMULATED)).to_contain_text("Simulated with your numbers")
    expect(visit.locator("#advice-details")).not_to_contain_text("of older answers")

    expect(verdict).not_to_have_class(re.compile("shows-older"))
    visit.route(re.compile("/answers$"), lambda route: held.append(route))
    saving = hold(visit, "5.4", held)
    expect(verdict).to_have_class(re.compile("shows-older"))
    saving.continue_()
    visit.unroute_all()
    expect(verdict).not_to_have_class(re.compile("shows-older"))
