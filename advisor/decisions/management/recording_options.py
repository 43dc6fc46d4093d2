"""Options that correct how the recording of a workload is read."""

from collections.abc import Mapping
from typing import Any, get_args

from django.core.management.base import CommandParser

from simulator.recordings.understanding import Choice, Corrections, RowsAre, TimeUnit

_OPTIONS = {"day_first": {"true": "--day-first", "false": "--month-first"}, "busiest_hour": {"true": "--busiest-hour"}}
"""Of corrections that are yes or no; the others are named as they are."""


def add_recording_options(parser: CommandParser) -> None:
    group = parser.add_argument_group("how the recording is read, if it is not as it was understood")
    group.add_argument("--column", metavar="NAME", help="column with the time of a request; DATE+TIME for two")
    group.add_argument("--unit", choices=get_args(TimeUnit), help="unit of a time column of numbers")
    order = group.add_mutually_exclusive_group()
    order.add_argument("--day-first", action="store_true", default=None, help="12/05/2025 is in May")
    order.add_argument("--month-first", action="store_false", dest="day_first", help="12/05/2025 is in December")
    group.add_argument("--time-zone", metavar="ZONE", help="of dates without one: UTC, +02:00 or Europe/Berlin")
    group.add_argument(
        "--times-are", choices=("start", "end"), help="whether a time is the start of a request or its end"
    )
    group.add_argument(
        "--rows", choices=get_args(RowsAre), help="a request a row, or a count, counter or rate per interval"
    )
    group.add_argument("--counts", action="store_const", const="counts", dest="rows", help="as --rows counts")
    group.add_argument("--count-column", metavar="NAME", help="column with the count")
    group.add_argument("--interval-s", type=float, metavar="S", help="length of the intervals of counts, in seconds")
    group.add_argument("--duration-column", metavar="NAME", help="column with the duration; an empty name for none")
    group.add_argument("--duration-unit", choices=get_args(TimeUnit), help="unit of the durations")
    group.add_argument(
        "--busiest-hour", action="store_true", help="of a recording with too many requests, only its busiest hour"
    )


def corrections_from(options: Mapping[str, Any]) -> Corrections:
    return Corrections(
        **{field: options[field] for field in Corrections.model_fields if options.get(field) is not None}
    )


def option_of(choice: Choice) -> str:
    option = _OPTIONS.get(choice.field, {}).get(choice.value)
    value = f"'{choice.value}'" if " " in choice.value else choice.value
    return option or f"--{choice.field.replace('_', '-')} {value}"
