"""What the commands share: exit codes, clean streams, FILE or standard input, and a line of progress."""

import argparse
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import InvalidInput, Problem
from simulator.replications import EndlessRun, Progress

ShowProgress = Callable[[Progress | None], None]

BAD_INPUT, FAILURE = 2, 1
LONGEST_STEP = 60


class BadInput(CommandError):
    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines), returncode=BAD_INPUT)


@contextmanager
def problems_in(name: str) -> Iterator[None]:
    """Raise BadInput for invalid input, with the file `name` that contains it."""
    try:
        yield
    except InvalidInput as error:
        raise BadInput(*(_line(problem, name) for problem in error.problems)) from error


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
        except BrokenPipeError:  # the reader has closed the pipe: `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILURE)
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
            sys.exit(130)
        return output

    def print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, allow_nan=False))

    def report(self, line: str) -> None:
        """Write a line that is no error to standard error."""
        self.stderr.write(line, style_func=str)

    @contextmanager
    def simulating(self, name: str, *, steps: bool = False) -> Iterator[ShowProgress]:
        """Show a line of progress on a terminal, and report why a simulation of `name` stopped.

        With `steps`, a log gets a line for each step.

        Raises:
            BadInput: for invalid input.
            CommandError: there is not enough memory, or the simulator has a defect.
        """
        show = self._progress_line if self.stderr.isatty() else self._step_lines() if steps else lambda _: None
        try:
            with problems_in(name):
                yield show
        except (MemoryError, EndlessRun) as error:
            raise CommandError(f"{name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
        finally:
            show(None)

    def _progress_line(self, progress: Progress | None) -> None:
        words = "" if progress is None else f"{progress.step[:LONGEST_STEP]}, {progress.fraction:.0%}"
        self.stderr.write(f"\r{words:<{LONGEST_STEP + 8}}\r{words}", style_func=str, ending="")
        self.stderr.flush()

    def _step_lines(self) -> ShowProgress:
        last = ""

        def show(progress: Progress | None) -> None:
            nonlocal last
            if progress is not None and progress.step != last:
                last = progress.step
                self.stderr.write(last, style_func=str)

        return show


def add_format(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text for people, json for programs")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text) if text.isascii() and len(text) < 20 and text.removeprefix("-").isdigit() else None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high:,}, not {text[:30]!r}")
        return value

    return parse


def number_that(accepts: Callable[[float], bool], words: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"must be {words}, not {text[:30]!r}")
        return value

    return parse
