import argparse
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.limits import HIGHEST_SPEED, REPLICATIONS_CAP, RUN_MEMORY_BYTES
from advisor.decisions.management.console import FAILURE, BadInput, Console, bad_input
from advisor.decisions.management.workload import Workload
from advisor.decisions.models import EngineName
from advisor.decisions.models.run import WORKER_KINDS
from advisor.decisions.outside import OUTSIDE, SAMPLE
from advisor.decisions.outside import chosen as allowed_endpoint
from advisor.reports.document.external_section import endpoint_terms
from advisor.reports.document.planned_run import plan_sentences
from core.errors import InvalidInput
from simulator.live.errors import CannotRun, RunBroken
from simulator.live.run.run_plan import LONGEST_S, SHORTEST_S
from simulator.replications import EndlessRun
from simulator.result import Result, SoFar, WorkerKind
from simulator.simulate import Progress

LARGEST_SEED = 2**53 - 1


@dataclass(frozen=True)
class LiveOptions:
    speed: float | None = None
    seconds: float | None = None
    workers: WorkerKind | None = None
    endpoint: str = SAMPLE

    @classmethod
    def from_arguments(cls, given: Mapping[str, Any]) -> Self:
        return cls(given["speed"], given["seconds"], given["workers"], given["endpoint"])

    def refuse(self) -> None:
        no_time = "the kernel takes no real time"
        for name, value, why in (
            ("speed", self.speed, no_time),
            ("seconds", self.seconds, no_time),
            ("workers", self.workers, "the kernel has no rq workers"),
            ("endpoint", None if self.endpoint == SAMPLE else self.endpoint, "the kernel calls nobody"),
        ):
            if value is not None:
                raise BadInput(f"--{name}: is for --engine live; {why}")


class StoppedRun(CommandError):
    """A live run that failed, or was stopped, after it had measured something."""

    def __init__(self, message: str, so_far: SoFar, returncode: int = FAILURE) -> None:
        super().__init__(message, returncode=returncode)
        self.so_far = so_far


def add_engine(parser: CommandParser) -> None:
    parser.add_argument("--engine", choices=EngineName.values, default=EngineName.KERNEL.value, help="what runs it")
    parser.add_argument(
        "--speed", type=_positive, metavar="X", help="of a live run: how many times as fast as the workload, at most"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
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
    parser.add_argument("--seed", type=Whole(0, LARGEST_SEED), metavar="N", help="instead of the scenario's own")
    parser.add_argument(
        "--replications", type=Whole(1, REPLICATIONS_CAP), metavar="N", help="instead of as many as it takes"
    )


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= HIGHEST_SPEED:
        raise argparse.ArgumentTypeError(f"must be over 0 and at most {HIGHEST_SPEED:,}, not {text[:30]!r}")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SHORTEST_S <= value <= LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"must be from {SHORTEST_S:g} to {LONGEST_S:,.0f} seconds, such as 60, not {text[:30]!r}"
        )
    return value


class Whole:
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
    live: LiveOptions = LiveOptions(),
) -> Result:
    """Run both designs on the workload, with a line of progress.

    Raises:
        BadInput: for what the engine does not do, or a run that is too large.
        CommandError: there is not enough memory, or this machine cannot do a live run; StoppedRun with what was measured.
    """
    chosen = ENGINES[engine]
    if not chosen.is_live:
        live.refuse()
    options = _options(workload, live) if chosen.is_live else {}
    show = console.progress(steps=chosen.is_live)
    so_far: SoFar | None = None

    def watch(progress: Progress) -> None:
        nonlocal so_far
        so_far = progress.so_far
        show(progress)

    at_sigterm = signal.getsignal(signal.SIGTERM)
    if chosen.is_live:
        signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: what the run has started is ended, its folder removed
    try:
        kind = (options["workers"],) if chosen.is_live else ()
        if problems := chosen.unsupported(workload.scenario, *kind):
            raise InvalidInput(problems)
        require_memory(chosen.estimate(workload.scenario, workload.trace, replications).memory_bytes, name)
        if chosen.is_live:
            console.stderr.write("\n".join(_plan_in_words(chosen, workload, options)), style_func=str)
        return chosen.simulate(
            workload.scenario,
            trace=workload.trace,
            replications=replications,
            on_progress=watch,
            durations_s=workload.durations_s,
            **options,
        )
    except InvalidInput as error:
        raise bad_input(error, name) from error
    except KeyboardInterrupt as stop:
        if so_far is None:
            raise
        number = stop.args[0] if stop.args else signal.SIGINT
        reason = f"It was stopped by {signal.Signals(number).name}."
        raise StoppedRun(
            f"{name}: the live run stopped: {reason}", so_far.model_copy(update={"failed": reason}), 128 + number
        ) from stop
    except RunBroken as error:
        raise StoppedRun(f"{name}: the live run stopped: {error}", error.so_far) from error
    except CannotRun as error:
        raise CommandError(f"{name}: the live run stopped: {error}", returncode=FAILURE) from error
    except (MemoryError, EndlessRun) as error:
        raise CommandError(f"{name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
    finally:
        signal.signal(signal.SIGTERM, at_sigterm)
        show(None)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def require_memory(needed_bytes: int, name: str) -> None:
    if needed_bytes > RUN_MEMORY_BYTES:
        raise BadInput(
            f"{name}: this run would need about {needed_bytes / 1e9:.1f} GB of memory, over the limit of "
            f"{RUN_MEMORY_BYTES / 1e9:.1f} GB: give fewer jobs, or a shorter time"
        )


def _options(workload: Workload, live: LiveOptions) -> dict[str, Any]:
    try:
        outside = allowed_endpoint(live.endpoint)
    except InvalidInput as error:
        raise BadInput(*(f"--endpoint: {problem.reason}" for problem in error.problems)) from error
    called = {"external": outside.endpoint, "key": outside.key} if outside is not None else {}
    chosen = {"speed": live.speed, "seconds": live.seconds, "workers": live.workers or WORKER_KINDS[0]}
    return {**chosen, "workload": workload.template, **called}


def _plan_in_words(engine: Engine, workload: Workload, options: Mapping[str, Any]) -> list[str]:
    asked = {name: options.get(name) for name in ("speed", "seconds", "workers", "external")}
    plan = engine.plan(workload.scenario, workload.trace, workload.durations_s, **asked)
    return [words for words in (*plan_sentences(plan), endpoint_terms(plan)) if words]
