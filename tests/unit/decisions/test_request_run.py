"""Asking for a run: once per key, never for what can't be run, never more than a workspace's share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from advisor.advice.scenario import scenario_of
from advisor.decisions import limits
from advisor.decisions.engines import Engine
from advisor.decisions.errors import StaleVersion, TooManyTasks
from advisor.decisions.models import Decision, EngineName, Run
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.revisions import save_answers
from advisor.decisions.services.runs import RunRequest, request_run
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput, Problem
from tests.fakes.engines import engine
from tests.rows import a_run, upload_trace

ENGINES = {EngineName.KERNEL: engine()}
CSV = b"TIMESTAMP\n2023-11-16 18:00:00\n2023-11-16 18:00:01\n2023-11-16 18:00:04\n"


def requested(decision: Decision, user: User, key: str = "k", **options: Any) -> Run:
    engines = options.pop("engines", ENGINES)
    return request_run(decision.latest(), user, key, RunRequest(**options), engines)


def test_it_is_queued_with_the_scenario_of_its_revision_which_it_freezes(decision: Decision, bob: User) -> None:
    run = requested(decision, bob, replications=4)
    revision = decision.latest()
    assert run.scenario == scenario_of(revision.evaluation)
    assert (run.state, run.replications, run.created_by, run.workspace) == ("queued", 4, bob, decision.workspace)
    assert revision.frozen


def test_the_same_key_is_the_same_run(decision: Decision, bob: User) -> None:
    assert requested(decision, bob) == requested(decision, bob)
    assert Run.objects.count() == 1


def test_another_key_is_another_run(decision: Decision, bob: User) -> None:
    assert requested(decision, bob, "a") != requested(decision, bob, "b")


def test_a_key_used_for_another_revision_is_refused(decision: Decision, bob: User) -> None:
    requested(decision, bob)
    save_answers(decision, {"processing": {"p50_s": 1, "p95_s": 2}}, bob, version=1)
    with pytest.raises(InvalidInput) as refused:
        requested(decision, bob)
    assert refused.value.problems[0].path == "idempotency_key"


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "ä", "a\n"])
def test_a_key_is_short_and_plain(decision: Decision, bob: User, key: str) -> None:
    with pytest.raises(InvalidInput):
        requested(decision, bob, key)


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_run(decision: Decision, user: User) -> None:
    revision, together = decision.latest(), threading.Barrier(4)

    def press(_: int) -> Run:
        try:
            together.wait()
            return request_run(revision, user, "k", engines=ENGINES)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len({run.id for run in pool.map(press, range(4))}) == 1
    assert Run.objects.count() == 1


def test_answers_changed_since_they_were_read_are_not_simulated(decision: Decision, bob: User) -> None:
    seen = decision.latest()
    save_answers(decision, {"processing": {"p50_s": 1, "p95_s": 2}}, bob, version=1)
    with pytest.raises(StaleVersion):
        request_run(seen, bob, "k", engines=ENGINES)
    assert not Run.objects.exists()


def test_a_run_too_large_for_memory_is_refused_with_the_limit(decision: Decision, bob: User) -> None:
    with pytest.raises(InvalidInput, match=r"3\.2 GB of memory, over the limit of 1\.1 GB"):
        requested(decision, bob, engines={EngineName.KERNEL: engine(memory_bytes=3_200_000_000)})
    assert not decision.latest().frozen


def test_what_the_engine_does_not_honour_is_refused(decision: Decision, bob: User) -> None:
    able = engine()
    unable = Engine(able.simulate, able.estimate, lambda *_: (Problem("autoscaling", "is not simulated yet"),))
    with pytest.raises(InvalidInput, match="autoscaling"):
        requested(decision, bob, engines={EngineName.KERNEL: unable})


@pytest.mark.parametrize("options", [{"engine": "steam"}, {"replications": 0}, {"replications": 1001}])
def test_options_are_bounded(decision: Decision, bob: User, options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        requested(decision, bob, **options)


def test_a_workspace_has_its_share_of_the_queue(
    decision: Decision, workspace: Workspace, bob: User, charlie: User
) -> None:
    first = a_run(workspace)
    others = {"workspace": workspace, "revision": first.revision, "scenario_json": first.scenario_json}
    Run.objects.bulk_create(Run(idempotency_key=f"{n}", **others) for n in range(1, limits.QUEUED_RUNS_CAP))
    with pytest.raises(TooManyTasks) as refused:
        requested(decision, bob)
    assert refused.value.cap == limits.QUEUED_RUNS_CAP
    assert not decision.latest().frozen
    elsewhere = create_decision(charlie.memberships.get().workspace, charlie, {})
    assert requested(elsewhere, charlie)
    first.delete()
    assert requested(decision, bob)


def test_a_trace_is_the_workspaces_own(decision: Decision, workspace: Workspace, user: User, charlie: User) -> None:
    trace = upload_trace(workspace, user, "t.csv", [CSV])
    save_answers(decision, {"volume": {"trace": str(trace.id)}}, user, version=1)
    assert requested(decision, user).trace == trace
    with pytest.raises(InvalidInput):
        create_decision(charlie.memberships.get().workspace, charlie, {"volume": {"trace": str(trace.id)}})


def test_a_viewer_cannot_start_a_run(decision: Decision, vera: User, charlie: User) -> None:
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            requested(decision, person)
    assert not Run.objects.exists()
