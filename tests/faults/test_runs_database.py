"""A database that is locked, full, or asked for a great many runs at once."""

import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, connections, transaction

from advisor.decisions.jobs import reconcile_runs_and_notify, run_simulation
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.services.leases import RunLease, claim_run
from advisor.decisions.services.turns import place_in_queue
from advisor.teams.models import Workspace
from tests.fakes.clock import FakeClock
from tests.fakes.engines import Report, a_result, engine
from tests.fakes.queue_notifiers import FakeNotifier
from tests.rows import a_run

pytestmark = pytest.mark.django_db(transaction=True)

SQLITE = connection.vendor == "sqlite"
PAGES = "a page limit stands for a full disk on SQLite alone"


@pytest.fixture
def full_disk() -> Iterator[None]:
    """A database that may not grow by a single page."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        yield
        cursor.execute("PRAGMA max_page_count = 1073741823")


@pytest.mark.may_skip(reason=PAGES)
@pytest.mark.skipif(not SQLITE, reason=PAGES)
def test_a_full_disk_refuses_the_new_and_keeps_the_old(workspace: Workspace, full_disk: None) -> None:
    run = a_run(workspace)
    with pytest.raises(OperationalError, match="full"), transaction.atomic():
        for _ in range(1000):
            a_run(workspace, scenario_json="x" * 10_000)
    assert list(Run.objects.all()) == [run]


@pytest.mark.may_skip(reason=PAGES)
@pytest.mark.skipif(not SQLITE, reason=PAGES)
def test_a_result_waits_for_room_on_the_disk(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(workspace)
    made_room: list[float] = []
    large = a_result().model_copy(update={"inequalities": ("x" * 1_000_000,)})

    def fill_the_disk(report: Report) -> object:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1")
        return large

    def make_room(pause_s: float) -> None:
        made_room.append(pause_s)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1073741823")

    monkeypatch.setattr("advisor.decisions.jobs.leased_work.time.sleep", make_room)
    run_simulation(str(run.id), {EngineName.KERNEL: engine(fill_the_disk)})
    assert Run.objects.get().result == large
    assert made_room


def test_a_result_waits_while_another_process_holds_the_database(workspace: Workspace) -> None:
    run, locked, written, waited = a_run(workspace), threading.Event(), threading.Event(), list[bool]()
    attempt = claim_run(run.id, FakeClock().now())
    assert attempt is not None

    def hold() -> None:
        try:
            with transaction.atomic():
                Run.objects.select_for_update().get(pk=run.pk)
                locked.set()
                waited.append(not written.wait(0.3))
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    assert RunLease(run.id, attempt).finish(FakeClock().now(), a_result())
    written.set()
    holder.join()
    assert waited == [True]
    assert Run.objects.get().state == State.SUCCEEDED


def test_a_thousand_queued_runs_all_finish_once_each(workspace: Workspace) -> None:
    first = a_run(workspace)
    runs = [
        Run(workspace=workspace, revision=first.revision, idempotency_key=f"n{n}", scenario_json=first.scenario_json)
        for n in range(999)
    ]
    Run.objects.bulk_create(runs)
    assert place_in_queue(first) == 1
    assert sorted(place_in_queue(run) or 0 for run in runs[::250]) != [1, 1, 1, 1]
    notifier, clock = FakeNotifier(), FakeClock()
    for _ in range(2):
        reconcile_runs_and_notify(notifier, clock.now)
    assert len(notifier.notified) == 1000
    results = 0
    while run_id := notifier.take():
        attempt = claim_run(run_id, clock.now())
        assert attempt == 1
        results += RunLease(run_id, attempt).finish(clock.now(), a_result())
    assert results == Run.objects.filter(state=State.SUCCEEDED).count() == 1000
