from typing import Any

from django.core.management.base import CommandParser

from advisor.decisions.management.console import BadInput, Console, add_format
from advisor.decisions.management.running import LiveOptions, StoppedRun, add_engine, run
from advisor.decisions.management.trigger import add_trigger, observed_s, recoveries
from advisor.decisions.management.workload import Workload, add_library, read, workload_in
from advisor.decisions.models import EngineName
from advisor.reports.document.blocks import Section
from advisor.reports.document.simulation import findings, recovery, recovery_sentence, so_far_section, title_of
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import simulated_sentence


class Command(Console):
    help = "Runs a workload through the synchronous and the event-driven design, and compares them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="Answers or a Scenario, YAML or JSON; - for standard input")
        add_engine(parser)
        add_trigger(parser)
        add_library(parser)
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["file"], options["library"])
        workload = workload_in(source).seeded(options["seed"])
        if options["trigger"] is not None:
            self._recover(workload, source.name, options)
            return
        try:
            result = run(
                self,
                workload,
                source.name,
                options["engine"],
                options["replications"],
                LiveOptions.from_arguments(options),
            )
        except StoppedRun as stopped:
            self._print_so_far(workload.title, stopped, options["format"])
            raise
        if options["format"] == "json":
            self.print_json(result.model_dump(mode="json", by_alias=True))
            return
        scenario = workload.scenario
        verdict = simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent)
        self.stdout.write(
            terminal_text(workload.title, verdict, [Section("simulation", title_of(result), findings(result))]),
            ending="",
        )

    def _print_so_far(self, title: str, stopped: StoppedRun, output: str) -> None:
        if output == "json":
            self.print_json(stopped.so_far.model_dump(mode="json", by_alias=True))
            return
        self.stdout.write(terminal_text(title, str(stopped), [so_far_section(stopped.so_far)]), ending="")

    def _recover(self, workload: Workload, name: str, options: dict[str, Any]) -> None:
        if options["engine"] != EngineName.KERNEL.value:
            raise BadInput("--trigger: is for --engine kernel")
        LiveOptions.from_arguments(options).refuse()
        trigger = options["trigger"]
        found = recoveries(self, workload, name, trigger, options["replications"])
        if options["format"] == "text":
            section = recovery(found, trigger, observed_s(trigger))
            self.stdout.write(
                terminal_text(workload.title, recovery_sentence(found, observed_s(trigger)), [section]), ending=""
            )
            return
        self.print_json(
            {
                "schema": "crossover/recovery@1",
                "seed": workload.scenario.seed,
                "trigger": {"start_s": trigger[0], "length_s": trigger[1] - trigger[0]},
                "observed_s": observed_s(trigger),
                **{design: it.model_dump(mode="json") for design, it in found.items()},
            }
        )
