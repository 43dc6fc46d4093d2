# mypy: disable-error-code="no-any-return"
"""A run of a fixed duration is cut while jobs are under way: which of them the cut leaves undecided.

A job is decided if its deadline ended before the cut, whatever became of it: to count of the later ones those that were quick, or to
count those that were not yet done as missed, would bias the share. Jobs without a deadline are decided once they are settled.
"""

import numpy as np

from simulator.kernel import layout
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine
from simulator.kernel.record import bucket_of


@compiled
def is_decided(m: Machine, place: int, arrived: float) -> bool:
    return arrived + m.deadlines[place] <= m.end + layout.ROUNDING_S


@compiled
def count_open(m: Machine, place: int, arrived: float, batch: int) -> None:
    """Count a job that arrives among those that the cut will leave in the system; `settle_open` takes it out again."""
    m.histograms[place, layout.H_CENSORED, bucket_of(m.end - arrived)] += 1
    if not is_decided(m, place, arrived):
        m.open_jobs[place, layout.O_UNDECIDED] += int(m.deadlines[place] < np.inf)
        m.open_jobs[place, layout.O_OFFERED] += 1
        count_in_batch(m, place, batch, 0, -1)


@compiled
def settle_open(m: Machine, place: int, arrived: float, at: float, outcome: int, batch: int) -> None:
    m.histograms[place, layout.H_CENSORED, bucket_of(m.end - arrived)] -= 1
    if outcome != layout.C_COMPLETED:
        m.histograms[place, layout.H_ENDED, bucket_of(at - arrived)] += 1
    if is_decided(m, place, arrived):
        return
    if m.deadlines[place] == np.inf:
        m.open_jobs[place, layout.O_OFFERED] -= 1
        count_in_batch(m, place, batch, 0, 1)
        return
    m.open_jobs[place, layout.O_UNDECIDED] -= 1
    if outcome == layout.C_COMPLETED and at - arrived <= m.deadlines[place] + layout.ROUNDING_S:
        m.open_jobs[place, layout.O_GOOD] += 1
        count_in_batch(m, place, batch, 1, -1)


@compiled
def count_in_batch(m: Machine, place: int, batch: int, column: int, by: int) -> None:
    m.batches[batch, column] += by
    m.class_batches[place, batch, column] += by
