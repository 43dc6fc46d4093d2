"""What the commands share: exit codes, clean streams, FILE or standard input, and a line of progress."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import InvalidInput, Problem
from simulator.simulate import Progress

BAD_INPUT, FAILURE = 2, 1
LONGEST_STEP = 60


class BadInput(CommandError):
    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines), returncode=BAD_INPUT)


def bad_input(error: InvalidInput, name: str) -> BadInput:
    return BadInput(*(_line(problem, name) for problem in error.problems))


def _line(problem: Problem, name: str) -> str:
    if problem.path:
        return f"{name}: {problem}"
    where = f"{name} (line {problem.line})" if problem.line else name
    return f"{where}: {problem.reason.removeprefix(f'{Path(name).name} ')}"


class Console(BaseCommand):
    """A command that needs no server, no broker and no database.

    Standard output carries the answer and nothing else; messages go to standard error. Exit code 0, 1 for a failure, 2 for bad input.
    """

    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]
    requires_migrations_checks = False

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not self._called_from_command_line:  # type: ignore[attr-defined]
            return super().execute(*args, **options)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            output = super().execute(*args, **options)
            sys.stdout.flush()
        except CommandError as error:
            self.stderr.write(str(error))
            sys.exit(error.returncode)
        except BrokenPipeError:  # whoever read has read enough: `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILURE)
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
            sys.exit(130)
        return output

    def print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, allow_nan=False))

    def progress(self, *, steps: bool = False) -> Callable[[Progress | None], None]:
        if not self.stderr.isatty():
            return self._steps() if steps else lambda _: None

        def show(progress: Progress | None) -> None:
            words = "" if progress is None else f"{progress.step[:LONGEST_STEP]}, {progress.fraction:.0%}"
            self.stderr.write(f"\r{words:<{LONGEST_STEP + 8}}\r{words}", style_func=str, ending="")
            self.stderr.flush()

        return show

    def _steps(self) -> Callable[[Progress | None], None]:
        last = ""

        def show(progress: Progress | None) -> None:
            nonlocal last
            if progress is not None and progress.step != last:
                last = progress.step
                self.stderr.write(last, style_func=str)

        return show


def add_format(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text for people, json for programs")
