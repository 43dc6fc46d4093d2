"""Running a workload from the command line."""

import argparse

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.engines import ENGINES
from advisor.decisions.limits import HIGHEST_SPEED, REPLICATIONS_CAP, RUN_MEMORY_BYTES
from advisor.decisions.management.console import FAILURE, BadInput, Console, bad_input
from advisor.decisions.management.workload import Workload
from advisor.decisions.models import EngineName
from simulator.live.failures import CannotRun
from simulator.result import Result
from simulator.schema import InvalidInput

LARGEST_SEED = 2**53 - 1


def add_engine(parser: CommandParser) -> None:
    """`--engine`, `--speed`, `--seed` and `--replications`."""
    parser.add_argument("--engine", choices=EngineName.values, default=EngineName.KERNEL.value, help="what runs it")
    parser.add_argument(
        "--speed", type=_positive, metavar="X", help="of a live run: how many times as fast as the workload, at most"
    )
    parser.add_argument("--seed", type=_whole(0, LARGEST_SEED), metavar="N", help="instead of the scenario's own")
    parser.add_argument(
        "--replications", type=_whole(1, REPLICATIONS_CAP), metavar="N", help="instead of as many as it takes"
    )


def _positive(text: str) -> float:
    """A number over 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= HIGHEST_SPEED:
        raise argparse.ArgumentTypeError(f"must be over 0 and at most {HIGHEST_SPEED:,}, not {text[:30]!r}")
    return value


class _whole:  # noqa: N801  # argparse shows the name of a type
    """A whole number between two others."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __call__(self, text: str) -> int:
        try:
            value = int(text) if text.isascii() and len(text) < 20 else None
        except ValueError:
            value = None
        if value is None or not self.low <= value <= self.high:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {self.low} to {self.high:,}, not {text[:30]!r}"
            )
        return value


def run(
    console: Console,
    workload: Workload,
    name: str,
    engine: str,
    replications: int | None = None,
    speed: float | None = None,
) -> Result:
    """Both designs on the workload, with a line of progress.

    Raises:
        BadInput: for what the engine does not do, or a run that is too large.
        CommandError: if there is not enough memory after all, or this machine does not let a live run run.
    """
    chosen = ENGINES[engine]
    if speed is not None and not chosen.is_live:
        raise BadInput("--speed: is for --engine live; the kernel takes no real time")
    options = {"speed": speed, "workload": workload.template} if chosen.is_live else {}
    show = console.progress(steps=chosen.is_live)
    try:
        if problems := chosen.unsupported(workload.scenario):
            raise InvalidInput(problems)
        needed = chosen.estimate(workload.scenario, workload.trace, replications).memory_bytes
        if needed > RUN_MEMORY_BYTES:
            raise BadInput(
                f"{name}: this run would need about {needed / 1e9:.1f} GB of memory, over the limit of "
                f"{RUN_MEMORY_BYTES / 1e9:.1f} GB: give fewer jobs, or a shorter time"
            )
        return chosen.simulate(
            workload.scenario,
            trace=workload.trace,
            replications=replications,
            on_progress=show,
            durations_s=workload.durations_s,
            **options,
        )
    except InvalidInput as error:
        raise bad_input(error, name) from error
    except CannotRun as error:
        raise CommandError(f"{name}: the live run stopped: {error}", returncode=FAILURE) from error
    except MemoryError as error:
        raise CommandError(f"{name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
    finally:
        show(None)
