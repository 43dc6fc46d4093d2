"""The README's tour from a log file: each command as it is written, and every line that is shown of its output."""

import re
from pathlib import Path

import pytest

from tests.unit.commands.conftest import Run

README = Path(__file__).resolve().parents[3] / "README.md"
BLOCK = re.compile(r"^ +\$ python3 manage\.py (?P<command>.+)\n(?P<shown>(?: +\S.*\n)*)", re.MULTILINE)
FROM_THE_LOG = README.read_text().split("## A five-minute tour from a log file\n", 1)[1].split("\n## ", 1)[0]
BLOCKS = [(match["command"], match["shown"]) for match in BLOCK.finditer(FROM_THE_LOG)]


def test_the_tour_goes_from_the_log_to_advice_simulation_and_report() -> None:
    assert [command.split()[0] for command, _ in BLOCKS] == ["advise", "simulate", "export"]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), BLOCKS)
def test_each_command_of_the_tour_prints_what_is_shown(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    shown: str,
) -> None:
    (tmp_path / "examples").symlink_to(README.parent / "examples")
    monkeypatch.chdir(tmp_path)
    printed = run(*command.split()) + capsys.readouterr().err
    missing = [line.strip() for line in shown.splitlines() if line.strip() not in printed]
    assert not missing, "show in README.md what the command prints"
    written = re.search(r"--to (\S+)", command)
    assert written is None or (tmp_path / written[1]).stat().st_size > 1000
