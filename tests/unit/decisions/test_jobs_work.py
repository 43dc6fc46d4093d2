"""What a worker does with a run, and what is written whatever happens in the engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings
from rq.exceptions import ShutDownImminentException
from rq.timeouts import JobTimeoutException

from advisor.decisions import limits
from advisor.decisions.jobs import run_simulation
from advisor.decisions.models import Decision, EngineName, Run, State
from advisor.decisions.services.leases import reconcile_runs
from advisor.decisions.services.runs import cancel_run, request_run
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput, Problem
from simulator.replications import Progress
from simulator.result import Result
from tests.fakes.clock import FakeClock
from tests.fakes.engines import Report, a_result, engine
from tests.rows import SCENARIO, a_run

pytestmark = pytest.mark.django_db(transaction=True)

Behaviour = Callable[[Report], Result | None]


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return a_run(workspace, replications=3)


def worked(run: Run, behaviour: Behaviour = lambda report: None) -> Run:
    run_simulation(str(run.id), {EngineName.KERNEL: engine(behaviour)})
    return Run.objects.get(pk=run.pk)


def test_it_stores_what_the_engine_found(run: Run) -> None:
    seen: list[object] = []
    run_simulation(str(run.id), {EngineName.KERNEL: engine(seen=seen)})
    row = Run.objects.get()
    assert (row.state, row.result, row.attempt) == (State.SUCCEEDED, a_result(SCENARIO.seed), 1)
    assert seen == [(SCENARIO, None, 3)]


@pytest.mark.parametrize("simulated_before", [False, True])
def test_a_run_that_was_asked_for_before_there_was_a_plan_gets_its_consumers(
    decision: Decision, user: User, simulated_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.decisions.services.runs.is_incomplete", lambda revision: not simulated_before)
    run = request_run(decision.latest(), user, "key")
    asked, planned, seen = run.scenario, run.scenario.with_servers(3), []
    monkeypatch.setattr("advisor.decisions.jobs.tasks.advised_scenario", lambda evaluation, trace: planned)
    run_simulation(str(run.id), {EngineName.KERNEL: engine(seen=seen)})
    assert seen == [(asked if simulated_before else planned, None, None)]
    row = Run.objects.get()
    assert (row.scenario, row.awaits_plan) == (seen[0][0], False)


def test_it_writes_progress_while_it_works(run: Run) -> None:
    seen: list[object] = []

    def behaviour(report: Report) -> None:
        report(Progress("Simulating the event-driven design", 0.4))
        seen.append(Run.objects.get().progress)

    worked(run, behaviour)
    assert seen == [Progress("Simulating the event-driven design", 0.4)]


def test_two_jobs_run_it_once(run: Run) -> None:
    calls: list[int] = []
    for _ in range(2):
        worked(run, lambda report: calls.append(1))
    assert len(calls) == 1


def test_a_second_worker_does_nothing_while_the_first_works(run: Run) -> None:
    inner: list[Run] = []
    row = worked(run, lambda report: inner.append(worked(run)))
    assert inner[0].state == State.RUNNING
    assert (row.state, row.attempt) == (State.SUCCEEDED, 1)


def test_a_cancelled_run_stops_at_its_next_progress_report(run: Run, user: User) -> None:
    reached: list[str] = []

    def behaviour(report: Report) -> None:
        cancel_run(run, user)
        report(Progress("…", 0.5))
        reached.append("beyond the cancellation")

    assert worked(run, behaviour).state == State.CANCELLED
    assert reached == []


def test_a_run_cancelled_between_progress_reports_keeps_no_result(run: Run, user: User) -> None:
    row = worked(run, lambda report: cancel_run(run, user) and None)
    assert (row.state, row.result) == (State.CANCELLED, None)


def test_work_on_a_deleted_run_ends(run: Run) -> None:
    def behaviour(report: Report) -> None:
        Run.objects.all().delete()
        report(Progress("…", 0.5))

    run_simulation(str(run.id), {EngineName.KERNEL: engine(behaviour)})
    assert not Run.objects.exists()


def test_a_run_claimed_by_another_worker_is_left_alone(run: Run) -> None:
    clock = FakeClock()

    def behaviour(report: Report) -> None:
        Run.objects.update(lease_until=clock.now())
        reconcile_runs(clock.move(1), 600)
        assert worked(run, lambda report: a_result(seed=2)).state == State.SUCCEEDED

    row = worked(run, behaviour)
    assert (row.attempt, row.result) == (2, a_result(seed=2))


def raising(error: BaseException) -> Behaviour:
    def behaviour(report: Report) -> None:
        raise error

    return behaviour


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InvalidInput([Problem("service", "is not honoured")]), "invalid_input", "service: is not honoured"),
        (MemoryError(), "out_of_memory", "memory"),
    ],
)
def test_invalid_input_fails_the_run_with_its_reason(run: Run, error: Exception, code: str, words: str) -> None:
    row = worked(run, raising(error))
    assert row.state == State.FAILED
    assert row.error is not None
    assert row.error.code == code
    assert words in row.error.text


def test_a_defect_fails_the_run_with_its_reason_and_is_raised_for_the_log(run: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        worked(run, lambda report: 1 // 0 and None)
    row = Run.objects.get()
    assert row.error == ("internal", "The simulation stopped: ZeroDivisionError: integer division or modulo by zero")


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), ShutDownImminentException("soon", {})])
def test_a_worker_that_is_stopped_releases_the_run(run: Run, error: BaseException) -> None:
    with pytest.raises(type(error)):
        worked(run, raising(error))
    row = Run.objects.get()
    assert (row.state, row.lost_leases) == (State.QUEUED, 0)
    assert worked(run).state == State.SUCCEEDED


def test_it_times_out_at_its_next_progress_report(run: Run, settings: Settings) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"run_time_limit_s": 0})
    row = worked(run, lambda report: report(Progress("…", 0.5)))
    assert row.state == State.TIMED_OUT
    assert row.error is not None
    assert "limit of 0 s" in row.error.text


def test_rqs_own_timeout_is_a_timeout_too(run: Run) -> None:
    assert worked(run, raising(JobTimeoutException())).state == State.TIMED_OUT


@contextmanager
def refusing(times: int, marker: str, error: str = "database is locked") -> Iterator[None]:
    left = times

    def execute(run_query: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if left and sql.startswith("UPDATE") and marker in (params or ()):
            left -= 1
            raise OperationalError(error)
        return run_query(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield
        assert left < times


@pytest.mark.parametrize("trouble", ["database is locked", "database or disk is full"])
def test_a_result_is_not_lost_to_a_database_in_trouble(run: Run, trouble: str) -> None:
    with refusing(2, State.SUCCEEDED, trouble):
        assert worked(run).state == State.SUCCEEDED


def test_progress_that_cannot_be_written_does_not_stop_the_work(run: Run) -> None:
    with refusing(1, "a step"):
        assert worked(run, lambda report: report(Progress("a step", 0.5))).state == State.SUCCEEDED


def test_a_result_that_cannot_be_written_leaves_the_lease_to_expire(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TERMINAL_WRITE_PATIENCE_S", -1)
    with refusing(99, State.SUCCEEDED), pytest.raises(OperationalError):
        worked(run)
    assert Run.objects.get().state == State.RUNNING
