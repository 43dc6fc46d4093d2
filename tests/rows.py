"""Rows made directly, for tests of what happens to them later."""

from itertools import count
from typing import Any

from advisor.decisions import stored
from advisor.decisions.models import Decision, Revision, Run
from advisor.teams.models import Workspace
from simulator.scenario import ExponentialService, PoissonArrivals, Scenario

SCENARIO = Scenario(
    jobs=100,
    arrivals=PoissonArrivals(process="poisson", rate_per_s=1.0),
    service=ExponentialService(distribution="exponential", mean_s=1.0),
)
_keys = count()


def a_run(workspace: Workspace, **fields: Any) -> Run:
    """A queued run of the smallest scenario, of a decision of its own."""
    decision = Decision.objects.create(workspace=workspace, title="A decision")
    revision = Revision.objects.create(decision=decision, number=1, answers_json="{}", recommendation_json="{}")
    values = {"idempotency_key": f"key-{next(_keys)}", "scenario_json": stored.dump(SCENARIO)} | fields
    return Run.objects.create(workspace=workspace, revision=revision, **values)
