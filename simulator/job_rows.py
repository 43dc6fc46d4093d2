"""What became of each job of a first replication: one row a job and design."""

from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.experiment import check, used_recordings
from simulator.kernel import layout
from simulator.plan import EVENT_DRIVEN, designs_of
from simulator.replications import OnProgress, Progress, Runner, warm
from simulator.scenario import Scenario
from simulator.stability import load_of
from simulator.tally import OUTCOME_COUNTS
from simulator.trace_columns import Floats
from simulator.traces import Trace

if TYPE_CHECKING:
    import polars

MOST_JOB_ROWS = 1_000_000
"""Jobs of a design whose rows are kept."""
_DIGITS = 6
"""Of times: microseconds."""
_OUTCOMES = {layout.C_COMPLETED: "completed"} | {place: name for name, place in OUTCOME_COUNTS.items()}


def simulate_jobs(
    scenario: Scenario,
    *,
    trace: Trace | None = None,
    durations_s: Floats | None = None,
    most: int = MOST_JOB_ROWS,
    on_progress: OnProgress | None = None,
) -> "polars.DataFrame":
    """The first replication of `simulate`, of each design, as one row a job; those of the warm-up are left out, as in the result.

    `design`, `job` (its number; the same job in each design), `queue` (its class), `arrival_s`, `settled_s` (when its client had the outcome; null
    if the run was cut before), `outcome` (the names of the result: completed, failed, timed_out, rejected, dead_lettered, undelivered, lost,
    in_system, undecided), `is_good` (completed by its deadline), `latency_s` (of completed jobs), `wait_s` (of jobs that were taken in),
    `provider_calls`. Of a longer run the first `most` jobs. Raise as `simulate`.
    """
    import polars

    check(scenario, trace, durations_s)
    warm(on_progress)
    trace, drawn = used_recordings(scenario, trace, durations_s)
    drains = {design: load_of(scenario, design, trace, drawn).stable for design in designs_of(scenario)}
    runner = Runner(scenario, trace, drawn, drains, keeps_checkpoints=False)
    tables = []
    for place, design in enumerate(drains):
        if on_progress is not None:
            on_progress(Progress("Simulating each job", place / len(drains)))
        rows, end_s = runner.run_with_rows(design, most)
        tables.append(_table(scenario, design, rows, end_s))
    return polars.concat(tables)


class QueueExtremes(NamedTuple):
    depth_max: int
    """The most jobs that waited at once."""
    lag_max_s: float
    """The longest wait of a job that was tried once."""


def queue_extremes(scenario: Scenario, trace: Trace | None = None) -> dict[str, QueueExtremes]:
    """Of each queue, in one replication of the event-driven design.

    A job that is tried again counts as waiting from its acceptance on, for as long as all of its waits together. Raise as `simulate`.
    """
    check(scenario, trace)
    warm()
    drains = {EVENT_DRIVEN: load_of(scenario, EVENT_DRIVEN, trace, None).stable}
    runner = Runner(scenario, trace, None, drains, 1, designs=(EVENT_DRIVEN,), keeps_checkpoints=False)
    rows, _ = runner.run_with_rows(EVENT_DRIVEN, MOST_JOB_ROWS)
    waiting = rows[rows["waited"] > 0]
    return {
        name: _extremes(waiting[waiting["place"] == place]) for place, name in enumerate(scenario.event_driven.queues)
    }


def _extremes(waiting: "np.ndarray[tuple[int], np.dtype[np.void]]") -> QueueExtremes:
    begins_s, waited_s = waiting["arrived"], waiting["waited"]
    order = np.argsort(np.concatenate([begins_s + waited_s, begins_s]), kind="stable")
    depths = np.cumsum(np.where(order < len(waiting), -1, 1))
    once_s = waited_s[waiting["calls"] <= 1]
    return QueueExtremes(int(depths.max(initial=0)), float(once_s.max(initial=0.0)))


def _table(
    scenario: Scenario, design: str, rows: "np.ndarray[tuple[int], np.dtype[np.void]]", end_s: float
) -> "polars.DataFrame":
    import polars

    kept = rows[scenario.warmup_jobs :]
    queues = list(scenario.event_driven.queues)
    outcomes, latency_s = kept["outcome"], kept["settled"] - kept["arrived"]
    is_settled, is_completed = outcomes != layout.C_OFFERED, outcomes == layout.C_COMPLETED
    limits_s = np.array(scenario.deadlines_s)[kept["place"]]
    is_undecided = ~is_settled & (limits_s < inf) & (kept["arrived"] + limits_s > end_s + layout.ROUNDING_S)
    names = np.array([_OUTCOMES.get(place, "in_system") for place in range(layout.COUNTS)])[outcomes]
    return polars.DataFrame(
        {
            "design": polars.repeat(design, len(kept), dtype=polars.String, eager=True),
            "job": np.arange(scenario.warmup_jobs, len(rows), dtype=np.int64),
            "queue": np.array(queues)[kept["place"]],
            "arrival_s": np.round(kept["arrived"], _DIGITS),
            "settled_s": _where(is_settled, kept["settled"]),
            "outcome": np.where(is_undecided, "undecided", names),
            "is_good": is_completed & (latency_s <= limits_s + layout.ROUNDING_S),
            "latency_s": _where(is_completed, latency_s),
            "wait_s": _where(is_settled & (kept["is_accepted"] == 1), kept["waited"]),
            "provider_calls": kept["calls"],
        },
        nan_to_null=True,
    )


def _where(is_known: "np.ndarray[tuple[int], np.dtype[np.bool_]]", values: Floats) -> Floats:
    known: Floats = np.where(is_known, np.round(values, _DIGITS), np.nan)
    return known
