import argparse
from math import inf
from typing import Any

from django.core.management.base import CommandParser

from advisor.decisions.management.console import BadInput, Console, add_format
from advisor.decisions.management.recording_options import add_recording_options, corrections_from
from advisor.decisions.management.running import StoppedRun, add_engine, request_from, require_memory, run
from advisor.decisions.management.workload import Workload, add_library, read, workload_in
from advisor.decisions.models import EngineName
from advisor.reports.document.blocks import Section
from advisor.reports.document.simulation import findings, recovery_section, recovery_sentence, so_far_section, title_of
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import simulated_sentence
from core.units import DAY_S
from simulator.experiment import estimate
from simulator.metastability import REPLICATIONS, Recovery, metastability, watched, with_outage

SHORTEST_OUTAGE_S, LONGEST_OUTAGE_S = 1.0, 7.0 * DAY_S
OBSERVED, LEAST_OBSERVED_S = 10.0, 600.0
"""How long the designs are observed after the outage: a multiple of its length, and a minimum."""


class Command(Console):
    help = "Runs a workload through the synchronous and the event-driven design, and compares them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="Answers or a Scenario, YAML or JSON; - for standard input")
        add_engine(parser)
        parser.add_argument(
            "--trigger",
            type=_outage,
            metavar="START:LENGTH",
            help="seconds: an outage of the provider, and whether each design recovers from it",
        )
        add_library(parser)
        add_recording_options(parser)
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["file"], options["library"], corrections_from(options), self.report)
        workload = workload_in(source).seeded(options["seed"])
        if options["trigger"] is not None:
            self._recover(workload, source.name, options)
            return
        try:
            result = run(self, workload, source.name, request_from(options))
        except StoppedRun as stopped:
            self._print_so_far(workload.title, stopped, options["format"])
            raise
        if options["format"] == "json":
            self.print_json(result.model_dump(mode="json", by_alias=True))
            return
        scenario = workload.scenario
        verdict = simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent)
        self._print(workload.title, verdict, Section("simulation", title_of(result), findings(result, scenario)))

    def _print(self, title: str, verdict: str, section: Section) -> None:
        self.stdout.write(terminal_text(title, verdict, [section]), ending="")

    def _print_so_far(self, title: str, stopped: StoppedRun, output: str) -> None:
        if output == "json":
            self.print_json(stopped.so_far.model_dump(mode="json", by_alias=True))
        else:
            self._print(title, str(stopped), so_far_section(stopped.so_far))

    def _recover(self, workload: Workload, name: str, options: dict[str, Any]) -> None:
        if options["engine"] != EngineName.KERNEL.value:
            raise BadInput("--trigger: is for --engine kernel")
        request, (start, end) = request_from(options), options["trigger"]
        observed_s = max(LEAST_OBSERVED_S, OBSERVED * (end - start))
        recoveries = self._recoveries(workload, name, (start, end), observed_s, request.replications)
        if options["format"] == "text":
            section = recovery_section(recoveries, (start, end), observed_s)
            self._print(workload.title, recovery_sentence(recoveries, observed_s), section)
            return
        self.print_json(
            {
                "schema": "crossover/recovery@1",
                "seed": workload.scenario.seed,
                "trigger": {"start_s": start, "length_s": end - start},
                "observed_s": observed_s,
                **{design: one.model_dump(mode="json") for design, one in recoveries.items()},
            }
        )

    def _recoveries(
        self, workload: Workload, name: str, outage: tuple[float, float], observed_s: float, replications: int | None
    ) -> dict[str, Recovery]:
        if replications == 1:
            raise BadInput("--replications: a recovery takes at least two")
        start, end = outage
        with self.simulating(name) as show:
            disturbed = with_outage(workload.scenario, start, end - start)
            require_memory(estimate(watched(disturbed, outage, observed_s), workload.trace).memory_bytes, name)
            return metastability(
                disturbed,
                workload.scenario,
                trigger=outage,
                observe_s=observed_s,
                replications=replications or REPLICATIONS,
                trace=workload.trace,
                durations_s=workload.durations_s,
                on_progress=show,
            )


def _outage(text: str) -> tuple[float, float]:
    """Start and end."""
    try:
        start, length = (float(part) for part in text.split(":"))
    except ValueError:
        start, length = inf, inf
    if not (0 < start <= LONGEST_OUTAGE_S and SHORTEST_OUTAGE_S <= length <= LONGEST_OUTAGE_S):
        raise argparse.ArgumentTypeError(
            f"must be START:LENGTH in seconds, as in 300:120; START over 0, LENGTH from {SHORTEST_OUTAGE_S:g}, "
            f"each at most {LONGEST_OUTAGE_S:,.0f} (7 days); not {text[:30]!r}"
        )
    return start, start + length
