"""A worker's sign of life goes on while its main thread is deaf."""

import threading

import pytest
from django.db import OperationalError
from django.utils import timezone

from advisor.decisions.jobs import heartbeat as module
from advisor.decisions.jobs.heartbeat import Heartbeat
from advisor.decisions.models import Run, State
from advisor.decisions.services.run_lease import claim_run, extend_lease
from advisor.teams.models import Workspace
from tests.rows import a_run

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20


@pytest.fixture
def run(workspace: Workspace) -> Run:
    run = a_run(workspace)
    claim_run(run.id, timezone.now())
    return run


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Is released at each beat that was written."""
    written = threading.Semaphore(0)

    def extend(*args: object) -> bool:
        held = extend_lease(*args)
        written.release()
        return held

    monkeypatch.setattr(module, "extend_lease", extend)
    return written


def test_it_extends_the_lease_again_and_again(run: Run, beats: threading.Semaphore) -> None:
    with Heartbeat(run.id, 1, limit_s=600, every_s=0.001):
        leases = []
        for _ in range(3):
            assert beats.acquire(timeout=PATIENCE_S)
            leases.append(Run.objects.get().lease_until)
    assert leases[0] < leases[2]
    assert Run.objects.get().elapsed_s > 0


def test_it_says_that_the_run_is_lost(run: Run) -> None:
    Run.objects.update(state=State.CANCELLED, finished_at=timezone.now(), lease_until=None)
    with Heartbeat(run.id, 1, limit_s=600, every_s=0.001) as heartbeat:
        assert heartbeat.lost.wait(PATIENCE_S)


def test_it_ends_a_run_whose_worker_is_deaf_at_its_limit(run: Run) -> None:
    with Heartbeat(run.id, 1, limit_s=0.01, every_s=3600) as heartbeat:
        assert heartbeat.lost.wait(PATIENCE_S)
    assert Run.objects.get().state == State.TIMED_OUT


def test_it_goes_on_after_the_database_failed_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    recovered = threading.Event()
    calls: list[int] = []

    def extend(*args: object) -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("database is locked")
        recovered.set()
        return True

    monkeypatch.setattr(module, "extend_lease", extend)
    with Heartbeat(run.id, 1, limit_s=600, every_s=0.001):
        assert recovered.wait(PATIENCE_S)


def test_it_stops_with_the_work(run: Run) -> None:
    before = threading.active_count()
    with Heartbeat(run.id, 1, limit_s=600, every_s=3600):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
