"""A grid of workloads: announced, not there yet."""

from typing import Any

from django.core.management.base import CommandParser

from advisor.decisions.management.console import BadInput, Console, add_format


class Command(Console):
    help = "Simulates a workload over a grid of one or two of its answers. Not there yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("answers", metavar="ANSWERS", help="a YAML or JSON file; - for standard input")
        parser.add_argument("--x", required=True, metavar="FIELD=LOW:HIGH:STEPS")
        parser.add_argument("--y", metavar="FIELD=LOW:HIGH:STEPS")
        parser.add_argument("--jobs", type=int, metavar="N")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        raise BadInput("sweep: is not there yet; simulate runs one point at a time")
