import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.external_endpoint import OUTSIDE, SAMPLE, endpoint_for
from advisor.decisions.limits import HIGHEST_SPEED, REPLICATIONS_CAP, RUN_MEMORY_BYTES
from advisor.decisions.management.console import (
    FAILURE,
    BadInput,
    Console,
    ShowProgress,
    number_that,
    whole_number,
)
from advisor.decisions.management.workload import Workload
from advisor.decisions.models import EngineName
from advisor.decisions.models.run import WORKER_KINDS
from advisor.decisions.services.runs import KERNEL_RUN, RunRequest
from advisor.reports.document.planned_run import endpoint_terms, plan_sentences
from core.errors import CannotRun, InvalidInput
from simulator.live.errors import RunBroken
from simulator.live.run.run_plan import FEWEST_SECONDS, MOST_SECONDS
from simulator.replications import Progress
from simulator.result import Result, SoFar

LARGEST_SEED = 2**53 - 1
NO_REAL_TIME = "the kernel takes no real time"


class StoppedRun(CommandError):
    """A live run that failed, or was stopped, after it had measured something."""

    def __init__(self, message: str, so_far: SoFar, returncode: int = FAILURE) -> None:
        super().__init__(message, returncode=returncode)
        self.so_far = so_far


def add_engine(parser: CommandParser) -> None:
    parser.add_argument("--engine", choices=EngineName.values, default=EngineName.KERNEL.value, help="what runs it")
    parser.add_argument(
        "--speed",
        type=number_that(lambda speed: 0 < speed <= HIGHEST_SPEED, f"over 0 and at most {HIGHEST_SPEED:,}"),
        metavar="X",
        help="of a live run: how many times as fast as the workload, at most",
    )
    parser.add_argument(
        "--seconds",
        type=number_that(
            lambda seconds: FEWEST_SECONDS <= seconds <= MOST_SECONDS,
            f"from {FEWEST_SECONDS:g} to {MOST_SECONDS:,.0f} seconds, such as 60",
        ),
        metavar="N",
        help="of a live run: for how many seconds jobs arrive; without it, for as long as a verdict takes, 20 to 120",
    )
    parser.add_argument(
        "--workers",
        choices=WORKER_KINDS,
        help="of a live run: rq workers as threads (the default), a process each (simple), a fork for each job (forking), "
        "or rq's own worker pool and scheduler in real time (stock)",
    )
    parser.add_argument(
        "--endpoint",
        choices=(SAMPLE, OUTSIDE),
        default=SAMPLE,
        help="of a live run: who answers, the sample endpoint or the outside one that CROSSOVER_EXTERNAL_URL names",
    )
    parser.add_argument("--seed", type=whole_number(0, LARGEST_SEED), metavar="N", help="instead of the scenario's own")
    parser.add_argument(
        "--replications", type=whole_number(1, REPLICATIONS_CAP), metavar="N", help="instead of as many as it takes"
    )


def request_from(options: Mapping[str, Any]) -> RunRequest:
    """Raise BadInput for an option of live runs that is given to the kernel."""
    if options["engine"] == EngineName.KERNEL:
        for name, default, why in (
            ("speed", None, NO_REAL_TIME),
            ("seconds", None, NO_REAL_TIME),
            ("workers", None, "the kernel has no rq workers"),
            ("endpoint", SAMPLE, "the kernel calls nobody"),
        ):
            if options[name] != default:
                raise BadInput(f"--{name}: is for --engine live; {why}")
    names = ("engine", "replications", "speed", "seconds", "endpoint")
    return RunRequest(**{name: options[name] for name in names}, workers=options["workers"] or WORKER_KINDS[0])


def run(console: Console, workload: Workload, name: str, request: RunRequest = KERNEL_RUN) -> Result:
    """Run both designs on the workload, with a line of progress.

    Raises:
        BadInput: for what the engine does not do, or a run that is too large.
        CommandError: there is not enough memory, or this machine cannot do a live run; StoppedRun with what was measured.
    """
    engine = ENGINES[request.engine]
    options = _live_options(workload, request) if engine.is_live else {}
    with (
        console.simulating(name, steps=engine.is_live) as show,
        _stopping(name, show) if engine.is_live else nullcontext(show) as on_progress,
    ):
        if problems := engine.unsupported(workload.scenario, *((request.workers,) if engine.is_live else ())):
            raise InvalidInput(problems)
        require_memory(engine.estimate(workload.scenario, workload.trace, request.replications).memory_bytes, name)
        if engine.is_live:
            console.stderr.write("\n".join(_plan_in_words(engine, workload, options)), style_func=str)
        return engine.simulate(
            workload.scenario,
            trace=workload.trace,
            replications=request.replications,
            on_progress=on_progress,
            durations_s=workload.durations_s,
            **options,
        )


@contextmanager
def _stopping(name: str, show: ShowProgress) -> Iterator[ShowProgress]:
    """Handle SIGTERM as Ctrl-C, so that a live run ends its processes and removes its folder."""
    so_far: SoFar | None = None

    def watch(progress: Progress | None) -> None:
        nonlocal so_far
        so_far = progress.so_far if progress is not None else None
        show(progress)

    at_sigterm = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield watch
    except KeyboardInterrupt as stop:
        if so_far is None:
            raise
        number = stop.args[0] if stop.args else signal.SIGINT
        reason = f"It was stopped by {signal.Signals(number).name}."
        so_far = so_far.model_copy(update={"failed": reason})
        raise StoppedRun(f"{name}: the live run stopped: {reason}", so_far, 128 + number) from stop
    except RunBroken as error:
        raise StoppedRun(f"{name}: the live run stopped: {error}", error.so_far) from error
    except CannotRun as error:
        raise CommandError(f"{name}: the live run stopped: {error}", returncode=FAILURE) from error
    finally:
        signal.signal(signal.SIGTERM, at_sigterm)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def require_memory(needed_bytes: int, name: str) -> None:
    if needed_bytes > RUN_MEMORY_BYTES:
        raise BadInput(
            f"{name}: this run would need about {needed_bytes / 1e9:.1f} GB of memory, over the limit of "
            f"{RUN_MEMORY_BYTES / 1e9:.1f} GB: give fewer jobs, or a shorter time"
        )


def _live_options(workload: Workload, request: RunRequest) -> dict[str, Any]:
    try:
        outside = endpoint_for(request.endpoint)
    except InvalidInput as error:
        raise BadInput(*(f"--endpoint: {problem.reason}" for problem in error.problems)) from error
    called = {"external": outside.endpoint, "key": outside.key} if outside is not None else {}
    chosen = {"speed": request.speed, "seconds": request.seconds, "workers": request.workers}
    return {**chosen, "workload": workload.template, **called}


def _plan_in_words(engine: Engine, workload: Workload, options: Mapping[str, Any]) -> list[str]:
    asked = {name: options.get(name) for name in ("speed", "seconds", "workers", "external")}
    plan = engine.plan(workload.scenario, workload.trace, workload.durations_s, **asked)
    return [words for words in (*plan_sentences(plan), endpoint_terms(plan)) if words]
