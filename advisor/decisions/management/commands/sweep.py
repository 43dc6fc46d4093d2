from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from advisor.advice.answers import Answers
from advisor.advice.variations import starting_number
from advisor.decisions.management.console import Console, add_format, whole_number
from advisor.decisions.management.recording_options import add_recording_options, corrections_from
from advisor.decisions.management.running import LARGEST_SEED, require_memory
from advisor.decisions.management.workload import add_library, answers_in, read, workload_of
from advisor.reports.maps.capacity import needed_text
from advisor.reports.maps.words import sweep_text
from advisor.sweeps.capacity_search import ServerRequirement, estimate_of_trial, search_capacity
from advisor.sweeps.cells import load_of, sweep
from advisor.sweeps.contract import SHAPE, SweepAxis, SweepResult
from advisor.sweeps.grid import JOBS, build_grid
from core.errors import InvalidInput, Problem
from simulator.replications import OnProgress
from simulator.traces import Trace


class Command(Console):
    help = "Simulates both designs over a grid of one or two answers: which meets the deadline where, and what the advice says there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("answers", metavar="ANSWERS", help="Answers, YAML or JSON; - for standard input")
        parser.add_argument("--x", metavar=SHAPE, help="the answer to vary, as in processing.p95_s=2:30:20")
        parser.add_argument("--y", metavar=SHAPE, help="another one")
        parser.add_argument(
            "--fewest",
            action="store_true",
            help="instead of a map, the fewest workers or consumers that meet the deadline",
        )
        parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="jobs a cell and design")
        parser.add_argument("--seed", type=whole_number(0, LARGEST_SEED), default=1, metavar="N", help="of all cells")
        add_library(parser)
        add_recording_options(parser)
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["answers"], options["library"], corrections_from(options), self.report)
        answers = answers_in(source)
        trace = workload_of(source, answers).trace
        with self.simulating(source.name) as show:
            result = _result(answers, options, trace, show, source.name)
        if options["format"] == "json":
            self.print_json(result.model_dump(mode="json", by_alias=True))
        else:
            name = answers.name
            words = (
                needed_text(name, result)
                if isinstance(result, ServerRequirement)
                else sweep_text(name, result, starting_number(result.y.field, answers) if result.y else None)
            )
            self.stdout.write(words, ending="")


def _result(
    answers: Answers, options: Mapping[str, Any], trace: Trace | None, show: OnProgress, name: str
) -> SweepResult | ServerRequirement:
    jobs, seed = options["jobs"], options["seed"]
    if options["fewest"]:
        if options["x"] or options["y"]:
            raise InvalidInput([Problem("--fewest", "varies the workers itself; give it without --x and --y")])
        require_memory(estimate_of_trial(answers, jobs, trace).memory_bytes, name)
        return search_capacity(answers, jobs=jobs, seed=seed, trace=trace, on_progress=show)
    wanted = build_grid(answers, *_axes(options), jobs=jobs, seed=seed)
    require_memory(load_of(wanted, trace).memory_bytes, name)
    return sweep(wanted, trace, show)


def _axes(options: Mapping[str, Any]) -> tuple[SweepAxis, SweepAxis | None]:
    if not options["x"]:
        raise InvalidInput([Problem("--x", f"say which answer to vary, as {SHAPE}; or --fewest")])
    return SweepAxis.from_text(options["x"], "--x"), SweepAxis.from_text(options["y"], "--y") if options["y"] else None
