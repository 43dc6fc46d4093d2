"""Growth seen in a run: for what no formula foretells, clients whose calls again keep a server overloaded."""

from math import inf

import numpy as np

from simulator.kernel import layout as at
from simulator.plan import SYNCHRONOUS, patience_s
from simulator.scenario import Scenario, TraceArrivals
from simulator.tally import Floats, Tally

STEEPER = 1.3
"""A queue grows where each third of the arrivals sees it so many times longer than the third before."""
FEWEST_BINS = 30


def may_grow_by_retries(scenario: Scenario, design: str) -> bool:
    synchronous = scenario.synchronous
    feeds_back = synchronous.client_retries > 0 and patience_s(scenario) < inf
    bounded = synchronous.backlog is not None or synchronous.drops_abandoned
    return design == SYNCHRONOUS and feeds_back and not bounded and not isinstance(scenario.arrivals, TraceArrivals)


def growth_per_min(tally: Tally, servers: int) -> float | None:
    """Jobs a minute by which the queue grew while jobs arrived; None where it did not. `tally` has time bins (a first replication's)."""
    depths = depths_while_arriving(tally)
    if len(depths) < FEWEST_BINS:
        return None
    first, second, third = (float(part.mean()) for part in np.array_split(depths, 3))
    if not (third > STEEPER * second > STEEPER**2 * first and third > 10 * servers):
        return None
    return (third - first) / (len(depths) * 2 / 3 * tally.bin_width_s) * 60


def depths_while_arriving(tally: Tally) -> Floats:
    arriving = np.flatnonzero(tally.bins[at.B_ARRIVALS])
    return tally.bins[at.B_DEPTH, : int(arriving[-1]) + 1] if len(arriving) else np.array([])
