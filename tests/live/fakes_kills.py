"""For tests that kill processes of a live run: where to find them, and what must hold of a run whichever was killed."""

import os
import signal
from collections import Counter
from typing import Any, ClassVar

import numpy as np

from simulator.live.run.design_run import DesignRun
from simulator.live.run.processes import ProcessGroup
from simulator.live.system.journal import EventType

OUTCOMES = (EventType.COMPUTED, EventType.GAVE_UP, EventType.EXPIRED)
REPORTED = (EventType.IN_HAND, EventType.CLIENT_FAILED, EventType.UNDELIVERED)


class KnownProcesses(ProcessGroup):
    latest: ClassVar["KnownProcesses"]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        KnownProcesses.latest = self

    @property
    def broker_pid(self) -> int:
        assert self._broker is not None
        return self._broker.pid


def kill(process: str) -> None:
    os.kill(KnownProcesses.latest.pid(process), signal.SIGKILL)


def unaccounted(run: DesignRun, *, subscribers: int = 0) -> list[str]:
    accepted = set(jobs_of(run, EventType.ACCEPTED))
    refused = set(jobs_of(run, EventType.REFUSED))
    answered = accepted | refused
    wrong = [f"job {job} was neither accepted nor refused" for job in set(range(len(run.setup.jobs))) - answered]
    wrong += [f"job {job} was accepted, and refused" for job in accepted & refused]
    for name, kinds in (("ended", OUTCOMES), ("was reported", REPORTED)):
        times = Counter(jobs_of(run, *kinds))
        wrong += [f"job {job} {name} {times[job]} times: {history(run, job)}" for job in accepted if times[job] != 1]
    handled = Counter(
        (row["job"], row["index"]) for row in run.rows if row["what"] in (EventType.HANDLED, EventType.UNHANDLED)
    )
    for job in jobs_of(run, EventType.COMPUTED):
        for subscriber in range(subscribers):
            if handled[job, subscriber] != 1:
                wrong.append(f"subscriber {subscriber} had job {job} {handled[job, subscriber]} times")
    return wrong


def jobs_of(run: DesignRun, *kinds: EventType) -> list[int]:
    return [int(job) for job in run.rows["job"][np.isin(run.rows["what"], kinds)]]


def history(run: DesignRun, job: int) -> str:
    rows = run.rows[run.rows["job"] == job]
    first = run.clock.started_ns
    return ", ".join(f"{(row['at_ns'] - first) / 1e9:.2f} {EventType(row['what']).name} {row['index']}" for row in rows)
