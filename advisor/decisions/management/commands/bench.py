import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.management.console import FAILURE, Console, add_format
from benchmarks.advice import PEOPLE, advice_figures, typing_figures
from benchmarks.kernel import kernel_figures, scale_figures
from benchmarks.live_run import measure_run
from benchmarks.live_workers import measure_workers
from core.errors import CannotRun
from core.numbers import count, number

TYPED = {
    "keystroke_ms": "from a keystroke to the advice, median",
    "keystroke_p95_ms": "from a keystroke to the advice, p95",
    "together_answer_ms": f"{PEOPLE} people at once, longest wait for an answer",
    "together_settled_ms": f"{PEOPLE} people at once, longest wait for the advice",
}
"""Waits for the server, as people say them."""


class Command(Console):
    help = "Measures how fast the kernel simulates and how fast advice is given on this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--full", action="store_true", help="up to a hundred million jobs, too, with the memory they take"
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="a live run, too: jobs a second of its workers and of all its parts, memory; with --full other kinds of workers",
        )
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            figures = {"kernel": kernel_figures(), "advice": advice_figures(), "typing": typing_figures()}
            if options["full"]:
                figures["scale"] = scale_figures()
            if options["live"]:
                figures["live"] = _live_figures(others=options["full"])
        except subprocess.SubprocessError as error:
            raise CommandError(f"bench: keystrokes could not be measured: {error}", returncode=FAILURE) from error
        except CannotRun as error:
            raise CommandError(f"bench: {error}", returncode=FAILURE) from error
        except AssertionError as error:
            raise CommandError(f"bench: counted wrong: {error}", returncode=FAILURE) from error
        if options["format"] == "json":
            self.print_json(figures)
            return
        for part, values in figures.items():
            self.stdout.write(f"{part.upper()}\n" + "\n".join(_lines(values)) + "\n")


def _live_figures(*, others: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {"threads": measure_workers(), "run": measure_run()}
    if others:
        figures |= {"simple": measure_workers("simple"), "forking": measure_workers("forking", workers=20, jobs=500)}
    return figures


def _lines(values: Mapping[str, Any], under: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{name}, ")
            continue
        words = f"{under}{name}".replace("_per_s", "").replace("event_driven", "event-driven").replace("_", " ")
        if name.startswith("dispatch_") or name == "overhead_ms":
            yield f"{words.removesuffix(' ms'):<40}{number(value):>16} ms"
        elif name.endswith("_mb"):
            yield f"{words.removesuffix(' mb'):<40}{number(value):>16} MB"
        elif name.endswith("_over_simpy"):
            yield f"{words:<40}{f'{number(value)}x':>16}"
        elif name in TYPED:
            yield f"{TYPED[name]:<54}{number(value):>16} ms"
        elif name.startswith("ms"):
            yield f"{words.replace('ms', 'recommendation', 1):<40}{number(value):>16} ms"
        else:
            yield f"{words:<40}{count(value):>16}{' /s' if name.endswith('_per_s') else ''}"
