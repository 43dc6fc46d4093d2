"""docs/real-traces.md says what the engine gives, for every figure it has."""

import runpy
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.test_real_traces import FOLDER, trace_of

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[3] / "docs"
MAKER: dict[str, Any] = runpy.run_path(str(DOCS / "make_real_traces.py"))
PAGE = (DOCS / "real-traces.md").read_text()


@pytest.mark.parametrize("name", MAKER["EXAMPLES"])
def test_the_page_says_what_the_engine_gives(name: str) -> None:
    trace_of("code"), trace_of("conv")  # or say why not
    example = MAKER["run"](name, FOLDER)
    assert len(example.rows()) == 10
    assert MAKER["renewed"](PAGE, example) == PAGE
    if name in MAKER["DRAWN"]:
        assert example.chart().title in unescape((DOCS / f"{name}.svg").read_text())


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("azure-code", "neither"),
        ("azure-code-patient", "event_driven"),
        ("azure-conversation", "unresolved"),
        ("azure-conversation-patient", "event_driven"),
    ],
)
def test_the_page_s_words_follow_from_its_figures(name: str, verdict: str) -> None:
    trace_of("code"), trace_of("conv")
    result = MAKER["run"](name, FOLDER).result
    difference = result.difference["good_share"]
    assert result.verdict == verdict
    match verdict:
        case "neither":
            assert difference.high < 0
        case "unresolved":
            assert difference.low < 0 < difference.high
            assert (result.synchronous.conclusion, result.event_driven.conclusion) == ("misses", "unresolved")
        case _:
            assert difference.low > 0
    rate = {"azure-code": 1 / 3, "azure-conversation": 0.0}.get(name, 0.0)
    shed = (result.synchronous.rejected + result.synchronous.timed_out) / result.synchronous.offered
    assert shed > rate
