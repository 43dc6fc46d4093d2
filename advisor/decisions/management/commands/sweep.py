"""The crossover map of a workload."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.advice.recommendation import advise
from advisor.decisions.management.console import FAILURE, Console, add_format, bad_input
from advisor.decisions.management.workload import add_library, answers_in, read, workload_of
from advisor.reports.maps.text import sweep_text
from advisor.sweeps.axes import SHAPE, Axis, parsed
from advisor.sweeps.grid import JOBS, grid
from advisor.sweeps.sweeping import sweep
from simulator.schema import InvalidInput


class Command(Console):
    help = "Simulates both designs over a grid of one or two answers: which meets the deadline where, and what the advice says there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("answers", metavar="ANSWERS", help="Answers, YAML or JSON; - for standard input")
        parser.add_argument(
            "--x", required=True, metavar=SHAPE, help="the answer to vary, as in processing.p95_s=2:30:20"
        )
        parser.add_argument("--y", metavar=SHAPE, help="another one")
        parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="jobs a cell and design")
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all cells")
        add_library(parser)
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["answers"], options["library"])
        answers = answers_in(source)
        trace = workload_of(source, answers, advise(answers, flips=False)).trace
        show = self.progress()
        try:
            found = sweep(grid(answers, *_axes(options), jobs=options["jobs"], seed=options["seed"]), trace, show)
        except InvalidInput as error:
            raise bad_input(error, source.name) from error
        except MemoryError as error:
            raise CommandError(f"{source.name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
        finally:
            show(None)
        if options["format"] == "json":
            self.print_json(found.model_dump(mode="json", by_alias=True))
        else:
            self.stdout.write(sweep_text(answers.name, found), ending="")


def _axes(options: Mapping[str, Any]) -> tuple[Axis, Axis | None]:
    return parsed(options["x"], "--x"), parsed(options["y"], "--y") if options["y"] else None
