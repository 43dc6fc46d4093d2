"""An outage of the provider, and whether both designs recover from it."""

import argparse
from math import inf

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.management.console import FAILURE, BadInput, Console, bad_input
from advisor.decisions.management.running import require_memory
from advisor.decisions.management.workload import Workload
from core.errors import InvalidInput
from simulator.metastability import REPLICATIONS, Recovery, metastability, watched, with_outage
from simulator.replications import EndlessRun
from simulator.simulate import estimate

SHORTEST_S, LONGEST_S = 1.0, 7 * 86_400.0
OBSERVED, LEAST_OBSERVED_S = 10.0, 600.0
"""How long the designs are observed after the outage: a multiple of its length, and a minimum."""


def add_trigger(parser: CommandParser) -> None:
    parser.add_argument(
        "--trigger",
        type=trigger_in,
        metavar="START:LENGTH",
        help="seconds: an outage of the provider, and whether each design recovers from it",
    )


def trigger_in(text: str) -> tuple[float, float]:
    try:
        start, length = (float(part) for part in text.split(":"))
    except ValueError:
        start, length = inf, inf
    if not (0 < start <= LONGEST_S and SHORTEST_S <= length <= LONGEST_S):
        raise argparse.ArgumentTypeError(
            f"must be START:LENGTH in seconds, as in 300:120; START over 0, LENGTH from {SHORTEST_S:g}, "
            f"each at most {LONGEST_S:,.0f} (7 days); not {text[:30]!r}"
        )
    return start, start + length


def observed_s(trigger: tuple[float, float]) -> float:
    return max(LEAST_OBSERVED_S, OBSERVED * (trigger[1] - trigger[0]))


def recoveries(
    console: Console, workload: Workload, name: str, trigger: tuple[float, float], replications: int | None
) -> dict[str, Recovery]:
    """Run both designs through the outage, with a line of progress.

    Raises:
        BadInput: for what the engine does not do, or a single replication.
        CommandError: there is not enough memory, or the simulator has a defect.
    """
    if replications == 1:
        raise BadInput("--replications: a recovery takes at least two")
    show = console.progress()
    start, end = trigger
    try:
        disturbed = with_outage(workload.scenario, start, end - start)
        require_memory(estimate(watched(disturbed, trigger, observed_s(trigger)), workload.trace).memory_bytes, name)
        return metastability(
            disturbed,
            workload.scenario,
            trigger=trigger,
            observe_s=observed_s(trigger),
            replications=replications or REPLICATIONS,
            trace=workload.trace,
            durations_s=workload.durations_s,
            on_progress=show,
        )
    except InvalidInput as error:
        raise bad_input(error, name) from error
    except (MemoryError, EndlessRun) as error:
        raise CommandError(f"{name}: {error or 'there is not enough memory'}", returncode=FAILURE) from error
    finally:
        show(None)
