"""A crossover map: requested, split into parts, simulated, cancelled, taken from crashed workers."""

from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from pytest_django import Settings

from advisor.decisions import limits
from advisor.decisions.errors import TooManyTasks
from advisor.decisions.jobs import reconcile_sweeps_and_notify, run_part, start_sweep
from advisor.decisions.models import Decision, PartState, Sweep, SweepPart, SweepState
from advisor.decisions.services import leases, sweeps
from advisor.decisions.services.leases import PartLease, claim_part, end_complete, worker_name
from advisor.decisions.services.sweeps import SweepRequest, cancel_sweep, read_cells, request_sweep
from advisor.server.watchdog import give_up_leases, held_by, holders_on_this_host
from advisor.sweeps import cells
from advisor.sweeps.cells import simulate_cell
from advisor.sweeps.contract import Cell, GoodShare, SweepAxis
from advisor.sweeps.grid import GridPoint
from advisor.sweeps.refinement import filled, kind_of_estimate
from advisor.teams.models import User
from core.errors import InvalidInput
from tests.fakes.clock import FakeClock
from tests.fakes.queue_notifiers import BrokenNotifier, FakeNotifier
from tests.rows import a_sweep

pytestmark = pytest.mark.usefixtures("connection_of_the_test")

ASKED = SweepRequest(
    SweepAxis.from_steps("processing.p95_s", 10, 80, 3),
    SweepAxis.from_steps("volume.mean_rate_per_s", 0.2, 1, 2, "y"),
    jobs=1_000,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sweep(decision: Decision, user: User, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    monkeypatch.setattr(limits, "PART_JOBS", 1)
    return request_sweep(decision.latest(), user, ASKED, "a-key")


def parts(sweep: Sweep) -> list[SweepPart]:
    return list(sweep.parts.order_by("first"))


def state(sweep: Sweep) -> str:
    return Sweep.objects.get(pk=sweep.pk).state


def claimed(part: SweepPart, now: datetime) -> int:
    attempt = claim_part(part.pk, now, "host:1")
    assert attempt is not None
    return attempt


def test_it_is_queued_in_parts_that_cover_every_cell_once_and_freezes_its_revision(
    decision: Decision, user: User
) -> None:
    sweep = request_sweep(decision.latest(), user, replace(ASKED, jobs=20_000), "k")
    covered = [place for part in parts(sweep) for place in range(part.first, part.first + part.cells)]
    assert covered == list(range(6))
    assert (sweep.size, sweep.state) == (6, SweepState.QUEUED)
    assert decision.latest().frozen_at is not None
    assert list(sweep.grid.points()) == [(x, y) for y in (0.2, 1.0) for x in (10.0, 45.0, 80.0)]


def test_the_same_key_is_the_same_sweep_and_another_revisions_key_is_refused(
    sweep: Sweep, decision: Decision, user: User
) -> None:
    assert request_sweep(decision.latest(), user, ASKED, "a-key") == sweep
    assert SweepPart.objects.count() == 6
    other = decision.revisions.create(number=2, answers_json="{}", recommendation_json="{}")
    with pytest.raises(InvalidInput, match="another map"):
        request_sweep(other, user, ASKED, "a-key")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            replace(ASKED, jobs=1_000_000, x=SweepAxis.from_steps("processing.p95_s", 10, 80, 61), y=None),
            "over the limit of 500 million",
        ),
        (replace(ASKED, jobs=10), "1,000 to 1,000,000"),
        (replace(ASKED, y=SweepAxis.from_steps("processing.p95_s", 10, 80, 3)), "varied by x already"),
        (replace(ASKED, y=SweepAxis.from_steps("processing.p50_s", 10, 79, 3)), "at processing.p95_s"),
    ],
)
def test_what_is_too_large_or_contradicts_itself_is_refused_with_a_sentence(
    decision: Decision, user: User, asked: SweepRequest, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        request_sweep(decision.latest(), user, asked, "k")
    assert Sweep.objects.count() == 0
    assert decision.latest().frozen_at is None


def test_a_workspace_may_have_a_limited_number_under_way(sweep: Sweep, decision: Decision, user: User) -> None:
    for _ in range(1, limits.UNFINISHED_SWEEPS_CAP):
        a_sweep(sweep.revision)
    with pytest.raises(TooManyTasks):
        request_sweep(decision.latest(), user, ASKED, "another")
    cancel_sweep(sweep, user)
    assert request_sweep(decision.latest(), user, ASKED, "another").active


def test_a_viewer_may_neither_start_nor_cancel(sweep: Sweep, decision: Decision, vera: User) -> None:
    with pytest.raises(PermissionDenied):
        request_sweep(decision.latest(), vera, ASKED, "k")
    with pytest.raises(PermissionDenied):
        cancel_sweep(sweep, vera)


def test_of_two_workers_one_gets_a_part_and_a_late_write_has_no_effect(sweep: Sweep, clock: FakeClock) -> None:
    part = parts(sweep)[0]
    first = claimed(part, clock.now())
    assert claim_part(part.pk, clock.now()) is None
    assert state(sweep) == SweepState.RUNNING
    assert PartLease(part.pk, first).release()
    second = claimed(part, clock.now())
    assert not PartLease(part.pk, first).finish(clock.now(), "[1]")
    assert not PartLease(part.pk, first).renew(clock.now(), 1)
    assert PartLease(part.pk, second).finish(clock.now(), "[]")


def test_the_part_finished_last_ends_the_map(sweep: Sweep, clock: FakeClock) -> None:
    *others, last = reversed(parts(sweep))
    for part in others:
        PartLease(part.pk, claimed(part, clock.now())).finish(clock.now(), "[]")
    assert state(sweep) == SweepState.RUNNING
    assert end_complete(clock.now(), Sweep.objects.all()) == 0
    PartLease(last.pk, claimed(last, clock.now())).finish(clock.now(), "[]")
    assert state(sweep) == SweepState.SUCCEEDED


def test_the_reconciler_ends_a_map_whose_worker_crashed_after_the_last_part(
    sweep: Sweep, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(leases, "end_complete", lambda *_: 0)
        for part in parts(sweep):
            PartLease(part.pk, claimed(part, clock.now())).finish(clock.now(), "[]")
    assert state(sweep) == SweepState.RUNNING
    assert reconcile_sweeps_and_notify(FakeNotifier(), clock.now).ended == 1
    assert state(sweep) == SweepState.SUCCEEDED


REFINED = SweepRequest(
    SweepAxis.from_steps("processing.p95_s", 10, 110, 26),
    SweepAxis.from_steps("volume.mean_rate_per_s", 0.2, 2.7, 26, "y"),
    jobs=1_000,
)


def cell_of(point: GridPoint) -> Cell:
    """Of a model in which the synchronous design meets the deadline below a slope."""
    x, y = point
    share = GoodShare(good_share=1.0 if x + 40 * (y or 0) < 80 else 0.9, low=0, high=1)
    shares = {"synchronous": share, "event_driven": share}
    return Cell.model_validate(
        {"x": x, "y": y, "style": "synchronous", "verdict": "unresolved", "margin": share.good_share - 0.99} | shares
    )


def test_after_the_coarse_grid_the_blocks_in_which_the_answer_changes_are_queued_once_and_the_map_ends_after_them(
    decision: Decision, user: User, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "simulate_cell", lambda grid, point, *_: cell_of(point))
    monkeypatch.setattr(sweeps, "simulate_cell", lambda grid, point, *_: cell_of(point))
    sweep = request_sweep(decision.latest(), user, REFINED, "refined")
    assert (sweep.coarse_step, sweep.size) == (2, 14 * 14)
    coarse = parts(sweep)
    for part in coarse:
        run_part(str(part.pk))
    refining = parts(sweep)[len(coarse) :]
    assert state(sweep) == SweepState.RUNNING and refining
    assert len(refining) < 40
    assert end_complete(clock.now(), Sweep.objects.all()) == 0
    assert parts(sweep) == [*coarse, *refining]
    for part in refining:
        run_part(str(part.pk))
    assert state(sweep) == SweepState.SUCCEEDED
    drawn = read_cells(sweep)
    assert filled(drawn) == {
        index: kind_of_estimate(cell_of((drawn.x.values[index[0]], REFINED.y.values[index[1]])))
        for index in product(range(26), repeat=2)
        if REFINED.y
    }


def test_a_map_of_one_answer_everywhere_ends_with_its_coarse_grid(
    decision: Decision, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sweeps,
        "simulate_cell",
        lambda grid, point, *_: cell_of((0.0, 0.0)).model_copy(update={"x": point[0], "y": point[1]}),
    )
    sweep = request_sweep(decision.latest(), user, REFINED, "refined")
    for part in parts(sweep):
        run_part(str(part.pk))
    assert state(sweep) == SweepState.SUCCEEDED


def test_a_lease_that_ran_out_is_retried_once_then_fails_the_map(sweep: Sweep, clock: FakeClock) -> None:
    part, notifier = parts(sweep)[0], FakeNotifier()
    claimed(part, clock.now())
    clock.move(19)
    assert reconcile_sweeps_and_notify(notifier, clock.now).retried == 0
    clock.move(2)
    assert reconcile_sweeps_and_notify(notifier, clock.now).retried == 1
    assert f"{part.pk}-1" in notifier.notified
    attempt = claimed(part, clock.now())
    clock.move(15)
    assert PartLease(part.pk, attempt).renew(clock.now(), 1)
    clock.move(15)
    assert reconcile_sweeps_and_notify(notifier, clock.now).failed == 0
    clock.move(6)
    assert reconcile_sweeps_and_notify(notifier, clock.now).failed == 1
    failed = Sweep.objects.get(pk=sweep.pk)
    assert failed.state == SweepState.FAILED
    assert "twice" in failed.error_text
    assert claim_part(parts(sweep)[1].pk, clock.now()) is None


def test_a_crash_is_shown_until_the_map_continues(sweep: Sweep, clock: FakeClock) -> None:
    part = parts(sweep)[0]
    claimed(part, clock.now())
    clock.move(21)
    reconcile_sweeps_and_notify(FakeNotifier(), clock.now)
    assert Sweep.objects.get(pk=sweep.pk).progress_step == "Worker died or hung, retrying"
    PartLease(part.pk, claimed(part, clock.now())).finish(clock.now(), "[]")
    assert Sweep.objects.get(pk=sweep.pk).progress_step == ""


def test_cells_past_the_time_limit_fail_the_map_and_say_so(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"run_time_limit_s": -1})
    run_part(str(parts(sweep)[0].pk))
    failed = Sweep.objects.get(pk=sweep.pk)
    assert failed.state == SweepState.FAILED
    assert "Some cells were not done within the limit" in failed.error_text


def test_the_watchdog_knows_which_process_holds_which_part(sweep: Sweep, user: User, clock: FakeClock) -> None:
    part = parts(sweep)[0]
    attempt = claim_part(part.pk, clock.now(), worker_name(77))
    assert held_by([77, 78]) == {77: f"{part.pk} {attempt}"}
    assert 77 in holders_on_this_host()
    give_up_leases({77: "was killed by signal 9 (SIGKILL)"})
    part.refresh_from_db()
    assert (part.state, part.lost_leases) == (PartState.QUEUED, 1)
    assert Sweep.objects.get(pk=sweep.pk).progress_step == "Worker was killed by signal 9 (SIGKILL), retrying"
    claim_part(part.pk, clock.now(), worker_name(77))
    cancel_sweep(sweep, user)
    assert held_by([77]) == {}


def test_a_clock_set_back_does_not_extend_the_lease_of_a_crashed_worker(sweep: Sweep, clock: FakeClock) -> None:
    claimed(parts(sweep)[0], clock.now())
    clock.move(-3600)
    reconcile_sweeps_and_notify(FakeNotifier(), clock.now)
    clock.move(21)
    assert reconcile_sweeps_and_notify(FakeNotifier(), clock.now).retried == 1


def test_it_notifies_once_of_parts_without_a_job(sweep: Sweep, clock: FakeClock) -> None:
    notifier, (running, known, *silent) = FakeNotifier(), parts(sweep)
    claimed(running, clock.now())
    notifier.notify(known.pk, 0)
    for _ in range(2):
        reconcile_sweeps_and_notify(notifier, clock.now)
    assert notifier.notified == [f"{part.pk}-0" for part in (known, *silent)]


@pytest.mark.django_db(transaction=True)
def test_starting_notifies_of_every_part_and_a_lost_notification_is_safe(decision: Decision, user: User) -> None:
    notifier = FakeNotifier()
    sweep = start_sweep(decision.latest(), user, ASKED, idempotency_key="k", notifier=notifier)
    assert len(notifier.notified) == sweep.parts.count() > 0
    start_sweep(decision.latest(), user, ASKED, idempotency_key="k", notifier=notifier)
    assert len(notifier.waiting()) == sweep.parts.count()
    silent = start_sweep(decision.latest(), user, ASKED, idempotency_key="other", notifier=BrokenNotifier())
    assert silent.state == SweepState.QUEUED


def test_cancel_keeps_what_is_done_and_what_still_runs_is_dropped(sweep: Sweep, user: User, clock: FakeClock) -> None:
    done, running, queued, *_ = parts(sweep)
    run_part(str(done.pk))
    attempt = claimed(running, clock.now())
    assert cancel_sweep(sweep, user)
    assert not cancel_sweep(sweep, user)
    assert not PartLease(running.pk, attempt).finish(clock.now(), "[]")
    run_part(str(queued.pk))
    assert len(read_cells(sweep).cells) == 1
    assert reconcile_sweeps_and_notify(FakeNotifier(), clock.now).waiting == ()
    assert state(sweep) == SweepState.CANCELLED


def test_a_worker_stops_in_the_middle_of_a_cell_of_a_cancelled_map(
    sweep: Sweep, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def cell(grid: Any, point: Any, trace: Any, look: Any) -> Any:
        seen.append(point)
        cancel_sweep(sweep, user)
        look(None)
        pytest.fail("it went on")

    monkeypatch.setattr(sweeps, "simulate_cell", cell)
    run_part(str(parts(sweep)[0].pk))
    assert len(seen) == 1


@pytest.mark.slow
def test_workers_store_what_the_simulator_returns_for_each_cell(sweep: Sweep) -> None:
    for part in reversed(parts(sweep)):
        for _ in range(2):
            run_part(str(part.pk))
    result = read_cells(Sweep.objects.get(pk=sweep.pk))
    assert result.cells == tuple(simulate_cell(sweep.grid, point) for point in sweep.grid.points())
    assert state(sweep) == SweepState.SUCCEEDED
    assert {part.state for part in parts(sweep)} == {PartState.DONE}
    assert {part.attempt for part in parts(sweep)} == {1}


@pytest.mark.parametrize("error", [MemoryError("too many jobs are in the system"), ZeroDivisionError("by zero")])
def test_a_cell_that_cannot_be_simulated_fails_the_map_with_the_reason(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def cell(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(sweeps, "simulate_cell", cell)
    try:
        run_part(str(parts(sweep)[0].pk))
    except ZeroDivisionError:
        assert isinstance(error, ZeroDivisionError)
    failed = Sweep.objects.get(pk=sweep.pk)
    assert failed.state == SweepState.FAILED
    assert str(error) in failed.error_text


def test_a_worker_that_is_stopped_releases_its_part(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def cell(*_: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(sweeps, "simulate_cell", cell)
    with pytest.raises(SystemExit):
        run_part(str(parts(sweep)[0].pk))
    part = parts(sweep)[0]
    assert (part.state, part.lost_leases) == (PartState.QUEUED, 0)
