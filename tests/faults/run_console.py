"""Starts runs in a site's database and looks at them, from a process that has the site's settings. One JSON object a line, each way.

Run as `python -m tests.faults.run_console`; `tests.faults.conftest.RunConsole` is the other end.
"""

import json
import sys
from typing import Any
from uuid import UUID, uuid4

import django

django.setup()

from advisor.decisions import stored  # noqa: E402 - settings first
from advisor.decisions.jobs import RqNotifier, start_sweep  # noqa: E402
from advisor.decisions.models import PartState, Run, Sweep  # noqa: E402
from advisor.decisions.services.decisions import create_decision  # noqa: E402
from advisor.decisions.services.sweeps import SweepRequest  # noqa: E402
from advisor.sweeps.contract import SweepAxis  # noqa: E402
from advisor.teams.services.accounts import local_user_and_workspace  # noqa: E402
from tests.rows import SCENARIO, a_run  # noqa: E402

SEEN = ("state", "attempt", "lost_leases", "worker", "progress_fraction", "progress_step", "error_text")


def start(jobs: int, replications: int, notifies: bool) -> str:
    """A queued run of that size, with or without a job in the queue."""
    _, workspace = local_user_and_workspace()
    scenario = stored.dump(SCENARIO.model_copy(update={"jobs": jobs}))
    run = a_run(workspace, scenario_json=scenario, replications=replications, idempotency_key=uuid4().hex)
    if notifies:
        RqNotifier().notify(run.id, run.attempt)
    return str(run.id)


def look(run: str) -> dict[str, Any]:
    """The row, and how many results it has."""
    row = Run.objects.get(pk=UUID(run))
    return {name: getattr(row, name) for name in SEEN} | {"has_result": row.result_json is not None}


def start_map(cells: int, jobs: int) -> str:
    """A map of that many cells, a part each; the workers are notified."""
    user, workspace = local_user_and_workspace()
    revision = create_decision(workspace, user, {"volume": {"peak_to_mean": 1}}).latest()
    asked = SweepRequest(SweepAxis.from_steps("processing.p95_s", 10, 20, cells), None, jobs)
    return str(start_sweep(revision, user, asked, idempotency_key=uuid4().hex).pk)


def look_at_map(sweep: str) -> dict[str, Any]:
    """Its state, and the parts that are claimed: what is known of each."""
    row = Sweep.objects.get(pk=UUID(sweep))
    running = row.parts.filter(state=PartState.RUNNING).values("first", "attempt", "worker")
    lost = sum(row.parts.values_list("lost_leases", flat=True))
    return {"state": row.state, "step": row.progress_step, "running": list(running), "lost_leases": lost}


ANSWERS = {"start": start, "look": look, "start_map": start_map, "look_at_map": look_at_map}

for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(ANSWERS[asked.pop("do")](**asked)), flush=True)
