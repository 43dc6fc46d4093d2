import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.management.broker_option import add_redis, broker_in
from advisor.decisions.management.console import FAILURE, BadInput, Console, add_format, whole_number
from core.numbers import count, duration, plural
from core.values import rounded
from simulator.live.measure_rq import (
    BURST_JOB_S,
    RETRY_PAUSE_S,
    RqCosts,
    Spread,
    UnknownSerializer,
    measure_rq,
    shown_address,
)
from simulator.replications import Progress

DESCRIPTION = """
Measures what rq itself takes of a job, and prints the lines for a Scenario. It enqueues jobs that do nothing (time.sleep), and a few that
fail on purpose (operator.truediv by 0, tried again after 2 s); your own workers run them, and need none of Crossover's code. The failing
ones show in your workers' log and in what watches it. All are deleted at the end. Measure while the queue is empty: jobs of yours that come
meanwhile wait behind those of the measurement.
"""


MOST_JOBS, LONGEST_S = 1_000_000, 86_400


def _queue_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be the name of an rq queue, such as default, not {text[:30]!r}")
    return text


class Command(Console):
    help = DESCRIPTION

    def add_arguments(self, parser: CommandParser) -> None:
        add_redis(parser)
        parser.add_argument(
            "--queue",
            type=_queue_name,
            metavar="NAME",
            required=True,
            help="a queue that your workers listen on",
        )
        parser.add_argument(
            "--jobs",
            type=whole_number(1, MOST_JOBS),
            default=200,
            help=f"jobs in a row, of {BURST_JOB_S:g} s each; 200 unless given",
        )
        parser.add_argument(
            "--timeout",
            type=whole_number(1, LONGEST_S),
            default=120,
            metavar="SECONDS",
            help="at most this long; 120 unless given",
        )
        parser.add_argument(
            "--serializer", help="as your workers have it: json, pickle, or a class that can be imported here"
        )
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        steps = iter((0.0, 0.1, 0.7))
        try:
            with broker_in(options, "measure_rq") as broker, self.simulating("measure_rq", steps=True) as show:
                costs = measure_rq(
                    broker,
                    options["queue"],
                    jobs=options["jobs"],
                    timeout_s=options["timeout"],
                    serializer=options["serializer"],
                    say=lambda step: show(Progress(step, next(steps))),
                )
        except UnknownSerializer as error:
            raise BadInput(f"--serializer: {error}") from error
        if options["format"] == "json":
            self.print_json(_data(costs))
        else:
            self.stdout.write("\n".join(_lines(costs, shown_address(options["redis"]), options["queue"])))
        if costs.problems:
            raise CommandError("\n".join(f"measure_rq: {problem}" for problem in costs.problems), returncode=FAILURE)


def _scenario(costs: RqCosts) -> dict[str, float]:
    figures = {"accept_s": costs.accept_s, "dispatch_s": costs.dispatch_s, "retry_tick_s": costs.retry_tick_s}
    return {name: value for name, value in figures.items() if value is not None}


def _data(costs: RqCosts) -> dict[str, Any]:
    data = {
        "schema": "crossover/rq-costs@1",
        "event_driven": _scenario(costs),
        "workers": costs.workers,
        "measured": {
            "enqueue_s": asdict(costs.enqueue),
            "pickup_s": costs.pickup and asdict(costs.pickup),
            "dispatch_s": asdict(costs.dispatch),
            "longer_pause_s": costs.late and asdict(costs.late),
        },
        "problems": costs.problems,
    }
    return rounded(data, 4)


def _lines(costs: RqCosts, address: str, queue: str) -> Iterator[str]:
    workers = f"{count(costs.workers)} {plural(costs.workers, 'worker')}"
    yield f"# rq at {address}, queue {queue}, {workers}: medians, with the 5th and the 95th percentile"
    figures = ", ".join(f"{name}: {value:g}" for name, value in _scenario(costs).items())
    yield f"event_driven: {{{figures}}}"
    yield f"# accept_s: enqueueing a job from this machine took {_words(costs.enqueue)}"
    if costs.pickup:
        yield f"#   from there to its first line, with an idle worker: {_words(costs.pickup)}; what is longer than dispatch_s is added"
    yield f"# dispatch_s: from one job to the next of the same worker, less the job's own {duration(BURST_JOB_S)}: {_words(costs.dispatch)}"
    if costs.late:
        yield (
            f"# retry_tick_s: from one look of the scheduler to the next; pauses of {duration(RETRY_PAUSE_S)} differed by {_words(costs.late)},"
            " since rq cuts due times down to whole seconds"
        )


def _words(spread: Spread) -> str:
    return f"{duration(spread.median_s)} ({duration(spread.low_s)} to {duration(spread.high_s)}, {count(spread.count)} times)"
