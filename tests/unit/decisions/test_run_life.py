"""The lease of a run: claimed, renewed, ended, released, expired."""

from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied

from advisor.decisions.limits import LEASE
from advisor.decisions.models import TERMINAL, Run, State
from advisor.decisions.services.leases import RunLease, claim_run, reconcile_runs, take_back
from advisor.decisions.services.runs import cancel_run
from advisor.decisions.services.turns import place_in_queue
from advisor.teams.models import User, Workspace
from simulator.replications import Progress
from tests.fakes.clock import FakeClock
from tests.fakes.engines import a_result
from tests.rows import a_run

LIMIT_S = 600.0
HALFWAY = Progress("Simulating the synchronous design", 0.5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return a_run(workspace)


def claimed(run: Run, clock: FakeClock) -> int:
    attempt = claim_run(run.id, clock.now(), "host:1")
    assert attempt is not None
    return attempt


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def test_of_two_workers_one_gets_the_run(run: Run, clock: FakeClock) -> None:
    assert claim_run(run.id, clock.now(), "host:1") == 1
    assert claim_run(run.id, clock.now(), "host:2") is None
    assert fresh(run).worker == "host:1"


def test_a_run_that_does_not_exist_cannot_be_claimed(db: None, clock: FakeClock) -> None:
    assert claim_run(uuid4(), clock.now()) is None


def test_it_finishes_with_its_result(run: Run, clock: FakeClock) -> None:
    attempt = claimed(run, clock)
    assert RunLease(run.id, attempt).record(clock.now(), 3, HALFWAY)
    assert fresh(run).progress == HALFWAY
    assert fresh(run).remaining_s == pytest.approx(3)
    assert RunLease(run.id, attempt).finish(clock.move(1), a_result(seed=7))
    ended = fresh(run)
    assert (ended.state, ended.result, ended.progress.fraction) == (State.SUCCEEDED, a_result(seed=7), 1)
    assert ended.error is None


def test_it_fails_with_its_reason_cleaned_for_storage(run: Run, clock: FakeClock) -> None:
    attempt = claimed(run, clock)
    assert RunLease(run.id, attempt).fail(clock.now(), "internal", "broke\x00 at\n\ud800 " + "x" * 1000)
    error = fresh(run).error
    assert error is not None
    assert error.code == "internal"
    assert error.text.startswith("broke at x")
    assert len(error.text) == 500


def test_progress_is_clamped_to_a_share(run: Run, clock: FakeClock) -> None:
    attempt = claimed(run, clock)
    RunLease(run.id, attempt).record(clock.now(), 1, Progress("s" * 500, 1.7))
    assert fresh(run).progress == Progress("s" * 120, 1.0)


@pytest.mark.parametrize("end", ["finish", "fail", "time out", "cancel"])
def test_an_end_is_final(run: Run, user: User, clock: FakeClock, end: str) -> None:
    attempt = claimed(run, clock)
    ends = {
        "finish": lambda: RunLease(run.id, attempt).finish(clock.now(), a_result()),
        "fail": lambda: RunLease(run.id, attempt).fail(clock.now(), "code", "text"),
        "time out": lambda: RunLease(run.id, attempt).time_out(clock.now(), LIMIT_S),
        "cancel": lambda: cancel_run(run, user),
    }
    assert ends[end]()
    before = fresh(run)
    assert before.state in TERMINAL
    assert not any(another() for another in ends.values())
    assert not RunLease(run.id, attempt).release()
    assert not RunLease(run.id, attempt).renew(clock.now(), 1)
    assert not RunLease(run.id, attempt).record(clock.now(), 1, HALFWAY)
    assert claim_run(run.id, clock.now()) is None
    reconcile_runs(clock.move(86_400), LIMIT_S)
    after = fresh(run)
    assert (after.state, after.result_json, after.finished_at) == (before.state, before.result_json, before.finished_at)


def test_an_earlier_attempt_cannot_write_after_a_later_claim(run: Run, clock: FakeClock) -> None:
    first = claimed(run, clock)
    reconcile_runs(clock.move(LEASE.total_seconds() + 1), LIMIT_S)
    second = claimed(run, clock)
    assert second == first + 1
    before = Run.objects.filter(pk=run.pk).values().get()
    assert not RunLease(run.id, first).renew(clock.now(), 99)
    assert not RunLease(run.id, first).record(clock.now(), 99, HALFWAY)
    assert not RunLease(run.id, first).finish(clock.now(), a_result())
    assert not RunLease(run.id, first).fail(clock.now(), "code", "text")
    assert not RunLease(run.id, first).time_out(clock.now(), LIMIT_S)
    assert not RunLease(run.id, first).release()
    assert Run.objects.filter(pk=run.pk).values().get() == before
    assert RunLease(run.id, second).finish(clock.now(), a_result())


def test_a_lease_that_is_extended_does_not_run_out(run: Run, clock: FakeClock) -> None:
    attempt = claimed(run, clock)
    for beat in range(20):
        assert RunLease(run.id, attempt).renew(clock.move(5), beat * 5)
        assert reconcile_runs(clock.now(), LIMIT_S).retried == 0
    assert fresh(run).state == State.RUNNING


def test_the_first_crash_queues_it_again_and_the_second_fails_it(run: Run, clock: FakeClock) -> None:
    claimed(run, clock)
    assert reconcile_runs(clock.move(21), LIMIT_S).retried == 1
    assert (fresh(run).state, fresh(run).progress_step) == (State.QUEUED, "Worker died or hung, retrying")
    claimed(run, clock)
    assert reconcile_runs(clock.move(21), LIMIT_S).failed == 1
    error = fresh(run).error
    assert error is not None
    assert error.code == "worker_died"


def test_a_run_whose_worker_was_killed_twice_says_how(run: Run, clock: FakeClock) -> None:
    killed = "was killed by signal 9 (SIGKILL)"
    claimed(run, clock)
    assert take_back("host:2", killed, clock.now()).retried == 0
    assert take_back("host:1", killed, clock.now()).retried == 1
    assert (fresh(run).state, fresh(run).progress_step) == (State.QUEUED, f"Worker {killed}, retrying")
    claimed(run, clock)
    assert take_back("host:1", killed, clock.now()).failed == 1
    error = fresh(run).error
    assert error is not None
    assert f"The worker {killed} twice on this simulation. A system ends processes in this way if memory" in error.text


def test_a_stopped_worker_does_not_count_as_a_crash(run: Run, clock: FakeClock) -> None:
    for _ in range(5):
        assert RunLease(run.id, claimed(run, clock)).release()
    claimed(run, clock)
    assert reconcile_runs(clock.move(21), LIMIT_S).retried == 1


def test_a_run_times_out_by_its_workers_clock(run: Run, clock: FakeClock) -> None:
    attempt = claimed(run, clock)
    RunLease(run.id, attempt).renew(clock.move(3600), 10)
    assert reconcile_runs(clock.now(), LIMIT_S).ended == 0
    RunLease(run.id, attempt).renew(clock.now(), LIMIT_S + 1)
    assert reconcile_runs(clock.now(), LIMIT_S).ended == 1
    assert fresh(run).state == State.TIMED_OUT


def test_a_clock_set_back_by_an_hour_shortens_leases(run: Run, clock: FakeClock) -> None:
    claimed(run, clock)
    clock.move(-3600)
    reconcile_runs(clock.now(), LIMIT_S)
    assert reconcile_runs(clock.move(21), LIMIT_S).retried == 1


def test_waiting_runs_are_listed_oldest_first(workspace: Workspace, clock: FakeClock) -> None:
    runs = [a_run(workspace) for _ in range(3)]
    claimed(runs[1], clock)
    assert reconcile_runs(clock.now(), LIMIT_S).waiting == ((runs[0].id, 0, "run"), (runs[2].id, 0, "run"))


def test_the_position_counts_the_runs_queued_before(workspace: Workspace, clock: FakeClock) -> None:
    runs = [a_run(workspace) for _ in range(3)]
    assert [place_in_queue(run) for run in runs] == [1, 2, 3]
    claimed(runs[0], clock)
    assert [place_in_queue(fresh(run)) for run in runs] == [None, 1, 2]


def test_cancelling_takes_effect_at_once_queued_or_running(workspace: Workspace, bob: User, clock: FakeClock) -> None:
    queued, running = a_run(workspace), a_run(workspace)
    attempt = claimed(running, clock)
    RunLease(running.id, attempt).record(clock.now(), 1, HALFWAY)
    assert cancel_run(queued, bob)
    assert cancel_run(running, bob)
    assert {fresh(queued).state, fresh(running).state} == {State.CANCELLED}
    assert fresh(running).progress == HALFWAY
    assert claim_run(queued.id, clock.now()) is None


def test_a_viewer_cannot_cancel_a_run(run: Run, vera: User, charlie: User) -> None:
    for person in (vera, charlie):
        with pytest.raises(PermissionDenied):
            cancel_run(run, person)
    assert fresh(run).state == State.QUEUED
