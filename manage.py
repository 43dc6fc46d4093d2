#!/usr/bin/env python3
"""Crossover's command line: makes its own environment when it has to, then is an ordinary Django `manage.py`.

Needs nothing but Python's standard library until the environment is ready. `.venv` is made from `requirements.lock` (the command `test` from
`requirements-test.lock`, which holds the former) and stamped with the locks' hashes; a stamp that no longer fits makes it anew. uv installs it;
if this machine has none, pip gets one for the time of the installation (`requirements-uv.lock`), and if that fails, pip installs. The variable
CROSSOVER_MANAGED_ENVIRONMENT turns this off (`off`, for containers) or asks for the test tools whatever the command (`test`, for development).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent
RUNTIME, TEST, UV = "requirements.lock", "requirements-test.lock", "requirements-uv.lock"
OLDEST_PYTHON = (3, 11)
WORTH_SHOWING = ("Downloading", "Collecting", "Preparing", "Prepared", "Installing", "Installed")
UV_FOR_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


class CannotStart(Exception):
    """What is missing on this machine, in one sentence for the user."""


class StepFailed(CannotStart):
    """A program that makes the environment failed; its output has been shown."""


def say(sentence: str) -> None:
    """Standard output belongs to the commands' results: everything else goes to standard error."""
    print(sentence, file=sys.stderr, flush=True)


class Environment:
    """The virtual environment in `root/.venv`, and a stamp with the hashes of the locks that it was made from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "crossover-locks.json"

    def is_running(self) -> bool:
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def stamped(self) -> dict[str, str]:
        """Lock name to hash, of what is installed; empty if the environment is absent, broken, foreign or half made."""
        try:
            stored = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return stored if self.python.exists() and isinstance(stored, dict) else {}

    def wanted(self, lock: str) -> dict[str, str]:
        """The stamp of a fresh install of `lock`. The test lock contains the runtime lock, so it includes both."""
        names = (RUNTIME, TEST) if lock == TEST else (RUNTIME,)
        return {name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in names}

    def satisfies(self, lock: str) -> bool:
        stamped = self.stamped()
        return all(stamped.get(name) == digest for name, digest in self.wanted(lock).items())

    def ensure(self, lock: str) -> None:
        """Make or complete the environment unless it fits already; of several concurrent starts, one works and the others wait."""
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
        grows = self.satisfies(RUNTIME)
        packages = sum("==" in line for line in (self.root / lock).read_text().splitlines())
        say(
            f"{'Adding the test tools to' if grows else 'Making'} the environment (.venv): up to {packages} packages from {lock}. "
            "This happens once and takes up to a minute."
        )
        self.stamp.unlink(missing_ok=True)
        if not grows:
            shutil.rmtree(self.folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="crossover-uv-") as folder:
            if not self._install_by_uv(Path(folder), lock):
                self._install_by_pip(lock)
        unfinished = self.stamp.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.wanted(lock), indent=1))
        unfinished.replace(self.stamp)
        say(f"The environment is ready ({time.monotonic() - begun:.0f} s).")

    def _install_by_uv(self, folder: Path, lock: str) -> bool:
        try:
            uv, settings = working_uv(), dict[str, str]()
            if uv is None:
                say("Getting uv, which installs faster than pip.")
                pip = [sys.executable if importlib.util.find_spec("pip") else self._python_with_pip(), "-m", "pip"]
                settings = uv_settings(pip)
                wheel = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(self.root / UV)]
                run([*pip, "install", "--quiet", "--retries=1", "--target", str(folder), *wheel])
                uv = str(folder / "bin" / "uv")
            if not self.python.exists():
                run([uv, "venv", "--quiet", "--python", base_python(), str(self.folder)])
            options = ["--compile-bytecode", "--python", str(self.python), "--require-hashes"]
            run([uv, "pip", "install", *options, "-r", str(self.root / lock)], settings)
        except StepFailed:
            say("uv could not do it; pip installs the packages instead, which takes longer.")
            return False
        return True

    def _install_by_pip(self, lock: str) -> None:
        # Bytecode is compiled here, once: where PYTHONDONTWRITEBYTECODE is set, every start would compile every import again.
        pip = [self._python_with_pip(), "-m", "pip", "install", "--disable-pip-version-check", "--compile"]
        run([*pip, "--require-hashes", "-r", str(self.root / lock)])

    def _python_with_pip(self) -> str:
        if not any(self.folder.glob("lib/python*/site-packages/pip")):
            if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
                sudo = "" if os.geteuid() == 0 else "sudo "
                raise CannotStart(
                    f"Python's venv module is missing; install it with: {sudo}apt-get install python3-venv"
                )
            shutil.rmtree(self.folder, ignore_errors=True)
            run([base_python(), "-m", "venv", str(self.folder)])
        return str(self.python)


def base_python() -> str:
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def uv_settings(pip: list[str]) -> dict[str, str]:
    """Translate this machine's pip configuration (index, certificates, proxy) into variables for uv."""
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    options = re.findall(r"^\S*\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    settings = {UV_FOR_PIP[name]: value.replace("\\n", " ") for name, value in options if name in UV_FOR_PIP}
    return settings | ({"UV_INDEX_STRATEGY": "unsafe-best-match"} if "UV_INDEX" in settings else {})


def working_uv() -> str | None:
    """A version manager's shim may be installed and not run."""
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return uv
    return None


def run(command: list[str], settings: Mapping[str, str] | None = None) -> None:
    """Run one step, showing its progress; its whole output only if it failed. Raise StepFailed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program, printed = " ".join(Path(part).name for part in command[:4]), list[str]()
    try:
        step = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**(settings or {}), **environment},
        )
    except OSError as error:
        raise StepFailed(f"`{program} …` cannot be started: {error.strerror}.") from error
    with step:
        for line in step.stdout or ():
            printed.append(line)
            show(line.strip())
        show("")
    if step.returncode:
        say("".join(printed).rstrip())
        raise StepFailed(
            f"The environment could not be made: `{program} …` ended with {step.returncode}. The next start begins again."
        )


def show(line: str) -> None:
    """A line of progress: on a terminal it replaces the previous one."""
    if line.startswith("Installed"):
        line += "; compiling them"
    if sys.stderr.isatty():
        print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)
    elif line.startswith(WORTH_SHOWING):
        say(f"  {line[:150]}")


def lock_for(command: str | None, managed: str) -> str:
    return TEST if command == "test" or managed == "test" else RUNTIME


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
    from advisor.command_line import execute
    from advisor.configuration import Misconfigured

    try:
        execute(sys.argv[0], arguments)
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
