from collections.abc import Iterator, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np
from django.core.management.base import CommandParser

from advisor.advice.answers import answers_from
from advisor.advice.proposed_answers import propose_from_queues
from advisor.decisions.management.answer_sheets import sheet_path, write_sheet
from advisor.decisions.management.broker_option import add_redis, broker_in
from advisor.decisions.management.console import Console, add_format, number_that
from core.numbers import count, duration, exactly, number, percent, rate
from core.values import rounded
from simulator.live.measure_rq import shown_address
from simulator.live.observe_rq import FOUND, QueueObservation, observe, workers_for_wait

_DESCRIPTION = """
Looks at a running rq and changes nothing: what arrives in each queue, how long it waits and takes, what fails, and how loaded the workers are.
Says how long the backlog takes to drain, how many workers keep a wait, and writes an answer sheet for `advise`. It reads only, a bounded number of
keys at a time, every half second; no command blocks or scans.
"""
LONGEST_MINUTES = 24 * 60


class Command(Console):
    help = _DESCRIPTION

    def add_arguments(self, parser: CommandParser) -> None:
        add_redis(parser)
        parser.add_argument(
            "--queue", action="append", metavar="NAME", default=[], help="one queue; may be repeated; all unless given"
        )
        parser.add_argument(
            "--minutes",
            type=number_that(
                lambda value: 0 < value <= LONGEST_MINUTES, f"a number of minutes up to {LONGEST_MINUTES:,}"
            ),
            default=2.0,
            metavar="N",
            help="how long to look; 2 unless given",
        )
        parser.add_argument(
            "--wait",
            type=number_that(lambda value: 0 < value < inf, "a number of seconds above 0"),
            default=10.0,
            metavar="SECONDS",
            help="95 %% of the jobs should wait no longer; 10 unless given",
        )
        parser.add_argument(
            "--to", type=sheet_path, metavar="FILE", help="write the answer sheet there: .yaml or .json"
        )
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with broker_in(options, "observe") as broker, self.simulating("observe") as show:
            observed = observe(broker, options["queue"], 60 * options["minutes"], show)
            needed = [workers_for_wait(one, options["wait"]) for one in observed]
        if options["to"] is not None:
            proposed = propose_from_queues(observed)
            given = answers_from(proposed.over({"name": proposed.source})).model_dump(mode="json")
            write_sheet("observe", options["to"], given)
            self.report(f"The answers are in {options['to']}: python3 manage.py advise {options['to']}")
        if options["format"] == "json":
            self.print_json(
                {"schema": "crossover/rq-observation@1", "queues": _data(observed, needed, options["wait"])}
            )
            return
        self.stdout.write(f"rq at {shown_address(options['redis'])}, looked at for {duration(observed[0].seconds)}")
        for one, workers in zip(observed, needed, strict=True):
            self.stdout.write("\n".join(_lines(one, workers, options["wait"])))


def _data(observed: Sequence[QueueObservation], needed: Sequence[int | None], wait_s: float) -> list[dict[str, Any]]:
    queues = []
    for one, workers in zip(observed, needed, strict=True):
        data = {
            "queue": one.name,
            "seconds": one.seconds,
            "arrivals": one.arrivals,
            "rate_per_s": one.rate_per_s,
            "interarrival_cv": one.interarrival_cv,
            "executions": one.executions,
            "found_share": one.found_share,
            "failed_share": one.failed_share,
            "wait_s": _spread(one.wait_s),
            "service_s": _spread(one.service_s) | {"mean": one.mean_service_s},
            "queue_depth": {"mean": one.depths.mean(), "max": one.depths.max(), "last": one.depths[-1]},
            "workers": one.workers,
            "busy_share": one.busy_share,
            "load": one.load,
            "drain_s": one.drain_s,
            "wait_target_s": wait_s,
            "workers_for_wait": workers,
        }
        queues.append(rounded(_without_nan(data), 4))
    return queues


def _spread(sample: Any) -> dict[str, Any]:
    if not len(sample):
        return {"p50": None, "p95": None, "max": None}
    p50, p95 = np.percentile(sample, (50, 95))
    return {"p50": p50, "p95": p95, "max": sample.max()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    return (
        None
        if isinstance(value, float) and not isfinite(value)
        else float(value)
        if isinstance(value, np.floating)
        else value
    )


def _lines(one: QueueObservation, needed: int | None, wait_s: float) -> Iterator[str]:
    yield f"queue {one.name}"
    cv = one.interarrival_cv
    uneven = "" if cv is None else f"; coefficient of variation of the gaps {number(round(cv, 2))}"
    yield f"  arrivals   {count(one.arrivals)}, {rate(one.rate_per_s)}{uneven}"
    if one.attempts:
        yield f"  waits      {_words(one.wait_s)}"
        yield f"  work       {_words(one.service_s)}, mean {duration(one.mean_service_s)}; {percent(100 * one.failed_share)} of the attempts failed"
    if one.found_share < FOUND:
        yield (
            f"             of {count(one.executions, 'execution')} {count(len(one.attempts))} left a trace (a result_ttl of 0 leaves none):"
            " waits and quantiles are those of these"
        )
    depths = f"{number(round(float(one.depths.mean()), 1))} on average, {count(int(one.depths.max()))} at most"
    yield f"  waiting    {depths}, {count(int(one.depths[-1]))} at the end"
    if not one.workers:
        yield "  workers    none listens on this queue"
        return
    yield f"  workers    {count(one.workers)}, working {percent(round(100 * one.busy_share))} of the time"
    if not one.executions:
        return
    growing = ", so that the backlog grows" if one.load >= 1 else ""
    yield f"  load       {number(round(one.load, 2))} of what the workers can do{growing}"
    if one.depths[-1]:
        yield f"  drains in  {'never, as it is' if one.drain_s is None else exactly(round(one.drain_s, 1), duration)}"
    answer = "more than can be simulated" if needed is None else count(needed, "worker")
    yield f"  needed     {answer}, for 95 % of the jobs to wait at most {exactly(wait_s, duration)} (simulated with these times and gaps)"


def _words(sample: Any) -> str:
    times = _spread(sample)
    return f"p50 {duration(times['p50'])}, p95 {duration(times['p95'])}, at most {duration(times['max'])}"
