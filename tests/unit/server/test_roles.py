"""One part of a site by itself: what it needs, and what it shows of itself."""

import json
import logging
import os
import re
import sys
import time
from pathlib import Path

import pytest
from django.core.management.base import OutputWrapper
from pydantic import ValidationError

from advisor.configuration import Configuration
from advisor.server import roles
from advisor.server.logs import logging_settings
from advisor.server.supervisor import Child, Supervisor
from core.errors import CannotRun

KEY = "0123456789abcdef" * 4
COMPLETE = {
    "mode": "hosted",
    "database_url": "postgres://crossover@db/crossover",
    "redis_url": "redis://broker/0",
    "secret_key": KEY,
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database_url": None}, "DATABASE_URL: the PostgreSQL that all parts share"),
        ({"database_url": "sqlite:///x.sqlite3"}, "DATABASE_URL: the PostgreSQL that all parts share"),
        ({"redis_url": None}, "REDIS_URL: the Redis or Valkey that all parts share"),
        ({"secret_key": None}, "CROSSOVER_SECRET_KEY: the same for all parts"),
        ({"mode": "local"}, "CROSSOVER_MODE: a part of a site by itself is for hosted mode"),
    ],
)
def test_a_part_that_lacks_something_does_not_start(
    change: dict[str, str | None], sentence: str, tmp_path: Path
) -> None:
    configuration = Configuration.model_validate(COMPLETE | {"data": tmp_path / "data"} | change)
    with pytest.raises(CannotRun, match=re.escape(sentence)):
        roles.run_role("worker", configuration, "127.0.0.1", 0, 1, OutputWrapper(sys.stdout))
    assert not (tmp_path / "data").exists()


def test_a_complete_one_lacks_nothing() -> None:
    roles.check_role("reconciler", Configuration.model_validate(COMPLETE))


@pytest.mark.parametrize("key", ["short", "ab" * 40])
def test_a_secret_key_that_can_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="50 characters at least") as refused:
        Configuration.model_validate({"secret_key": key})
    assert key not in str(refused.value)


def test_every_process_signs_with_the_key_given(tmp_path: Path) -> None:
    one = Configuration.model_validate({"secret_key": KEY, "data": tmp_path / "one"})
    assert one.signing_key() == KEY
    assert not one.data.exists()


def test_a_line_of_the_log_is_a_json_object() -> None:
    settings = dict(logging_settings("INFO", "json")["formatters"]["line"])
    formatter = settings.pop("()")(**settings)
    try:
        raise ValueError("a line\nand another")
    except ValueError:
        record = logging.LogRecord("up", logging.ERROR, __file__, 1, "It %s", ("failed",), sys.exc_info())
    line = formatter.format(record)
    assert "\n" not in line
    fields = json.loads(line)
    assert (fields["event"], fields["level"]) == ("It failed", "error")
    assert "ValueError: a line" in fields["exception"]
    assert fields["timestamp"].endswith("Z")


def test_without_a_log_of_its_own_a_child_writes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    child = Child("part", lambda: [sys.executable, "-c", "print('a line')"], os.environ, None)
    child.start()
    assert child.process is not None and child.process.stdin is not None
    child.process.wait(30)
    child.process.stdin.close()
    assert capfd.readouterr().err == "a line\n"


def test_it_shows_that_it_is_alive_only_while_every_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "ALIVE_EVERY_S", 0.0)
    alive = tmp_path / "alive"
    with Supervisor() as supervisor:
        child = Child("part", lambda: [sys.executable, "-c", "input()"], os.environ, tmp_path)
        supervisor.start(child)
        show_alive = roles.show_alive_in(tmp_path, supervisor)
        show_alive()
        assert time.time() - alive.stat().st_mtime < 60
        alive.unlink()
        child.kill()
        assert child.process is not None
        child.process.wait(30)
        show_alive()
        assert not alive.exists()
