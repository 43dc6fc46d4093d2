"""Starting a run, and the bell: it may be broken, and nobody may suffer from it."""

import json
from uuid import uuid4

import pytest
import redis
from django.db import transaction

from advisor.decisions.jobs import reconcile_and_ring, start
from advisor.decisions.jobs.doorbell import job_id
from advisor.decisions.models import Decision, Run, State
from advisor.decisions.services.revisions import freeze_revision
from advisor.decisions.services.run_lease import claim_run
from advisor.teams.models import User, Workspace
from tests.fakes.clock import FakeClock
from tests.fakes.doorbells import BrokenDoorbell, FakeDoorbell
from tests.rows import a_run


@pytest.mark.django_db(transaction=True)
def test_it_saves_then_rings_once(decision: Decision, user: User) -> None:
    bell = FakeDoorbell()
    started = start(decision.latest(), user, idempotency_key="k", bell=bell)
    assert started.rung is True
    assert bell.rung == [job_id(started.run.id, 0)]
    assert Run.objects.get().state == State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_it_rings_only_once_the_row_is_committed(decision: Decision, user: User) -> None:
    bell = FakeDoorbell()
    with transaction.atomic():
        started = start(decision.latest(), user, idempotency_key="k", bell=bell)
        assert (started.rung, bell.rung) == (None, [])
    assert started.rung is True


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_request_rings_for_nobody(decision: Decision, user: User) -> None:
    bell = FakeDoorbell()
    with pytest.raises(KeyError), transaction.atomic():
        start(decision.latest(), user, idempotency_key="k", bell=bell)
        raise KeyError
    assert (bell.rung, Run.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [redis.ConnectionError("refused"), redis.TimeoutError("hung"), RuntimeError("odd")])
def test_a_broken_bell_leaves_the_run_saved_and_the_reconciler_rings(
    decision: Decision, user: User, error: Exception
) -> None:
    started = start(decision.latest(), user, idempotency_key="k", bell=BrokenDoorbell(error))
    assert started.rung is False
    assert Run.objects.get().state == State.QUEUED
    bell = FakeDoorbell()
    reconcile_and_ring(bell)
    assert bell.take() == started.run.id


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_makes_one_run_and_one_job(decision: Decision, user: User) -> None:
    bell = FakeDoorbell()
    first = start(decision.latest(), user, idempotency_key="k", bell=bell)
    second = start(decision.latest(), user, idempotency_key="k", bell=bell)
    assert first.run == second.run
    assert len(bell.waiting()) == 1


@pytest.mark.django_db(transaction=True)
def test_asking_again_for_a_run_that_is_under_way_rings_no_more(decision: Decision, user: User) -> None:
    bell = FakeDoorbell()
    run = start(decision.latest(), user, idempotency_key="k", bell=bell).run
    claim_run(run.id, FakeClock().now())
    assert start(decision.latest(), user, idempotency_key="k", bell=bell).rung is True
    assert len(bell.rung) == 1


def test_the_reconciler_rings_for_what_has_no_job_and_for_nothing_else(workspace: Workspace) -> None:
    bell, clock = FakeDoorbell(), FakeClock()
    known, lost, running = (a_run(workspace) for _ in range(3))
    claim_run(running.id, clock.now())
    bell.ring(known.id, 0)
    reconcile_and_ring(bell, clock.now)
    assert bell.rung == [job_id(known.id, 0), job_id(lost.id, 0)]


def test_the_reconciler_rings_anew_for_a_run_whose_worker_died(workspace: Workspace) -> None:
    bell, clock = FakeDoorbell(), FakeClock()
    run = a_run(workspace)
    claim_run(run.id, clock.now())
    clock.move(21)
    reconcile_and_ring(bell, clock.now)
    assert bell.rung == [job_id(run.id, 1)]


def test_the_rows_are_set_right_even_when_the_broker_is_gone(workspace: Workspace) -> None:
    clock = FakeClock()
    run = a_run(workspace)
    claim_run(run.id, clock.now())
    clock.move(21)
    with pytest.raises(ConnectionError):
        reconcile_and_ring(BrokenDoorbell(), clock.now)
    assert Run.objects.get(pk=run.pk).state == State.QUEUED


def test_what_goes_into_the_queue_is_plain_json() -> None:
    assert json.loads(json.dumps(job_id(uuid4(), 3))).endswith("-3")


def test_freezing_twice_keeps_the_first_date(decision: Decision) -> None:
    revision = decision.latest()
    freeze_revision(revision)
    first = decision.latest().frozen_at
    freeze_revision(decision.latest())
    assert decision.latest().frozen_at == first
