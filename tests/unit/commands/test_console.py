"""Exit codes and streams of the commands."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.decisions.management.console import Console
from simulator.replications import Progress

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def shell(data: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`manage.py` in an environment that has no database, no broker and nothing but its own data folder."""
    environment = os.environ | {
        "CROSSOVER_DATA": str(data),
        "CROSSOVER_MANAGED_ENVIRONMENT": "off",
        "DJANGO_SETTINGS_MODULE": "advisor.settings",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=environment, check=False, timeout=120
    )


def test_json_alone_is_on_standard_output_and_nothing_is_made_but_the_key(tmp_path: Path) -> None:
    done = shell(tmp_path, "advise", "-", "--format", "json", stdin="template: chat_assistant")
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout)["schema"] == "crossover/recommendation@1"
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]


def test_bad_input_exits_with_2_and_its_reason_alone_on_standard_error(tmp_path: Path) -> None:
    done = shell(tmp_path, "advise", "-", "--format", "json", stdin="bogus: 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "standard input: bogus (line 1): there is no such field\n"


def test_a_wrong_option_exits_with_2(tmp_path: Path) -> None:
    done = shell(tmp_path, "simulate", "-", "--replications", "many")
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be a whole number" in done.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_progress_is_shown_on_a_terminal_and_removed_at_the_end(stream: type[io.StringIO], shown: bool) -> None:
    errors = stream()
    with Console(stderr=errors).simulating("FILE") as show:
        show(Progress("Simulating both designs, replication 3 of 10", 0.25))
        assert ("replication 3 of 10, 25%" in errors.getvalue()) is shown
    assert not errors.getvalue().rpartition("\r")[2]
