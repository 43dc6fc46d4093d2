"""manage.py makes its own environment: when, from which lock, and what it says when it cannot."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import manage
from manage import RUNTIME, TEST, CannotStart, Environment

Command = list[str]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / RUNTIME).write_text("django==5.2\n")
    (tmp_path / TEST).write_text("django==5.2\npytest==9\n")
    return Environment(tmp_path)


@pytest.fixture
def commands(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """What would have been run, with nothing installed; making a virtual environment leaves its interpreter."""
    seen: list[Command] = []

    def record(command: Command) -> None:
        seen.append(command)
        if "venv" in command:
            environment.python.parent.mkdir(parents=True)
            environment.python.touch()

    monkeypatch.setattr(manage, "run", record)
    monkeypatch.setattr(manage, "working_uv", lambda: None)
    return seen


def installs(commands: list[Command]) -> list[str]:
    return [Path(command[-1]).name for command in commands if "install" in command]


def test_it_makes_the_environment_once(environment: Environment, commands: list[Command]) -> None:
    environment.ensure(RUNTIME)
    environment.ensure(RUNTIME)
    assert installs(commands) == [RUNTIME]


def test_it_installs_by_hash_only_with_either_installer(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.ensure(RUNTIME)
    monkeypatch.setattr(manage, "working_uv", lambda: "/usr/bin/uv")
    environment.stamp.unlink()
    environment.ensure(RUNTIME)
    assert [command[0] for command in commands if "install" in command] == [str(environment.python), "/usr/bin/uv"]
    assert all("--require-hashes" in command for command in commands if "install" in command)


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
    record: Callable[[Command], None] = manage.run

    def interrupted(command: Command) -> None:
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

    def interrupted(command: Command) -> None:
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
    record: Callable[[Command], None] = manage.run
    installing, waiting = threading.Event(), threading.Event()

    def slowly(command: Command) -> None:
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
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match="apt-get install python3-venv"):
        environment.ensure(RUNTIME)


def test_it_needs_no_venv_module_where_uv_is(
    environment: Environment, commands: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(manage, "working_uv", lambda: "/usr/bin/uv")
    environment.ensure(RUNTIME)
    assert environment.satisfies(RUNTIME)


def test_a_failed_install_says_so_and_leaves_no_stamp(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage, "working_uv", lambda: sys.executable)
    with pytest.raises(CannotStart, match="could not be made"):
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
    manage.prepare_settings(given)
    assert manage.os.environ["CROSSOVER_DATA"] == str(Path("folder").resolve())


@pytest.mark.parametrize(("given", "mode"), [("hosted", "hosted"), ("local", "local"), ("", "local"), (None, "local")])
def test_up_runs_in_the_mode_that_is_given_and_else_locally(
    given: str | None, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSSOVER_MODE", raising=False)
    if given is not None:
        monkeypatch.setenv("CROSSOVER_MODE", given)
    manage.prepare_settings(["up"])
    assert manage.os.environ["CROSSOVER_MODE"] == mode


def test_other_commands_leave_the_data_folder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSOVER_DATA", "elsewhere")
    manage.prepare_settings(["advise", "--data", "folder"])
    assert manage.os.environ["CROSSOVER_DATA"] == "elsewhere"
