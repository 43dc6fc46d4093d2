"""The dead letters of a run that has ended, from what its consumers wrote."""

import numpy as np

from simulator.live.run.design_run import DesignRun
from simulator.live.system.journal import What
from simulator.result import DeadLetter

KEPT = 200


def dead_letters_of(found: DesignRun) -> tuple[DeadLetter, ...]:
    """Jobs that were dead-lettered and that nobody has taken up again, the first of them."""
    rows, jobs = found.rows, found.stage.jobs
    names = list(found.stage.scenario.event_driven.queues)
    given_up = np.unique(rows["job"][(rows["what"] == What.GAVE_UP) & (rows["value"] == 1.0)])
    computed = np.unique(rows["job"][rows["what"] == What.COMPUTED])
    return tuple(
        DeadLetter(
            job=int(job),
            queue=names[int(jobs.place[job])],
            attempts=int(((rows["job"] == job) & (rows["what"] == What.CALLED)).sum()),
            reason=_reason(found, int(job)),
            at_s=found.clock.scenario_s(int(rows["at_ns"][(rows["job"] == job) & (rows["what"] == What.GAVE_UP)][-1])),
        )
        for job in np.setdiff1d(given_up, computed)[:KEPT]
    )


def _reason(found: DesignRun, job: int) -> str:
    if found.stage.jobs.poison[job]:
        return "poison: every attempt fails"
    rows = found.rows
    statuses = rows["value"][(rows["job"] == job) & (rows["what"] == What.ANSWERED)]
    if not len(statuses):
        return "no attempt was answered"
    return f"the model answered {int(statuses[-1])}" if statuses[-1] else "no answer came, or a cap forbade the call"
