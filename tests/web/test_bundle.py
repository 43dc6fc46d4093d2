"""The bundle of a decision: all that works its figures out again, on another machine, to the digit."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from advisor.decisions import stored
from advisor.decisions.engines import ENGINES
from advisor.decisions.models import Decision, Run, State, Trace, TraceData
from advisor.decisions.services.library import save_entry
from advisor.decisions.services.recordings import read_trace_if_any
from advisor.decisions.services.revisions import save_answers, use_trace
from advisor.decisions.services.runs import request_run
from advisor.teams.models import User
from tests.rows import upload_trace
from tests.sites import ROOT, own_environment
from tests.unit.reports.results import live_result
from tests.web.conftest import MakeRun

pytestmark = pytest.mark.simulated_advice

CSV = b"TIMESTAMP,ContextTokens\r\n" + b"".join(
    b"2026-11-02 09:%02d:%02d.%03d,%d\r\n" % (n // 60, n % 60, n * 37 % 1000, 1000 + n) for n in range(900)
)
NAME = "=bursty hour,\u202e 1.csv"
FILE = "bursty-hour-1.csv"


@pytest.fixture
def recorded(decision: Decision, user: User) -> Decision:
    """A decision that goes by a recording."""
    trace = upload_trace(decision.workspace, user, NAME, [CSV])
    use_trace(decision, trace, user, decision.draft_version)
    return decision


def simulated(decision: Decision, user: User) -> Run:
    """A run of the kernel that has succeeded."""
    run = request_run(decision.latest(), user, "a-key")
    trace = read_trace_if_any(run.trace)
    result = ENGINES["kernel"].simulate(run.scenario, trace=trace, replications=None, on_progress=lambda _: None)
    fields = {"state": State.SUCCEEDED, "result_json": stored.dump(result), "finished_at": run.created_at}
    Run.objects.filter(pk=run.pk).update(**fields)
    return Run.objects.get(pk=run.pk)


def bundle(client: Client, decision: Decision, query: str = "") -> bytes:
    answer = client.get(reverse("bundle", args=[decision.pk]) + query)
    assert answer.status_code == 200
    assert re.fullmatch(r'attachment; filename="[a-z0-9-]+\.zip"', answer["Content-Disposition"])
    return answer.content


def unpacked(data: bytes, to: Path) -> set[str]:
    """Unpacks it and checks its sums; the names of the files."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) for name in names)
        archive.extractall(to)
    sums = dict(line.split("  ")[::-1] for line in (to / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == set(names) - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((to / name).read_bytes()).hexdigest() == digest
    return set(names)


def again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs the commands of the README in this process, and compares what they print with what the bundle holds; how many there are."""
    monkeypatch.chdir(folder)
    commands = re.findall(r"^ +python3 manage\.py (.+)$", (folder / "README.txt").read_text(), re.MULTILINE)
    for command in commands:
        output = io.StringIO()
        call_command(*command.split(), "--format", "json", stdout=output)
        kept = "advice.json" if command.startswith("advise") else "result.json"
        assert output.getvalue() == (folder / kept).read_text()
    return len(commands)


def test_a_recorded_run_comes_out_the_same_in_another_folder(
    client: Client, recorded: Decision, user: User, tmp_path: Path
) -> None:
    run = simulated(recorded, user)
    names = unpacked(bundle(client, recorded), tmp_path)
    assert {"README.txt", "report.md", "report.html", "answers.json", "scenario.json", "result.json", FILE} <= names
    assert (tmp_path / FILE).read_bytes() == CSV
    assert json.loads((tmp_path / "result.json").read_text()) == json.loads(run.result_json or "")
    pictures = set(
        re.findall(r"^!\[.+\]\((chart-[a-z0-9_-]+\.svg)\)$", (tmp_path / "report.md").read_text(), re.MULTILINE)
    )
    assert pictures == {name for name in names if name.endswith(".svg")} and "chart-in-time.svg" in pictures
    assert all((tmp_path / name).read_text().startswith("<svg ") for name in pictures)
    environment = own_environment()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])

    def work_out_again(checkout: Path) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(tmp_path / "commands.sh"), str(checkout)]
        return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)

    done = work_out_again(ROOT)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["Every figure is the same."]), done.stderr
    assert (tmp_path / "result.again.json").read_text() == (tmp_path / "result.json").read_text()

    another_version = tmp_path / "another version"
    another_version.mkdir()
    (another_version / "manage.py").write_text("print({})")
    differs = work_out_again(another_version)
    assert differs.returncode == 1
    assert "advice.json is not what this checkout of Crossover finds" in differs.stderr


def test_a_run_without_a_recording_comes_out_the_same(
    client: Client, decision: Decision, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated(decision, user)
    assert not any(name.endswith(".csv") for name in unpacked(bundle(client, decision), tmp_path))
    assert again(tmp_path, monkeypatch) == 2


def test_without_a_simulation_it_holds_the_advice_alone(
    client: Client, recorded: Decision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = unpacked(bundle(client, recorded), tmp_path)
    assert {"scenario.json", "result.json"}.isdisjoint(names) and FILE in names
    assert "has not been simulated" in (tmp_path / "README.txt").read_text()
    assert again(tmp_path, monkeypatch) == 1
    assert "as of 20" in (tmp_path / "report.md").read_text()


def test_figures_of_the_workspaces_own_library_are_in_it(
    client: Client, decision: Decision, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hop = {"title": "Our gateway", "limit_s": 12.0, "kind": "total", "source": "our runbook", "checked": "2026-11-24"}
    save_entry(decision.workspace, user, "hop", "", hop)
    given = {"synchronous": {"hops": ["own_our_gateway", "gunicorn"]}}
    save_answers(decision, given, user, decision.draft_version)
    assert "library.json" in unpacked(bundle(client, decision), tmp_path)
    assert "--library library.json" in (tmp_path / "commands.sh").read_text()
    assert again(tmp_path, monkeypatch) == 1
    save_entry(decision.workspace, user, "hop", "own_our_gateway", hop | {"limit_s": 90.0})
    assert "library.json" not in unpacked(bundle(client, decision), tmp_path / "later")
    assert again(tmp_path / "later", monkeypatch) == 1, "answers keep the figures that they were advised with"


def test_a_recording_of_an_older_version_is_written_anew_with_the_same_numbers(
    client: Client, recorded: Decision, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TraceData.objects.update(csv_gz=None)
    Trace.objects.update(first_instant="", last_instant="")
    simulated(recorded, user)
    unpacked(bundle(client, recorded), tmp_path)
    readme = (tmp_path / "README.txt").read_text()
    assert hashlib.sha256(CSV).hexdigest() in readme and "written anew" in readme
    assert again(tmp_path, monkeypatch) == 2


def test_a_live_run_is_not_claimed_to_be_reproducible(
    client: Client, make_run: MakeRun, decision: Decision, tmp_path: Path
) -> None:
    make_run(State.SUCCEEDED, engine="live", result_json=stored.dump(live_result()))
    assert {"scenario.json", "result.json"} <= unpacked(bundle(client, decision), tmp_path)
    assert "The live run is not" in (tmp_path / "README.txt").read_text()
    compared = [line for line in (tmp_path / "commands.sh").read_text().splitlines() if line.startswith("cmp")]
    assert compared == ["cmp advice.json advice.again.json || differs advice.json"]


def test_the_same_revision_gives_the_same_bytes(client: Client, recorded: Decision, user: User) -> None:
    simulated(recorded, user)
    assert bundle(client, recorded) == bundle(client, recorded, "?revision=1")


@pytest.mark.parametrize("revision", ["0", "2", "x", "\x00"])
def test_a_revision_that_is_not_there_has_no_bundle(revision: str, client: Client, decision: Decision) -> None:
    assert client.get(reverse("bundle", args=[decision.pk]), {"revision": revision}).status_code == 404
