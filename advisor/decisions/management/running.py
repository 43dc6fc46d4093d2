"""Running a workload from the command line."""

import argparse

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.engines import ENGINES
from advisor.decisions.limits import REPLICATIONS_CAP, RUN_MEMORY_BYTES
from advisor.decisions.management.console import FAILURE, BadInput, Console, bad_input
from advisor.decisions.management.workload import Workload
from advisor.decisions.models import EngineName
from simulator.result import Result
from simulator.schema import InvalidInput

LARGEST_SEED = 2**53 - 1


def add_engine(parser: CommandParser) -> None:
    """`--engine`, `--seed` and `--replications`."""
    parser.add_argument("--engine", choices=EngineName.values, default=EngineName.KERNEL.value, help="what runs it")
    parser.add_argument("--seed", type=_whole(0, LARGEST_SEED), metavar="N", help="instead of the scenario's own")
    parser.add_argument(
        "--replications", type=_whole(1, REPLICATIONS_CAP), metavar="N", help="instead of as many as it takes"
    )


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


def run(console: Console, workload: Workload, name: str, engine: str, replications: int | None) -> Result:
    """Both designs on the workload, with a line of progress.

    Raises:
        BadInput: for what the engine does not do, or a run that is too large.
        CommandError: if there is not enough memory after all.
    """
    chosen = ENGINES.get(engine)
    if chosen is None:
        raise BadInput(f"--engine {engine}: is not there yet; use --engine kernel")
    show = console.progress()
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
        )
    except InvalidInput as error:
        raise bad_input(error, name) from error
    except MemoryError as error:
        raise CommandError(f"{name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
    finally:
        show(None)
