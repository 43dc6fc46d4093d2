from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

import numpy as np
from django.core.management.base import CommandParser

from advisor.advice.answers import answers_from
from advisor.advice.proposed_answers import propose_from_queues
from advisor.decisions.management.answer_sheets import sheet_path, write_sheet
from advisor.decisions.management.broker_option import add_redis, broker_in
from advisor.decisions.management.console import Console, add_format, number_that
from advisor.places import COMMAND
from advisor.reports.queue_words import queue_facts, spread
from core.numbers import duration
from core.values import rounded
from simulator.live.measure_rq import shown_address
from simulator.live.observe_rq import QueueObservation, observe, workers_for_wait

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
            self.report(f"The answers are in {options['to']}: {COMMAND} advise {options['to']}")
        if options["format"] == "json":
            self.print_json(
                {"schema": "crossover/rq-observation@1", "queues": _data(observed, needed, options["wait"])}
            )
            return
        self.stdout.write(f"rq at {shown_address(options['redis'])}, looked at for {duration(observed[0].seconds)}")
        for one, workers in zip(observed, needed, strict=True):
            self.stdout.write(f"queue {one.name}")
            lines = (f"  {title:<10} {words}" for title, words in queue_facts(one, workers, options["wait"]))
            self.stdout.write("\n".join(lines))


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
            "wait_s": spread(one.wait_s),
            "service_s": spread(one.service_s) | {"mean": one.mean_service_s},
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
