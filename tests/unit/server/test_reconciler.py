"""The reconciler goes on through outages and tells of each once."""

from collections.abc import Callable

import django_rq
import pytest
import redis
from django.conf import settings
from django.db import OperationalError
from structlog.testing import capture_logs

from advisor.decisions.jobs import reconcile_runs_and_notify
from advisor.decisions.services.leases import Reconciled, RunLease, claim_run
from advisor.server import reconciler
from advisor.server.reconciler import Reconciler
from advisor.server.status import reconciler_age_s
from advisor.teams.models import Workspace
from tests.fakes.clock import FakeClock
from tests.fakes.queue_notifiers import FakeNotifier
from tests.rows import a_run

pytestmark = pytest.mark.django_db


def looking(monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None) -> Callable[[], None]:
    """A reconciler whose looks go as told, one after the other."""
    remaining = list(outcomes)

    def look() -> None:
        outcome = remaining.pop(0)
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(reconciler, "reconcile_runs_and_notify", look)
    # Closing the connection would close that of the test's transaction, too.
    monkeypatch.setattr(reconciler, "close_old_connections", lambda: None)
    subject = Reconciler(every_s=0)

    def all_looks() -> None:
        while remaining:
            subject.look()

    return all_looks


def test_a_look_that_went_well_leaves_a_beat(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = django_rq.get_connection(settings.SIMULATIONS_QUEUE)
    assert reconciler_age_s(connection) is None
    looking(monkeypatch, None)()
    age_s = reconciler_age_s(connection)
    assert age_s is not None
    assert 0 <= age_s < 10


def test_a_look_that_did_not_leaves_none(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looking(monkeypatch, OperationalError("database is locked"))()
    assert reconciler_age_s(django_rq.get_connection(settings.SIMULATIONS_QUEUE)) is None


def test_an_outage_is_one_line_at_its_beginning_and_one_at_its_end(
    queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, gone = OperationalError("database is locked"), redis.exceptions.ConnectionError("gone")
    all_looks = looking(monkeypatch, None, locked, locked, gone, None, None, gone, None)
    with capture_logs() as lines:
        all_looks()
    assert [line["log_level"] for line in lines] == ["warning", "info", "warning", "info"]


def test_a_mistake_of_ours_is_not_taken_for_an_outage(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        looking(monkeypatch, ZeroDivisionError())()


@pytest.mark.parametrize("jump_s", [3600, -3600, 30])
def test_a_run_keeps_its_worker_when_the_clock_is_set(
    jump_s: float, workspace: Workspace, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, clock, looks = a_run(workspace), FakeClock(), list[Reconciled]()
    attempt = claim_run(run.id, clock.now())
    monkeypatch.setattr(reconciler, "database_now", clock.now)
    monkeypatch.setattr(
        reconciler,
        "reconcile_runs_and_notify",
        lambda: looks.append(reconcile_runs_and_notify(FakeNotifier(), clock.now)),
    )
    monkeypatch.setattr(reconciler, "close_old_connections", lambda: None)
    subject = Reconciler(every_s=0)
    subject.look()
    clock.move(jump_s)
    subject.look()
    assert [look.retried for look in looks] == [0, 0]
    assert attempt is not None and RunLease(run.id, attempt).renew(clock.move(5), 5)
    assert reconcile_runs_and_notify(FakeNotifier(), lambda: clock.move(21)).retried == 1


def test_it_ends_when_told_to(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Reconciler(every_s=3600)
    monkeypatch.setattr(reconciler, "reconcile_runs_and_notify", lambda: subject.stop(15, None))
    subject.run()
    assert subject.stopped.is_set()
