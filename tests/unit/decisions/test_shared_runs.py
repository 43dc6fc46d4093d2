"""Replications of a large run that workers on other hosts simulate."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.test import TestCase
from django.utils import timezone

from advisor.decisions import stored
from advisor.decisions.jobs import tasks
from advisor.decisions.jobs.shared_run import SharedRun
from advisor.decisions.models import PartState, Run, SharedReplication, State
from advisor.decisions.services import leases, turns
from advisor.decisions.services.leases import ReplicationLease, claim_replication, claim_run, reconcile_runs
from advisor.decisions.services.turns import Level, TaskKind, claim_next, place_in_queue
from advisor.decisions.services.unfinished_tasks import find_unfinished
from advisor.teams.models import Workspace
from simulator.experiment import simulate
from tests.rows import SCENARIO, a_run

HERE, THERE = "here", "there"


class Notified:
    """A queue that keeps the ids of what its workers are notified of."""

    def __init__(self) -> None:
        self.ids: list[UUID] = []

    def notify(self, task_id: UUID, attempt: int) -> None:
        self.ids.append(task_id)

    def waiting(self) -> set[str]:
        return set()


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Work on this host from now on."""

    def work_on(host: str) -> None:
        for module in (leases, turns, tasks):
            monkeypatch.setattr(module, "this_host", lambda: host)

    work_on(HERE)
    return work_on


@pytest.fixture
def run(workspace: Workspace, on: Callable[[str], None]) -> Run:
    """A run whose worker is on the host HERE."""
    run = a_run(workspace, replications=6, scenario_json=stored.dump(SCENARIO))
    assert claim_run(run.pk, timezone.now(), f"{HERE}:1")
    return Run.objects.get(pk=run.pk)


@pytest.fixture
def shared(run: Run) -> SharedRun:
    shared = SharedRun(run, Notified())
    shared.offer(range(1, 6))
    return shared


def claimed(now: datetime | None = None) -> ReplicationLease:
    task = claim_next(Level.INTERACTIVE, now or timezone.now(), f"{THERE}:1")
    assert task is not None and task.kind == TaskKind.REPLICATION
    return ReplicationLease(task.id, task.attempt)


def numbers() -> list[int]:
    return list(SharedReplication.objects.values_list("number", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_run_shared_with_another_host_has_the_result_of_one_that_is_not(
    workspace: Workspace, on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other host's worker gets its jobs by the queue, while the run's own worker is busy with the first replication."""
    by_whom: list[str] = []
    original = tasks._simulate_replication
    monkeypatch.setattr(tasks, "_simulate_replication", lambda *given: by_whom.append("there") or original(*given))
    monkeypatch.setattr(tasks, "worker_hosts", lambda: {HERE, THERE})
    monkeypatch.setattr(tasks, "SHARED_RUN_JOBS", 1)

    class TheOtherHost(Notified):
        def notify(self, task_id: UUID, attempt: int) -> None:
            if len(by_whom) < 3:
                on(THERE)
                tasks.run_simulation(str(task_id))
                on(HERE)

    monkeypatch.setattr(tasks, "RUNS", TheOtherHost())
    run = a_run(workspace, replications=6)
    tasks.run_simulation(str(run.pk))
    run.refresh_from_db()
    assert (run.state, by_whom) == (State.SUCCEEDED, ["there"] * 3)
    assert run.result == simulate(SCENARIO, replications=6)


@pytest.mark.parametrize(("hosts", "jobs"), [({HERE}, 1), (set(), 1), ({HERE, THERE}, 10**9)])
def test_nothing_is_shared_on_one_host_nor_of_a_small_run(
    run: Run, hosts: set[str], jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "worker_hosts", lambda: hosts)
    monkeypatch.setattr(tasks, "SHARED_RUN_JOBS", jobs)
    assert tasks._shared(run, tasks.ENGINES["kernel"], None) == {}


def test_each_is_taken_once(shared: SharedRun, on: Callable[[str], None]) -> None:
    assert shared.take() == 1
    on(THERE)
    lease = claimed()
    assert SharedReplication.objects.get(pk=lease.task_id).number == 2
    assert [shared.take() for _ in range(4)] == [3, 4, 5, None]
    assert numbers() == [2]


def test_workers_of_the_runs_own_host_take_none(shared: SharedRun, run: Run) -> None:
    assert claim_next(Level.INTERACTIVE, timezone.now(), f"{HERE}:2") is None
    row = SharedReplication.objects.earliest("number")
    assert claim_replication(row.pk, timezone.now(), f"{HERE}:2") is None


def test_a_queued_run_goes_before_what_is_shared(
    shared: SharedRun, workspace: Workspace, on: Callable[[str], None]
) -> None:
    on(THERE)
    later = a_run(workspace)
    assert place_in_queue(later) == 1
    first, second = (claim_next(Level.INTERACTIVE, timezone.now(), f"{THERE}:{n}") for n in range(2))
    assert first is not None and (first.id, first.kind) == (later.pk, TaskKind.RUN)
    assert second is not None and second.kind == TaskKind.REPLICATION


def test_what_a_worker_gives_back_or_leaves_is_for_the_runs_own_worker(
    shared: SharedRun, run: Run, on: Callable[[str], None]
) -> None:
    on(THERE)
    now = timezone.now()
    given_back, failed, left = claimed(now), claimed(now), claimed(now)
    assert given_back.release() and failed.fail(now, "out_of_memory", "no memory")
    SharedReplication.objects.filter(pk=left.task_id).update(lease_until=now)
    reconcile_runs(now + timedelta(seconds=1), limit_s=600)
    assert not left.finish(now, b"late")
    assert SharedReplication.objects.for_others(THERE).count() == 2, "those that were never begun"
    on(HERE)
    assert [shared.take() for _ in range(6)] == [1, 2, 3, 4, 5, None]


def test_a_run_begun_again_goes_on_with_those_that_are_done(
    shared: SharedRun, run: Run, on: Callable[[str], None]
) -> None:
    taken = shared.take()
    on(THERE)
    lease = claimed()
    done = tasks._simulate_replication(lease, lambda progress: None)
    assert lease.finish(timezone.now(), done)
    again = SharedRun(run, Notified())
    again.offer(range(1, 6))
    assert [*again.collect()] == [2]
    assert [again.take() for _ in range(5)] == [taken, 3, 4, 5, None]


def test_one_whose_row_is_gone_is_simulated_by_the_runs_own_worker(shared: SharedRun) -> None:
    """An attempt that had lost its lease took it."""
    SharedReplication.objects.filter(number=4).delete()
    assert [shared.take() for _ in range(6)] == [1, 2, 3, 5, 4, None]


@pytest.mark.parametrize("end", [State.CANCELLED, State.SUCCEEDED])
def test_the_end_of_the_run_ends_them(shared: SharedRun, run: Run, on: Callable[[str], None], end: State) -> None:
    on(THERE)
    lease = claimed()
    Run.objects.filter(pk=run.pk).update(
        state=end, lease_until=None, finished_at=timezone.now(), result_json="{}" if end == State.SUCCEEDED else None
    )
    assert claim_next(Level.INTERACTIVE, timezone.now(), f"{THERE}:2") is None
    assert not lease.renew(timezone.now(), 1) and not lease.finish(timezone.now(), b"late")
    reconcile_runs(timezone.now(), limit_s=600)
    assert numbers() == []


def test_administrators_see_who_holds_one(shared: SharedRun, run: Run, on: Callable[[str], None]) -> None:
    on(THERE)
    claimed()
    shown = find_unfinished(timezone.now())
    assert {(lease.task, lease.worker) for lease in shown.leases} == {(run, f"{HERE}:1"), (run, f"{THERE}:1")}
    assert shown.lease_count == 2


def test_workers_are_notified_of_each_once(run: Run) -> None:
    queue = Notified()
    with TestCase.captureOnCommitCallbacks(execute=True):
        SharedRun(run, queue).offer(range(1, 6))
    assert queue.ids == list(SharedReplication.objects.order_by("number").values_list("pk", flat=True))
    assert set(SharedReplication.objects.values_list("state", flat=True)) == {PartState.QUEUED}
