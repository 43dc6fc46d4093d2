"""Running a workload from the command line."""

import argparse
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.limits import HIGHEST_SPEED, REPLICATIONS_CAP, RUN_MEMORY_BYTES
from advisor.decisions.management.console import FAILURE, BadInput, Console, bad_input
from advisor.decisions.management.workload import Workload
from advisor.decisions.models import EngineName
from advisor.decisions.outside import OUTSIDE, SAMPLE
from advisor.decisions.outside import chosen as allowed_endpoint
from advisor.reports.document.outside import endpoint_terms
from simulator.live.errors import CannotRun
from simulator.live.system.config import ExternalEndpoint
from simulator.replications import EndlessRun
from simulator.result import Result
from simulator.schema import InvalidInput

LARGEST_SEED = 2**53 - 1


def add_engine(parser: CommandParser) -> None:
    """`--engine`, `--speed`, `--endpoint`, `--seed` and `--replications`."""
    parser.add_argument("--engine", choices=EngineName.values, default=EngineName.KERNEL.value, help="what runs it")
    parser.add_argument(
        "--speed", type=_positive, metavar="X", help="of a live run: how many times as fast as the workload, at most"
    )
    parser.add_argument(
        "--endpoint",
        choices=(SAMPLE, OUTSIDE),
        default=SAMPLE,
        help="of a live run: who answers, the sample endpoint or the outside one that CROSSOVER_EXTERNAL_URL names",
    )
    parser.add_argument("--seed", type=Whole(0, LARGEST_SEED), metavar="N", help="instead of the scenario's own")
    parser.add_argument(
        "--replications", type=Whole(1, REPLICATIONS_CAP), metavar="N", help="instead of as many as it takes"
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


class Whole:
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
    endpoint: str = SAMPLE,
) -> Result:
    """Both designs on the workload, with a line of progress.

    Raises:
        BadInput: for what the engine does not do, or a run that is too large.
        CommandError: if there is not enough memory after all, or this machine does not let a live run run.
    """
    chosen = ENGINES[engine]
    options = _live_options(workload, speed, endpoint) if chosen.is_live else kernel_options(speed, endpoint)
    show = console.progress(steps=chosen.is_live)
    try:
        if problems := chosen.unsupported(workload.scenario):
            raise InvalidInput(problems)
        require_memory(chosen.estimate(workload.scenario, workload.trace, replications).memory_bytes, name)
        if options.get("external") is not None:
            console.stderr.write(_spending(chosen, workload, speed, options["external"]), style_func=str)
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
    except (MemoryError, EndlessRun) as error:
        raise CommandError(f"{name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
    finally:
        show(None)


def require_memory(needed_bytes: int, name: str) -> None:
    """Refuse a run that is too large for the limit."""
    if needed_bytes > RUN_MEMORY_BYTES:
        raise BadInput(
            f"{name}: this run would need about {needed_bytes / 1e9:.1f} GB of memory, over the limit of "
            f"{RUN_MEMORY_BYTES / 1e9:.1f} GB: give fewer jobs, or a shorter time"
        )


def _live_options(workload: Workload, speed: float | None, endpoint: str) -> dict[str, Any]:
    """
    Raises:
        BadInput: for an outside endpoint that is not allowed.
    """
    try:
        outside = allowed_endpoint(endpoint)
    except InvalidInput as error:
        raise BadInput(*(f"--endpoint: {problem.reason}" for problem in error.problems)) from error
    called = {"external": outside.endpoint, "key": outside.key} if outside is not None else {}
    return {"speed": speed, "workload": workload.template, **called}


def kernel_options(speed: float | None, endpoint: str) -> dict[str, Any]:
    """The options of a run by the kernel: none.

    Raises:
        BadInput: for an option that only a live run has.
    """
    if speed is not None:
        raise BadInput("--speed: is for --engine live; the kernel takes no real time")
    if endpoint != SAMPLE:
        raise BadInput("--endpoint: is for --engine live; the kernel calls nobody")
    return {}


def _spending(engine: Engine, workload: Workload, speed: float | None, external: ExternalEndpoint) -> str:
    """What the run may spend, said before it is begun. Raises InvalidInput, where it cannot be."""
    course = engine.course(workload.scenario, workload.trace, workload.durations_s, speed=speed, external=external)
    return endpoint_terms(course)
