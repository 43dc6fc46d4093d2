"""manage.py makes its own environment: when, from which lock, and what it says when it cannot."""

import contextlib
import importlib.util
import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import manage
from advisor import command_line
from manage import ROOT, RUNTIME, TEST, UV, CannotStart, Environment, StepFailed

Command = list[str]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / RUNTIME).write_text("django==5.2\n")
    (tmp_path / TEST).write_text("django==5.2\npytest==9\n")
    return Environment(tmp_path)


@pytest.fixture
def commands(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    seen: list[Command] = []

    def record(command: Command, settings: Mapping[str, str] | None = None) -> None:
        seen.append(command)
        if "venv" in command:
            environment.python.parent.mkdir(parents=True)
            environment.python.touch()
            if "-m" in command:
                (environment.folder / "lib" / "python3" / "site-packages" / "pip").mkdir(parents=True)

    monkeypatch.setattr(manage, "run", record)
    monkeypatch.setattr(manage, "working_uv", lambda: "/usr/bin/uv")
    monkeypatch.setattr(manage, "uv_settings", lambda pip: {})
    return seen


def without(monkeypatch: pytest.MonkeyPatch, *modules: str, failing: str = "") -> None:
    """A machine without uv and without these modules of Python's, on which commands with this word fail."""
    record, find = manage.run, importlib.util.find_spec

    def fail(command: Command, settings: Mapping[str, str] | None = None) -> None:
        record(command, settings)
        if failing and failing in command:
            raise StepFailed("no")

    monkeypatch.setattr(manage, "run", fail)
    monkeypatch.setattr(manage, "working_uv", lambda: None)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in modules else find("json" if name == "pip" else name)
    )


def installs(commands: list[Command]) -> list[str]:
    return [Path(command[-1]).name for command in commands if "install" in command]


def test_it_makes_the_environment_once(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    environment.ensure(RUNTIME)
    assert installs(commands) == [RUNTIME]


def programs(commands: list[Command]) -> list[tuple[str, str]]:
    names = {"uv": "uv", "python": "the environment's pip"}
    return [
        (
            names.get(Path(command[0]).name, "this Python's pip") if "install" in command else "venv",
            Path(command[-1]).name,
        )
        for command in commands
    ]


def test_uv_installs_where_it_is(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    assert programs(commands) == [("venv", ".venv"), ("uv", RUNTIME)]


def test_where_it_is_not_pip_gets_it_for_the_time_of_the_installation(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    without(monkeypatch)
    environment.ensure(RUNTIME)
    assert programs(commands) == [("this Python's pip", UV), ("venv", ".venv"), ("uv", RUNTIME)]
    assert not Path(commands[2][0]).is_relative_to(environment.root)
    assert not Path(commands[2][0]).parents[1].exists()


def test_a_python_without_pip_gets_it_in_the_environment(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "pip")
    environment.ensure(RUNTIME)
    assert programs(commands) == [("venv", ".venv"), ("the environment's pip", UV), ("uv", RUNTIME)]


@pytest.mark.parametrize("failing", ["--target", "--compile-bytecode"], ids=["cannot be had", "fails"])
def test_where_uv_cannot_serve_pip_installs_and_says_so(
    failing: str,
    environment: Environment,
    commands: list[Command],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without(monkeypatch, failing=failing)
    environment.ensure(RUNTIME)
    assert programs(commands)[-1] == ("the environment's pip", RUNTIME)
    assert "uv could not do it; pip installs the packages instead" in capsys.readouterr().err
    assert environment.satisfies(RUNTIME)


def test_whatever_is_installed_is_held_to_its_hash(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, failing="--compile-bytecode")
    environment.ensure(RUNTIME)
    assert [Path(command[-1]).name for command in commands if "--require-hashes" in command] == [UV, RUNTIME, RUNTIME]
    assert all("--require-hashes" in command for command in commands if "install" in command)


def test_the_locks_name_no_host_and_have_a_hash_for_every_package() -> None:
    for name in (RUNTIME, TEST, UV):
        lock = (ROOT / name).read_text()
        packages = re.findall(r"^\S+==\S+.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
        assert packages and all("--hash=sha256:" in package for package in packages)
        assert "://" not in lock


def test_uv_is_told_what_pip_is_of_its_index(tmp_path: Path) -> None:
    pip = tmp_path / "pip"
    listed = [
        "global.index-url='https://mirror.example/simple'",
        r":env:.extra-index-url='https://one.example/simple\nhttps://two.example/simple'",
        "install.no-binary='x'",
    ]
    pip.write_text("\n".join(["#!/bin/sh", "cat <<'END'", *listed, "END"]))
    pip.chmod(0o755)
    assert manage.uv_settings([str(pip)]) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


INSTALLER = """
print("Resolved 3 packages in 1ms")
print("Downloading numpy (16.1MiB)")
print("Installed 3 packages in 2s")
print(" + numpy==2")
"""


def test_progress_goes_to_standard_error_line_by_line(capfd: pytest.CaptureFixture[str]) -> None:
    manage.run([sys.executable, "-c", INSTALLER])
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == "  Downloading numpy (16.1MiB)\n  Installed 3 packages in 2s; compiling them\n"


def test_on_a_terminal_progress_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        manage.run([sys.executable, "-c", INSTALLER])
    shown = ""
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as screen:  # a terminal ends with an error
        while part := screen.read(1000):
            shown += part.decode()
    assert "\n" not in shown
    assert "Downloading numpy (16.1MiB)" in shown and shown.endswith("\r\x1b[K")


def test_a_failed_step_shows_all_that_it_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StepFailed, match="ended with 3"):
        manage.run([sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"])
    assert "the reason" in capfd.readouterr().err


def test_the_test_environment_serves_the_other_commands_too(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(TEST)
    environment.ensure(RUNTIME)
    environment.ensure(TEST)
    assert installs(commands) == [TEST]


def test_the_test_tools_are_added_to_what_is_there(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    environment.ensure(TEST)
    assert installs(commands) == [RUNTIME, TEST]
    assert sum("venv" in command for command in commands) == 1


def test_a_changed_lock_makes_it_anew(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    leftover = environment.folder / "leftover"
    leftover.touch()
    (environment.root / RUNTIME).write_text("django==5.2.1\n")
    environment.ensure(RUNTIME)
    assert installs(commands) == [RUNTIME, RUNTIME]
    assert not leftover.exists()


def test_an_interrupted_install_begins_again(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    record: Callable[..., None] = manage.run

    def interrupted(command: Command, settings: Mapping[str, str] | None = None) -> None:
        record(command)
        if "install" in command:
            raise KeyboardInterrupt

    monkeypatch.setattr(manage, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.ensure(RUNTIME)
    assert not environment.satisfies(RUNTIME)
    half_made = environment.folder / "half-made"
    half_made.touch()
    monkeypatch.setattr(manage, "run", record)
    environment.ensure(RUNTIME)
    assert environment.satisfies(RUNTIME)
    assert not half_made.exists()


def test_test_tools_that_were_half_added_are_not_left_to_chance(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.ensure(RUNTIME)

    def interrupted(command: Command, settings: Mapping[str, str] | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(manage, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.ensure(TEST)
    assert not environment.satisfies(RUNTIME)


def test_an_interpreter_that_went_away_makes_it_anew(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    environment.python.unlink()
    assert not environment.satisfies(RUNTIME)


def test_a_spoilt_stamp_is_no_stamp(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    environment.stamp.write_text("[1")
    assert not environment.satisfies(RUNTIME)


def test_of_two_first_starts_one_installs_and_the_other_waits(
    environment: Environment,
    commands: list[Command],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record: Callable[..., None] = manage.run
    installing, waiting = threading.Event(), threading.Event()

    def slowly(command: Command, settings: Mapping[str, str] | None = None) -> None:
        installing.set()
        assert waiting.wait(10)
        record(command)

    def say(sentence: str) -> None:
        if sentence.startswith("Waiting"):
            waiting.set()

    monkeypatch.setattr(manage, "run", slowly)
    monkeypatch.setattr(manage, "say", say)
    first = threading.Thread(target=environment.ensure, args=[RUNTIME])
    first.start()
    assert installing.wait(10)
    environment.ensure(RUNTIME)
    first.join(10)
    assert installs(commands) == [RUNTIME]


def test_a_missing_venv_module_is_a_sentence_that_names_the_command(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "pip", "venv")
    with pytest.raises(CannotStart, match="apt-get install python3-venv"):
        environment.ensure(RUNTIME)


def test_it_needs_no_venv_module_where_uv_is(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    environment.ensure(RUNTIME)
    assert environment.satisfies(RUNTIME)


def test_a_failed_install_says_so_and_leaves_no_stamp(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage, "working_uv", lambda: sys.executable)
    monkeypatch.setattr(manage, "base_python", lambda: "/no/such/python")
    with pytest.raises(CannotStart, match="cannot be started"):
        environment.ensure(RUNTIME)
    assert not environment.satisfies(RUNTIME)


def test_an_older_python_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    with pytest.raises(CannotStart, match=r"Python 3\.11 or newer"):
        manage.main(["up"])


def test_standard_output_stays_for_results(
    environment: Environment, commands: list[Command], capsys: pytest.CaptureFixture[str]
) -> None:
    environment.ensure(RUNTIME)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("command", "managed", "lock"),
    [("up", "on", RUNTIME), ("test", "on", TEST), ("up", "test", TEST), (None, "on", RUNTIME)],
)
def test_each_command_has_its_lock(command: str | None, managed: str, lock: str) -> None:
    assert manage.lock_for(command, managed) == lock


@pytest.mark.parametrize("given", [["up", "--data", "folder"], ["up", "--port", "0", "--data=folder"]])
def test_up_reads_its_data_folder_before_the_settings(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSOVER_DATA", "elsewhere")
    command_line.prepare_settings(given)
    assert manage.os.environ["CROSSOVER_DATA"] == str(Path("folder").resolve())


@pytest.mark.parametrize(("given", "mode"), [("hosted", "hosted"), ("local", "local"), ("", "local"), (None, "local")])
def test_up_runs_in_the_mode_that_is_given_and_else_locally(
    given: str | None, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSSOVER_MODE", raising=False)
    if given is not None:
        monkeypatch.setenv("CROSSOVER_MODE", given)
    command_line.prepare_settings(["up"])
    assert manage.os.environ["CROSSOVER_MODE"] == mode


def test_other_commands_leave_the_data_folder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSOVER_DATA", "elsewhere")
    command_line.prepare_settings(["advise", "--data", "folder"])
    assert manage.os.environ["CROSSOVER_DATA"] == "elsewhere"
