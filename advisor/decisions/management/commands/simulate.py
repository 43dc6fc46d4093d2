import argparse
import json
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from advisor.decisions.management.console import BadInput, Console, add_format
from advisor.decisions.management.recording_options import add_recording_options, corrections_from
from advisor.decisions.management.running import StoppedRun, add_engine, request_from, require_memory, run
from advisor.decisions.management.whole_files import is_data_file, require_folder, write_tables
from advisor.decisions.management.workload import Workload, add_library, read, workload_in
from advisor.decisions.models import EngineName
from advisor.reports.brief_results import brief_result
from advisor.reports.data_files import DATA_ENDINGS
from advisor.reports.document.blocks import Section
from advisor.reports.document.simulation import findings, recovery_section, recovery_sentence, so_far_section, title_of
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import listed, simulated_sentence
from core.units import DAY_S
from simulator.experiment import estimate
from simulator.job_rows import MOST_JOB_ROWS, simulate_jobs
from simulator.metastability import REPLICATIONS, Recovery, metastability, watched, with_outage
from simulator.plan import jobs_of

if TYPE_CHECKING:
    import polars

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
        parser.add_argument("--brief", action="store_true", help="of json: only the figures that decide, under 4 kB")
        parser.add_argument(
            "--to",
            metavar="FILE",
            type=_data_file,
            help=f"also write the tables of the run: {listed(DATA_ENDINGS, 'or')}",
        )
        parser.add_argument(
            "--jobs",
            action="store_true",
            help=f"with --to: also a row a job of the first replication, of up to {MOST_JOB_ROWS:,} jobs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["file"], options["library"], corrections_from(options), self.report)
        workload = workload_in(source).seeded(options["seed"])
        _check_outputs(options)
        if options["trigger"] is not None:
            self._recover(workload, source.name, options)
            return
        try:
            result = run(self, workload, source.name, request_from(options))
        except StoppedRun as stopped:
            self._print_so_far(workload.title, stopped, options["format"])
            raise
        if options["to"] is not None:
            jobs = self._jobs(workload, source.name) if options["jobs"] else None
            write_tables(self, result, options["to"], jobs)
        scenario = workload.scenario
        if options["brief"]:
            self.stdout.write(json.dumps(brief_result(result, scenario), allow_nan=False, separators=(",", ":")))
            return
        if options["format"] == "json":
            self.print_json(result.model_dump(mode="json", by_alias=True))
            return
        verdict = simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent)
        self._print(workload.title, verdict, Section("simulation", title_of(result), findings(result, scenario)))

    def _jobs(self, workload: Workload, name: str) -> "polars.DataFrame":
        jobs = jobs_of(workload.scenario, workload.trace)
        if jobs > MOST_JOB_ROWS:
            self.report(f"--jobs: the first {MOST_JOB_ROWS:,} of {jobs:,} jobs of a replication have a row.")
        with self.simulating(name) as show:
            return simulate_jobs(
                workload.scenario, trace=workload.trace, durations_s=workload.durations_s, on_progress=show
            )

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


def _data_file(text: str) -> Path:
    if not is_data_file(Path(text)):
        raise argparse.ArgumentTypeError(
            f"the ending must be {listed(DATA_ENDINGS, 'or')}, as in run{DATA_ENDINGS[0]}, not {text[-30:]!r}; `export` writes reports"
        )
    return Path(text)


def _check_outputs(options: dict[str, Any]) -> None:
    """Refuse what cannot be printed or written, before anything is simulated."""
    if options["brief"] and options["format"] != "json":
        raise BadInput("--brief: is for --format json")
    if options["jobs"] and options["to"] is None:
        raise BadInput("--jobs: is for --to FILE, which says where the rows go")
    if options["jobs"] and options["engine"] != EngineName.KERNEL.value:
        raise BadInput("--jobs: is for --engine kernel; a live run keeps no row a job")
    if options["trigger"] is not None and (options["brief"] or options["to"] is not None):
        raise BadInput("--trigger: has figures of its own, without --brief and --to")
    if options["to"] is not None:
        require_folder(options["to"])


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
