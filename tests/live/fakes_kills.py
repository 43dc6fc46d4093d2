"""For tests in which parts of a live run die: a crew that can be looked up, and what must hold of a run whatever died in it."""

import os
import signal
from collections import Counter
from typing import Any, ClassVar

import numpy as np

from simulator.live.run.design_run import DesignRun
from simulator.live.run.processes import ProcessGroup
from simulator.live.system.journal import What

ENDS = (What.COMPUTED, What.GAVE_UP, What.EXPIRED)
TOLD = (What.IN_HAND, What.TOLD_FAILED, What.UNDELIVERED)


class KnownCrew(ProcessGroup):
    """Put in the place of the controller's own."""

    latest: ClassVar[ProcessGroup]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        KnownCrew.latest = self


def kill(part: str) -> None:
    """As -9 does it, at once."""
    os.kill(KnownCrew.latest.pid(part), signal.SIGKILL)


def unaccounted(found: DesignRun, *, subscribers: int = 0) -> list[str]:
    """What is wrong with the books: a job without exactly one end, told not exactly once, handled not exactly once by every subscriber."""
    accepted = set(jobs_of(found, What.ACCEPTED))
    refused = set(jobs_of(found, What.REFUSED))
    answered = accepted | refused
    wrong = [f"job {job} was neither accepted nor refused" for job in set(range(len(found.stage.jobs))) - answered]
    wrong += [f"job {job} was accepted, and refused" for job in accepted & refused]
    for name, kinds in (("ended", ENDS), ("was told", TOLD)):
        times = Counter(jobs_of(found, *kinds))
        wrong += [f"job {job} {name} {times[job]} times: {history(found, job)}" for job in accepted if times[job] != 1]
    handled = Counter((row["job"], row["index"]) for row in found.rows if row["what"] in (What.HANDLED, What.UNHANDLED))
    for job in jobs_of(found, What.COMPUTED):
        for subscriber in range(subscribers):
            if handled[job, subscriber] != 1:
                wrong.append(f"subscriber {subscriber} had job {job} {handled[job, subscriber]} times")
    return wrong


def jobs_of(found: DesignRun, *kinds: What) -> list[int]:
    """The job of every row of these kinds."""
    return [int(job) for job in found.rows["job"][np.isin(found.rows["what"], kinds)]]


def history(found: DesignRun, job: int) -> str:
    """What was done for a job, for whoever reads the failure."""
    rows = found.rows[found.rows["job"] == job]
    first = found.clock.started_ns
    return ", ".join(f"{(row['at_ns'] - first) / 1e9:.2f} {What(row['what']).name} {row['index']}" for row in rows)
