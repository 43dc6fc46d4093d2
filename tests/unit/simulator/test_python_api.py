"""`from simulator import ...`: what docs/python-api.md promises, run as it is written."""

import doctest
import inspect
import io
import json
import re
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest

import simulator
from simulator import RecordingQuestion, Trace, TraceError, read_trace
from simulator.recordings.understanding import Corrections
from simulator.result_tables import tabulate
from tests.unit.reports import results

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/python-api.md"
NOTEBOOK = ROOT / "examples/log_to_designs.ipynb"
KEYWORDS = {
    "simulate": {"trace", "replications", "threads", "durations_s", "on_progress", "windows"},
    "simulate_jobs": {"trace", "durations_s", "most", "on_progress"},
    "tabulate": {"result"},
    "read_trace": {"max_requests", *Corrections.model_fields},
}


def documented(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    section = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.slow
def test_the_examples_of_the_page_give_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False)
    assert attempted > 20 and not failed


def test_the_stable_names_are_those_of_the_page_and_exist() -> None:
    assert set(simulator.__all__) == documented("Stable names")
    for name in simulator.__all__:
        assert callable(getattr(simulator, name)), name
    assert set(simulator.__all__) <= set(dir(simulator))
    with pytest.raises(AttributeError, match="no attribute 'simulates'"):
        _ = simulator.simulates


@pytest.mark.parametrize("name", KEYWORDS)
def test_the_functions_keep_their_keywords(name: str) -> None:
    assert KEYWORDS[name] <= inspect.signature(getattr(simulator, name)).parameters.keys()


def test_every_table_is_on_the_page_with_its_columns() -> None:
    tables = tabulate(results.result())
    assert documented("Tables") == tables.keys()


def test_importing_the_package_loads_nothing_heavy_and_no_web_framework() -> None:
    code = "import sys, simulator; print(*sys.modules); from simulator import simulate, tabulate; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    first, then = (set(line.split()) for line in ran.stdout.splitlines())
    assert not first & {"numba", "numpy", "polars", "pydantic", "django"}
    assert "numba" in then and not {name for name in then if name.split(".")[0] in ("advisor", "django", "rq", "redis")}


def test_a_recording_is_read_with_corrections_as_keywords(tmp_path: Path) -> None:
    place = tmp_path / "log.csv"
    place.write_text("time,n\n02/03/2026 10:00:00,5\n02/03/2026 10:01:00,6\n03/03/2026 10:01:00,6\n")
    with pytest.raises(RecordingQuestion) as asked:
        read_trace(place)
    assert {choice.field for choice in asked.value.choices} <= Corrections.model_fields.keys()
    with pytest.warns(UserWarning, match="name no time zone"):
        trace = read_trace(place, day_first=True, rows="requests")
    assert trace.first.startswith("2026-03-02") and trace.arrivals_s == pytest.approx([0, 60, 86_460])
    again = read_trace(place, day_first=False, rows="requests", time_zone="UTC")
    assert again.first.startswith("2026-02-03")


def test_what_was_noticed_about_a_file_is_a_warning(tmp_path: Path) -> None:
    place = tmp_path / "unsorted.csv"
    place.write_text("timestamp_s\n5.5\n1.25\n9\n")
    with pytest.warns(UserWarning, match=r"unsorted\.csv: 1 row is earlier"):
        trace = read_trace(place)
    assert trace.arrivals_s.tolist() == [0.0, 4.25, 7.75]
    place.write_text("nothing here\n")
    with pytest.raises(TraceError):
        read_trace(place)


def test_a_trace_is_built_from_arrays() -> None:
    trace = Trace(arrivals_s=np.array([0.0, 1.5, 4.0]))
    scenario = simulator.Scenario.parse(
        {
            "arrivals": {"process": "trace", "path": "of arrays"},
            "service": {"distribution": "deterministic", "mean_s": 1},
        }
    )
    result = simulator.simulate(scenario, trace=trace, replications=1)
    assert [design.completed for design in result.designs.values()] == [3, 3]
    again = simulator.Result.model_validate_json(result.model_dump_json(by_alias=True))
    assert again == result


def test_the_sample_log_is_what_its_script_writes() -> None:
    written = io.StringIO()
    with redirect_stdout(written):
        runpy.run_path(str(ROOT / "examples/make_access_log.py"), run_name="__main__")
    assert written.getvalue() == (ROOT / "examples/access.log").read_text()


@pytest.mark.slow
def test_the_notebook_runs_from_the_log_to_the_plot() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "keep the notebook without outputs"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "1,929 requests" in outputs[0]["text"]
    drawn = [output["data"] for output in outputs if "application/vnd.plotly.v1+json" in output.get("data", {})]
    assert len(drawn) == 2 and "queue" in json.dumps(drawn[1])
