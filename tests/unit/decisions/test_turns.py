"""Which queued task a worker takes: fair between workspaces, whatever is queued by whom."""

from datetime import UTC, datetime, timedelta
from itertools import cycle, islice, pairwise
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.decisions.jobs import run_part, run_simulation
from advisor.decisions.limits import BULK_PATIENCE, BULK_PAUSE, INTERACTIVE_RUNS
from advisor.decisions.models import Decision, EngineName, Run, State, SweepKind, SweepPart, WorkspaceQuota
from advisor.decisions.services.leases import claim_run
from advisor.decisions.services.runs import request_run
from advisor.decisions.services.turns import Level, Standing, claim_next, in_turn, place_in_queue, reached_cap
from advisor.teams.models import User, Workspace
from tests.fakes.clock import FakeClock
from tests.fakes.engines import engine
from tests.rows import a_run, a_sweep

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MANY, FEW = uuid4(), uuid4()


@pytest.fixture
def other(workspace: Workspace) -> Workspace:
    return Workspace.objects.create(name="The other team")


def taken(level: Level, times: int) -> list[UUID]:
    clock = FakeClock()
    claims = [claim_next(level, clock.move(1)) for _ in range(times)]
    return [claim.id for claim in claims if claim is not None]


def test_two_workspaces_take_turns_however_many_one_has_queued() -> None:
    order = in_turn({MANY: ["m1", "m2", "m3", "m4"], FEW: ["f1", "f2"]}, {})
    assert list(order) == ["m1", "f1", "m2", "f2", "m3", "m4"]


def test_the_one_with_less_under_way_is_next() -> None:
    assert list(in_turn({MANY: ["m1", "m2"], FEW: ["f1", "f2"]}, {MANY: Standing(1)})) == ["f1", "m1", "f2", "m2"]


def test_of_equals_the_one_served_longest_ago_is_next() -> None:
    standings = {MANY: Standing(served_at=NOON), FEW: Standing(served_at=NOON - timedelta(seconds=1))}
    assert next(in_turn({MANY: ["m1"], FEW: ["f1"]}, standings)) == "f1"


def test_a_share_of_2_gets_twice_as_many() -> None:
    order = in_turn({MANY: "m" * 9, FEW: "f" * 9}, {MANY: Standing(share=2)})
    assert sorted(islice(order, 9)) == ["f"] * 3 + ["m"] * 6


def test_a_workspace_at_its_cap_waits_and_the_others_go_on() -> None:
    order = in_turn({MANY: ["m1", "m2"], FEW: ["f1", "f2"]}, {MANY: Standing(1, most_at_once=2)})
    assert list(order) == ["f1", "m1", "f2"]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=6),
    st.integers(0, 60),
)
def test_shares_are_max_min_fair_at_any_time(teams: list[tuple[int, int, int]], workers: int) -> None:
    """What is given next goes to a workspace with the least for its share, of those that wait."""
    names = [UUID(int=number) for number in range(len(teams))]
    waiting = {name: [name] * queued for name, (queued, _, _) in zip(names, teams, strict=True)}
    standings = {
        name: Standing(under_way, share=share) for name, (_, under_way, share) in zip(names, teams, strict=True)
    }
    has = {name: standing.under_way for name, standing in standings.items()}
    left = {name: len(tasks) for name, tasks in waiting.items()}
    for name in islice(in_turn(waiting, standings), workers):
        lowest = min(has[other] / standings[other].share for other in names if left[other])
        assert has[name] / standings[name].share == lowest
        has[name] += 1
        left[name] -= 1


def test_a_team_with_one_run_does_not_wait_for_another_teams_many(workspace: Workspace, other: Workspace) -> None:
    many = [a_run(workspace).pk for _ in range(3)]
    one = a_run(other).pk
    assert taken(Level.INTERACTIVE, 5) == [many[0], one, *many[1:]]


@pytest.mark.django_db(transaction=True)
def test_a_job_of_one_run_takes_the_run_whose_turn_it_is(workspace: Workspace, other: Workspace) -> None:
    begun, waits, theirs = a_run(workspace), a_run(workspace), a_run(other)
    assert claim_run(begun.pk, NOON)
    run_simulation(str(waits.pk), {EngineName.KERNEL: engine()})
    assert [run.state for run in (Run.objects.get(pk=theirs.pk), Run.objects.get(pk=waits.pk))] == [
        State.SUCCEEDED,
        State.QUEUED,
    ]


@pytest.mark.django_db(transaction=True)
def test_maps_take_turns_too_and_a_search_goes_with_the_runs(
    decision: Decision, other: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = a_run(other).revision
    mine, of_them = a_sweep(decision.latest()), a_sweep(theirs)
    search = a_sweep(decision.latest(), kind=SweepKind.FEWEST, size=1)
    parts = [SweepPart.objects.get(pk=part).sweep_id for part in taken(Level.MAPS, 4)]
    assert parts == [mine.pk, of_them.pk, mine.pk, of_them.pk]
    worked: list[UUID] = []
    monkeypatch.setattr("advisor.decisions.jobs.tasks._work_on", lambda claimed, engines: worked.append(claimed.id))
    Run.objects.all().delete()
    run_part(str(search.parts.get().pk))
    assert worked == [search.parts.get().pk]


def test_a_live_run_that_must_wait_holds_up_no_other_run(workspace: Workspace) -> None:
    live = {"engine": EngineName.LIVE}
    under_way, waits, kernel = a_run(workspace, **live), a_run(workspace, **live), a_run(workspace)
    assert claim_run(under_way.pk, NOON)
    assert taken(Level.INTERACTIVE, 3) == [kernel.pk]
    assert Run.objects.get(pk=waits.pk).state == State.QUEUED


def test_what_a_workspace_queues_beyond_many_waits_behind_maps(decision: Decision, user: User) -> None:
    runs = [request_run(decision.latest(), user, f"key-{number}") for number in range(INTERACTIVE_RUNS + 2)]
    assert [run.is_bulk for run in runs] == [False] * INTERACTIVE_RUNS + [True] * 2
    assert taken(Level.BULK, 9) == [run.pk for run in runs[-2:]]


def test_a_page_says_the_place_by_turn(workspace: Workspace, other: Workspace) -> None:
    many = [a_run(workspace) for _ in range(3)]
    one = a_run(other)
    assert [place_in_queue(run) for run in [*many, one]] == [1, 3, 4, 2]


def test_a_workspace_at_its_cap_is_told(workspace: Workspace) -> None:
    WorkspaceQuota.objects.create(workspace=workspace, most_at_once=1)
    first, second = a_run(workspace), a_run(workspace)
    assert reached_cap(workspace) is None
    assert taken(Level.INTERACTIVE, 2) == [first.pk]
    assert reached_cap(workspace) == 1
    assert place_in_queue(second) == 1


def bulk_run(workspace: Workspace, created_at: datetime) -> Run:
    run = a_run(workspace, is_bulk=True)
    Run.objects.filter(pk=run.pk).update(created_at=created_at)
    return run


def test_a_bulk_run_that_has_waited_for_long_goes_with_the_interactive_ones(
    workspace: Workspace, other: Workspace
) -> None:
    now = timezone.now()
    patient, impatient = (bulk_run(workspace, now - BULK_PATIENCE + timedelta(seconds=late)) for late in (-1, 60))
    theirs = bulk_run(other, now - BULK_PATIENCE)
    asked = a_run(workspace)
    assert [place_in_queue(run) for run in (patient, theirs, asked, impatient)] == [1, 2, 3, 3]
    claims = [claim_next(Level.INTERACTIVE, now) for _ in range(4)]
    assert [claim and claim.id for claim in claims] == [patient.pk, theirs.pk, asked.pk, None]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("notified", ["a run", "a part of a map"])
def test_a_job_that_took_an_aged_bulk_run_leaves_its_job_for_what_it_was_about(
    decision: Decision, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, notified: str
) -> None:
    worked: list[UUID] = []
    monkeypatch.setattr("advisor.decisions.jobs.tasks._work_on", lambda claimed, engines: worked.append(claimed.id))
    aged = bulk_run(workspace, timezone.now() - 2 * BULK_PATIENCE)
    part = a_sweep(decision.latest(), size=1).parts.get()
    task = a_run(workspace) if notified == "a run" else part
    (run_simulation if notified == "a run" else run_part)(str(task.pk))
    run_simulation(str(aged.pk))
    assert worked == [aged.pk, task.pk]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    workers=st.integers(1, 3),
    bulk=st.integers(1, 4),
    run_s=st.lists(st.integers(5, 150), min_size=4, max_size=8),
)
def test_under_a_steady_flow_each_bulk_run_starts_within_its_bound_and_people_go_on(
    workspace: Workspace, workers: int, bulk: int, run_s: list[int]
) -> None:
    """Interactive runs always wait. No bulk run precedes them before its patience ends, two are never next to each other in time, and the k-th
    starts when k patiences, pauses and longest runs of each kind have gone by."""
    Run.objects.all().delete()
    clock, lasts = FakeClock(timezone.now()), cycle(run_s)
    begun = clock.now()
    waiting = [bulk_run(workspace, begun).pk for _ in range(bulk)]
    left = dict.fromkeys(range(workers), begun)
    held: dict[int, UUID] = {}
    starts: list[tuple[datetime, UUID]] = []
    while len({pk for _, pk in starts} & set(waiting)) < bulk:
        worker = min(left, key=lambda each: left[each])
        clock.time = max(clock.now(), left[worker])
        if worker in held:
            ended = Run.objects.filter(pk=held.pop(worker))
            ended.update(state=State.CANCELLED, lease_until=None, finished_at=clock.now())
        Run.objects.filter(pk=a_run(workspace).pk).update(created_at=clock.now())
        claim = claim_next(Level.INTERACTIVE, clock.now())
        assert claim is not None
        starts.append((clock.now(), claim.id))
        held[worker], left[worker] = claim.id, clock.now() + timedelta(seconds=next(lasts))
        assert len(starts) < 300, "a bulk run does not start"
    bulk_starts = [at for at, pk in starts if pk in waiting]
    longest = timedelta(seconds=max(run_s))
    for number, at in enumerate(bulk_starts, 1):
        assert at >= begun + BULK_PATIENCE
        assert at <= begun + BULK_PATIENCE + number * (BULK_PAUSE + 2 * longest)
    for before, after in pairwise(bulk_starts):
        assert after - before >= BULK_PAUSE
        assert any(before < at < after and pk not in waiting for at, pk in starts)
