"""Starting a run, and queueing it: a broken queue must not lose a run."""

import json
from uuid import uuid4

import pytest
import redis
from django.db import transaction

from advisor.decisions.jobs import reconcile_runs_and_notify, start_run
from advisor.decisions.jobs.queue_notifier import job_id
from advisor.decisions.models import Decision, Run, State
from advisor.decisions.services.leases import claim_run
from advisor.decisions.services.revisions import freeze_revision
from advisor.teams.models import User, Workspace
from tests.fakes.clock import FakeClock
from tests.fakes.queue_notifiers import BrokenNotifier, FakeNotifier
from tests.rows import a_run


@pytest.mark.django_db(transaction=True)
def test_it_saves_then_notifies_once(decision: Decision, user: User) -> None:
    notifier = FakeNotifier()
    started = start_run(decision.latest(), user, idempotency_key="k", notifier=notifier)
    assert started.notified is True
    assert notifier.notified == [job_id(started.run.id, 0)]
    assert Run.objects.get().state == State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_it_notifies_only_once_the_row_is_committed(decision: Decision, user: User) -> None:
    notifier = FakeNotifier()
    with transaction.atomic():
        started = start_run(decision.latest(), user, idempotency_key="k", notifier=notifier)
        assert (started.notified, notifier.notified) == (None, [])
    assert started.notified is True


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_request_queues_nothing(decision: Decision, user: User) -> None:
    notifier = FakeNotifier()
    with pytest.raises(KeyError), transaction.atomic():
        start_run(decision.latest(), user, idempotency_key="k", notifier=notifier)
        raise KeyError
    assert (notifier.notified, Run.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [redis.ConnectionError("refused"), redis.TimeoutError("hung"), RuntimeError("odd")])
def test_a_broken_queue_leaves_the_run_saved_and_the_reconciler_queues_it(
    decision: Decision, user: User, error: Exception
) -> None:
    started = start_run(decision.latest(), user, idempotency_key="k", notifier=BrokenNotifier(error))
    assert started.notified is False
    assert Run.objects.get().state == State.QUEUED
    notifier = FakeNotifier()
    reconcile_runs_and_notify(notifier)
    assert notifier.take() == started.run.id


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_makes_one_run_and_one_job(decision: Decision, user: User) -> None:
    notifier = FakeNotifier()
    first = start_run(decision.latest(), user, idempotency_key="k", notifier=notifier)
    second = start_run(decision.latest(), user, idempotency_key="k", notifier=notifier)
    assert first.run == second.run
    assert len(notifier.waiting()) == 1


@pytest.mark.django_db(transaction=True)
def test_requesting_a_running_run_again_does_not_queue_it(decision: Decision, user: User) -> None:
    notifier = FakeNotifier()
    run = start_run(decision.latest(), user, idempotency_key="k", notifier=notifier).run
    claim_run(run.id, FakeClock().now())
    assert start_run(decision.latest(), user, idempotency_key="k", notifier=notifier).notified is True
    assert len(notifier.notified) == 1


def test_the_reconciler_queues_what_has_no_job_and_nothing_else(workspace: Workspace) -> None:
    notifier, clock = FakeNotifier(), FakeClock()
    known, lost, running = (a_run(workspace) for _ in range(3))
    claim_run(running.id, clock.now())
    notifier.notify(known.id, 0)
    reconcile_runs_and_notify(notifier, clock.now)
    assert notifier.notified == [job_id(known.id, 0), job_id(lost.id, 0)]


def test_the_reconciler_queues_a_run_whose_worker_crashed(workspace: Workspace) -> None:
    notifier, clock = FakeNotifier(), FakeClock()
    run = a_run(workspace)
    claim_run(run.id, clock.now())
    clock.move(21)
    reconcile_runs_and_notify(notifier, clock.now)
    assert notifier.notified == [job_id(run.id, 1)]


def test_rows_are_corrected_even_if_the_broker_is_gone(workspace: Workspace) -> None:
    clock = FakeClock()
    run = a_run(workspace)
    claim_run(run.id, clock.now())
    clock.move(21)
    with pytest.raises(ConnectionError):
        reconcile_runs_and_notify(BrokenNotifier(), clock.now)
    assert Run.objects.get(pk=run.pk).state == State.QUEUED


def test_what_goes_into_the_queue_is_plain_json() -> None:
    assert json.loads(json.dumps(job_id(uuid4(), 3))).endswith("-3")


def test_freezing_twice_keeps_the_first_date(decision: Decision) -> None:
    revision = decision.latest()
    freeze_revision(revision)
    first = decision.latest().frozen_at
    freeze_revision(decision.latest())
    assert decision.latest().frozen_at == first
