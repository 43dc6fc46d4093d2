#!/usr/bin/env python3
"""Crossover's command line: makes its own environment when it has to, then is an ordinary Django `manage.py`.

Needs nothing but Python's standard library until the environment stands. `.venv` is made from `requirements.lock` (the command `test` from
`requirements-test.lock`, which holds the former) and stamped with the locks' hashes; a stamp that no longer fits makes it anew. The variable
CROSSOVER_MANAGED_ENVIRONMENT turns this off (`off`, for containers) or asks for the test tools whatever the command (`test`, for development).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
RUNTIME, TEST = "requirements.lock", "requirements-test.lock"
OLDEST_PYTHON = (3, 11)


class CannotStart(Exception):
    """What is missing on this machine, in one sentence for the person at the terminal."""


def say(sentence: str) -> None:
    """Standard output belongs to the commands' results: everything else goes to standard error."""
    print(sentence, file=sys.stderr, flush=True)


class Environment:
    """The virtual environment in `root/.venv`, and the stamp that says which locks it was made from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "crossover-locks.json"

    def is_running(self) -> bool:
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def stamped(self) -> dict[str, str]:
        """Lock name to hash, of what is installed; empty where the environment is absent, broken, foreign or half made."""
        try:
            found = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return found if self.python.exists() and isinstance(found, dict) else {}

    def wanted(self, lock: str) -> dict[str, str]:
        """The stamp of a fresh install of `lock`. The test lock holds the runtime lock, so it stands for both."""
        names = (RUNTIME, TEST) if lock == TEST else (RUNTIME,)
        return {name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in names}

    def satisfies(self, lock: str) -> bool:
        stamped = self.stamped()
        return all(stamped.get(name) == digest for name, digest in self.wanted(lock).items())

    def ensure(self, lock: str) -> None:
        """Make or complete the environment unless it fits already; of several that start at once, one works and the others wait."""
        if self.satisfies(lock):
            return
        with self._alone():
            if not self.satisfies(lock):
                self._make(lock)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            import fcntl
        except ImportError:
            raise CannotStart("Crossover runs on Linux and macOS; on Windows, start it inside WSL.") from None
        with (self.root / ".venv.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Waiting for another start that is making the environment.")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make(self, lock: str) -> None:
        begun = time.monotonic()
        uv = working_uv()
        grows = self.satisfies(RUNTIME)
        say(
            f"{'Adding the test tools to' if grows else 'Making'} the environment (.venv) from {lock}; this happens once."
        )
        self.stamp.unlink(missing_ok=True)
        if not grows:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._create(uv)
        self._install(uv, lock)
        unfinished = self.stamp.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.wanted(lock), indent=1))
        unfinished.replace(self.stamp)
        say(f"The environment is ready ({time.monotonic() - begun:.0f} s).")

    def _create(self, uv: str | None) -> None:
        base = str(getattr(sys, "_base_executable", None) or sys.executable)
        if uv:
            run([uv, "venv", "--quiet", "--python", base, str(self.folder)])
        elif importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
            sudo = "" if os.geteuid() == 0 else "sudo "
            raise CannotStart(f"Python's venv module is missing; install it with: {sudo}apt-get install python3-venv")
        else:
            run([base, "-m", "venv", str(self.folder)])

    def _install(self, uv: str | None, lock: str) -> None:
        # Bytecode is compiled here, once: where PYTHONDONTWRITEBYTECODE is set, every start would compile every import again.
        source = ["--require-hashes", "-r", str(self.root / lock)]
        if uv:
            run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(self.python), *source])
        else:
            run(
                [
                    str(self.python),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--compile",
                    *source,
                ]
            )


def working_uv() -> str | None:
    """uv's path where it is installed and answers (a version manager's shim may not)."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return found
    return None


def run(command: list[str]) -> None:
    """Run one step of the making; what it printed is shown only when it failed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    step = subprocess.run(  # noqa: S603
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    if step.returncode:
        say(f"{step.stdout}{step.stderr}".rstrip())
        program = " ".join(Path(part).name for part in command[:4])
        raise CannotStart(
            f"The environment could not be made: `{program} …` ended with {step.returncode}. The next start begins again."
        )


def lock_for(command: str | None, managed: str) -> str:
    return TEST if command == "test" or managed == "test" else RUNTIME


def option(arguments: list[str], name: str) -> str | None:
    """The value of `--name VALUE` or `--name=VALUE`, read before there is a parser."""
    for position, argument in enumerate(arguments):
        if argument == name:
            return arguments[position + 1] if position + 1 < len(arguments) else None
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


def prepare_settings(arguments: list[str]) -> None:
    """`up` serves this machine alone unless the environment says otherwise, from the folder that `--data` names.

    Settings are read once, before any command is.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")
    if arguments[:1] == ["up"]:
        os.environ["CROSSOVER_MODE"] = os.environ.get("CROSSOVER_MODE") or "local"
        data = option(arguments, "--data")
        if data:
            os.environ["CROSSOVER_DATA"] = str(Path(data).expanduser().resolve())


def main(arguments: list[str]) -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise CannotStart(
            f"Crossover needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer; this is {sys.version.split()[0]}."
        )
    managed = os.environ.get("CROSSOVER_MANAGED_ENVIRONMENT", "on").lower()
    if managed != "off":
        environment = Environment(ROOT)
        environment.ensure(lock_for(arguments[0] if arguments else None, managed))
        if not environment.is_running():
            python = str(environment.python)
            os.execv(python, [python, str(ROOT / "manage.py"), *arguments])  # noqa: S606
    prepare_settings(arguments)
    from django.core.management import execute_from_command_line

    from advisor.configuration import Misconfigured

    try:
        execute_from_command_line([sys.argv[0], *arguments])
    except Misconfigured as wrong:
        raise CannotStart(str(wrong)) from None


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CannotStart as missing:
        say(str(missing))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
