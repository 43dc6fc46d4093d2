"""The dead letters of a run that has ended, from what its consumers wrote."""

import numpy as np

from simulator.live.run.design_run import DesignRun
from simulator.live.system.journal import What
from simulator.result import DeadLetter

KEPT = 200


def dead_letters_of(run: DesignRun) -> tuple[DeadLetter, ...]:
    rows, jobs = run.rows, run.stage.jobs
    names = list(run.stage.scenario.event_driven.queues)
    given_up = np.unique(rows["job"][(rows["what"] == What.GAVE_UP) & (rows["value"] == 1.0)])
    computed = np.unique(rows["job"][rows["what"] == What.COMPUTED])
    return tuple(
        DeadLetter(
            job=int(job),
            queue=names[int(jobs.place[job])],
            attempts=int(((rows["job"] == job) & (rows["what"] == What.CALLED)).sum()),
            reason=_reason(run, int(job)),
            at_s=run.clock.scenario_s(int(rows["at_ns"][(rows["job"] == job) & (rows["what"] == What.GAVE_UP)][-1])),
        )
        for job in np.setdiff1d(given_up, computed)[:KEPT]
    )


def _reason(run: DesignRun, job: int) -> str:
    if run.stage.jobs.poison[job]:
        return "poison: every attempt fails"
    rows = run.rows
    statuses = rows["value"][(rows["job"] == job) & (rows["what"] == What.ANSWERED)]
    if not len(statuses):
        return "no attempt was answered"
    return f"the model answered {int(statuses[-1])}" if statuses[-1] else "no answer came, or a cap forbade the call"
