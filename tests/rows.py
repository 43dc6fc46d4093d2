"""Rows made directly, for tests of what happens to them later."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from advisor.decisions import stored
from advisor.decisions.models import Decision, Revision, Run, Sweep, SweepPart, Trace
from advisor.decisions.services.recordings import accept_upload, keep_upload
from advisor.teams.models import User, Workspace
from simulator.arrivals import PoissonArrivals
from simulator.scenario import Scenario
from simulator.services import ExponentialService

SCENARIO = Scenario(
    jobs=100,
    arrivals=PoissonArrivals(process="poisson", rate_per_s=1.0),
    service=ExponentialService(distribution="exponential", mean_s=1.0),
)
_keys = count()


def a_run(workspace: Workspace, **fields: Any) -> Run:
    decision = Decision.objects.create(workspace=workspace, title="A decision")
    revision = Revision.objects.create(decision=decision, number=1, answers_json="{}", recommendation_json="{}")
    values = {"idempotency_key": f"key-{next(_keys)}", "scenario_json": stored.dump(SCENARIO)} | fields
    return Run.objects.create(workspace=workspace, revision=revision, **values)


def recordings(workspace: Workspace, count: int) -> None:
    """As many recordings of other files, without their data."""
    rows = ({"name": f"{n}.csv", "sha256": f"{n:064x}", "size_bytes": 20} for n in range(count))
    Trace.objects.bulk_create(Trace(workspace=workspace, requests=3, span_s=2.0, **row) for row in rows)


def upload_trace(workspace: Workspace, user: User, name: str, chunks: Iterable[bytes]) -> Trace:
    """A recording of a file, read as it is understood."""
    return accept_upload(keep_upload(workspace, user, name, chunks), user)


def a_sweep(revision: Revision, **fields: Any) -> Sweep:
    values: dict[str, Any] = {
        "idempotency_key": f"key-{next(_keys)}", "size": 6, "jobs": 1_000,
        "x_field": "processing.p95_s", "x_low": 10, "x_high": 80, "x_steps": 3,
        "y_field": "volume.mean_rate_per_s", "y_low": 0.2, "y_high": 1, "y_steps": 2,
    }  # fmt: skip
    sweep = Sweep.objects.create(workspace=revision.decision.workspace, revision=revision, **(values | fields))
    SweepPart.objects.bulk_create(SweepPart(sweep=sweep, first=first, cells=3) for first in range(0, sweep.size, 3))
    return sweep
