"""`export`: the report as a file, whole or not at all."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from pypdf import PdfReader

from advisor.reports.formats import FORMATS
from tests.unit.commands.conftest import Recorder, Run

Write = Callable[[str, str], str]


@pytest.mark.parametrize("ending", [".md", ".html", ".pdf", ".json", ".MD"])
def test_the_ending_chooses_the_format(run: Run, tmp_path: Path, ending: str) -> None:
    place = tmp_path / f"report{ending}"
    assert run("export", "-", "--to", str(place), stdin="name: Claims").strip() == str(place)
    content = place.read_bytes()
    if ending == ".pdf":
        assert "Claims" in PdfReader(io.BytesIO(content)).pages[0].extract_text()
    else:
        assert b"Claims" in content


def test_a_simulation_is_in_it_when_asked_for(run: Run, engine: Recorder, tmp_path: Path) -> None:
    place = tmp_path / "report.json"
    run("export", "-", "--to", str(place), stdin="{}")
    assert json.loads(place.read_text())["result"] is None
    run("export", "-", "--to", str(place), "--simulate", stdin="{}")
    assert json.loads(place.read_text())["result"]["verdict"] == "event_driven"


@pytest.mark.parametrize("name", ["report.docx", "report", ".pdf/report"])
def test_an_unknown_ending_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match=r"must be one of \.md, \.html, \.pdf, \.json") as refused:
        run("export", "-", "--to", str(tmp_path / name), stdin="{}")
    assert refused.value.returncode == 2


def test_a_missing_folder_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no folder") as refused:
        run("export", "-", "--to", str(tmp_path / "nowhere" / "report.md"), stdin="{}")
    assert refused.value.returncode == 2


def test_bad_input_leaves_no_file(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        run("export", "-", "--to", str(tmp_path / "report.md"), stdin="bogus: 1")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_what_was_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "report.md"
    place.write_text("earlier")

    def full(self: Path, content: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CommandError, match="No space left on device") as failed:
        run("export", "-", "--to", str(place), stdin="{}")
    assert failed.value.returncode == 1
    assert place.read_text() == "earlier" and list(tmp_path.iterdir()) == [place]


def test_a_scenario_has_no_report(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="takes Answers"):
        run("export", "-", "--to", str(tmp_path / "a.md"), stdin="arrivals: {process: poisson, rate_per_s: 1}")


def test_there_is_an_ending_for_every_format() -> None:
    assert {chosen.extension for chosen in FORMATS.values()} == {"md", "html", "pdf", "json"}
