"""`export`: the report as a file, whole or not at all."""

import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from pypdf import PdfReader

from advisor.decisions.management.commands.export import Command
from advisor.reports.formats import FORMATS
from tests.unit.commands.conftest import Recorder, Run

Write = Callable[[str, str], str]
ROOT = Path(__file__).resolve().parents[3]


def test_a_json_report_is_read_back_to_the_same_advice_and_simulation(
    run: Run, run_json: Callable[..., Any], engine: Recorder, tmp_path: Path
) -> None:
    place = tmp_path / "report.json"
    (tmp_path / "calls.csv").write_text("time_s\n0\n1\n5\n9\n")
    (tmp_path / "a.yaml").write_text("{name: Claims, volume: {trace: calls.csv}, processing: {p95_s: 31}}")
    run("export", str(tmp_path / "a.yaml"), "--to", str(place), "--simulate")
    report, simulated, trace = json.loads(place.read_text()), engine.scenario, engine.trace
    assert run_json("advise", str(place)) == report["recommendation"]
    engine.scenario = engine.trace = None
    run("simulate", str(place))
    assert engine.scenario == simulated and engine.trace is not None and trace is not None
    assert engine.trace.arrivals_s.tolist() == trace.arrivals_s.tolist()
    place.write_text(json.dumps(report | {"scenario": report["scenario"] | {"seed": 99}}))
    run("simulate", str(place))
    assert engine.scenario is not None and engine.scenario.seed == 99, "of the report, not of its answers"
    place.write_text(json.dumps(report))
    again = tmp_path / "again.json"
    run("export", str(place), "--to", str(again), "--simulate")
    assert json.loads(again.read_text()) == report


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema": "crossover/report@1"}', "is a report without answers"),
        ('{"schema": "crossover/report@1", "answers": {"name": "\\u0000"}}', "holds a control character"),
        ('{"schema": "crossover/report@1", "answers": {"x": 1}}', "there is no such field"),
        ('{"schema": "crossover/report@1", "answers": {}', "is not JSON"),
        ('{"schema": "crossover/report@1", "x": "' + "a" * (4 << 20) + '"}', "4,194,304 are allowed"),
    ],
)
def test_a_report_that_is_not_whole_is_refused(run: Run, write: Write, text: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("advise", write("report.json", text))


@pytest.mark.parametrize("ending", [".md", ".html", ".pdf", ".json", ".asyncapi.json", ".MD"])
def test_the_ending_chooses_the_format(run: Run, tmp_path: Path, ending: str) -> None:
    place = tmp_path / f"report{ending}"
    assert run("export", "-", "--to", str(place), stdin="name: Claims").strip() == str(place)
    content = place.read_bytes()
    if ending == ".pdf":
        assert "Claims" in PdfReader(io.BytesIO(content)).pages[0].extract_text()
    else:
        assert b"Claims" in content


def test_a_report_includes_a_simulation_if_requested(run: Run, engine: Recorder, tmp_path: Path) -> None:
    place = tmp_path / "report.json"
    run("export", "-", "--to", str(place), stdin="{}")
    assert json.loads(place.read_text())["result"] is None
    run("export", "-", "--to", str(place), "--simulate", stdin="{}")
    assert json.loads(place.read_text())["result"]["verdict"] == "event_driven"


def test_the_appendices_can_be_left_out(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    run("export", "-", "--to", str(place), stdin="{}")
    assert "Appendix A: Answers" in place.read_text()
    run("export", "-", "--to", str(place), "--no-appendix", stdin="{}")
    assert "Appendix A: Answers" not in place.read_text() and "Assumptions" in place.read_text()


@pytest.mark.parametrize("name", ["report.docx", "report", ".pdf/report"])
def test_an_unknown_ending_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    endings = ", ".join(f".{format_.extension}" for format_ in FORMATS.values())
    with pytest.raises(CommandError, match=re.escape(f"must be one of {endings}")) as refused:
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


def test_a_failed_write_leaves_the_previous_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_report_of_a_file_says_that_no_status_is_recorded(run: Run, tmp_path: Path) -> None:
    for ending in (".md", ".html", ".json"):
        run("export", "-", "--to", str(tmp_path / f"report{ending}"), stdin="{}")
        assert "Not recorded (made from a file)" in (tmp_path / f"report{ending}").read_text()


def test_a_recording_is_named_with_its_hash_and_the_recipe_works_next_to_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"time\n1700000000\n1700000001\n1700000009\n"
    (tmp_path / "our calls.csv").write_bytes(data)
    (tmp_path / "a.yaml").write_text("volume: {trace: our calls.csv}")
    run("export", str(tmp_path / "a.yaml"), "--to", str(tmp_path / "report.json"))
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["recording"] == {
        "name": "our calls.csv",
        "requests": 3,
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "first": "2023-11-14T22:13:20Z",
        "last": "2023-11-14T22:13:29Z",
        "span_s": 9.0,
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "our-calls.csv").write_bytes(data)
    (elsewhere / "answers.json").write_text(json.dumps(report["answers"]))
    monkeypatch.chdir(elsewhere)
    assert json.loads(run("advise", "answers.json", "--format", "json")) == report["recommendation"]


def test_a_scenario_has_no_report(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="takes Answers"):
        run("export", "-", "--to", str(tmp_path / "a.md"), stdin="arrivals: {process: poisson, rate_per_s: 1}")


def test_the_help_lists_the_formats_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Command().create_parser("manage.py", "export").parse_args(["--help"])
    printed = " ".join(capsys.readouterr().out.split())
    *first, last = [format_.title for format_ in FORMATS.values()]
    assert f"{', '.join(first)} or {last}, by the file's ending" in printed
    *first, last = [f".{format_.extension}" for format_ in FORMATS.values()]
    assert f"report{', '.join(first)} or {last}" in printed


def test_the_readme_and_the_decision_page_list_the_formats_of_the_table() -> None:
    readme = (ROOT / "README.md").read_text()
    extensions = [format_.extension for format_ in FORMATS.values()]
    command = re.search(r"^ +python3 manage\.py export ANSWERS +--to report(\S+)", readme, re.MULTILINE)
    endings = "|".join(f".{extension}" for extension in extensions)
    assert command is not None and command[1] == endings, f"write `export ANSWERS --to report{endings}` in README.md"
    sentence = re.search(r"^\d\. \*\*Export\*\*.+", readme, re.MULTILINE)
    assert sentence is not None
    named = [sentence[0].find(format_.title) for format_ in FORMATS.values()]
    titles = ", ".join(format_.title for format_ in FORMATS.values())
    assert -1 not in named and named == sorted(named), f"name {titles} in this order at **Export** in README.md"
    page = (ROOT / "templates" / "decisions" / "_fragments.html").read_text()
    linked = set(re.findall(r"{% url 'report' decision\.pk '([\w.]+)' %}", page))
    assert linked == set(extensions), (
        f"link {set(extensions) ^ linked} in the Export menu of templates/decisions/_fragments.html, or no longer"
    )
