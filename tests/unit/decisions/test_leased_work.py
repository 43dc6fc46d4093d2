"""A worker's lease is renewed while its main thread is busy in compiled code."""

import threading
from datetime import datetime

import pytest
from django.db import OperationalError
from django.utils import timezone

from advisor.decisions.jobs.leased_work import LeasedWork
from advisor.decisions.models import Run, State
from advisor.decisions.services.leases import RunLease, claim_run
from advisor.teams.models import Workspace
from simulator.result import Result
from tests.rows import a_run

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20


@pytest.fixture
def run(workspace: Workspace) -> Run:
    run = a_run(workspace)
    claim_run(run.id, timezone.now())
    return run


class CountedLease(RunLease):
    def __init__(self, run: Run) -> None:
        super().__init__(run.id, 1)
        self.renewed = threading.Semaphore(0)

    def renew(self, now: datetime, elapsed_s: float, **fields: object) -> bool:
        held = super().renew(now, elapsed_s, **fields)
        self.renewed.release()
        return held


def work_on(lease: RunLease, limit_s: float = 600, every_s: float = 0.001) -> LeasedWork[Result]:
    return LeasedWork(lease, limit_s, every_s)


def test_it_extends_the_lease_again_and_again(run: Run) -> None:
    lease = CountedLease(run)
    with work_on(lease):
        leases = []
        for _ in range(3):
            assert lease.renewed.acquire(timeout=PATIENCE_S)
            leases.append(Run.objects.get().lease_until)
    assert leases[0] < leases[2]
    assert Run.objects.get().elapsed_s > 0


def test_it_signals_that_the_lease_is_lost(run: Run) -> None:
    Run.objects.update(state=State.CANCELLED, finished_at=timezone.now(), lease_until=None)
    with work_on(RunLease(run.id, 1)) as work:
        assert work.lost.wait(PATIENCE_S)


def test_it_times_out_a_run_whose_worker_is_busy(run: Run) -> None:
    with work_on(RunLease(run.id, 1), limit_s=0.01, every_s=3600) as work:
        assert work.lost.wait(PATIENCE_S)
    assert Run.objects.get().state == State.TIMED_OUT


class FailingOnce(CountedLease):
    failures = 0

    def renew(self, now: datetime, elapsed_s: float, **fields: object) -> bool:
        if not self.failures:
            self.failures = 1
            raise OperationalError("database is locked")
        return super().renew(now, elapsed_s, **fields)


def test_it_goes_on_after_the_database_refused_a_write(run: Run) -> None:
    lease = FailingOnce(run)
    with work_on(lease):
        assert lease.renewed.acquire(timeout=PATIENCE_S)
    assert lease.failures == 1


def test_it_stops_with_the_work(run: Run) -> None:
    before = threading.active_count()
    with work_on(RunLease(run.id, 1), every_s=3600):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
