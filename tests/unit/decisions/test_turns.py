"""Which queued task a worker takes: fair between workspaces, whatever is queued by whom."""

from datetime import UTC, datetime, timedelta
from itertools import cycle, islice, pairwise
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.decisions.jobs import run_part, run_simulation
from advisor.decisions.limits import BULK_PATIENCE, BULK_PAUSE, INTERACTIVE_RUNS, MAP_PATIENCE, MAP_PAUSE
from advisor.decisions.models import (
    Decision,
    EngineName,
    PartState,
    Run,
    State,
    Sweep,
    SweepKind,
    SweepPart,
    WorkspaceQuota,
)
from advisor.decisions.services.leases import PartLease, claim_run
from advisor.decisions.services.runs import request_run
from advisor.decisions.services.turns import (
    Claimed,
    Level,
    Standing,
    TaskKind,
    claim_next,
    in_turn,
    place_in_queue,
    reached_cap,
)
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
    assert [place_in_queue(run) for run in (patient, theirs, asked, impatient)] == [1, 2, 3, 4]
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


def end(claim: Claimed, now: datetime) -> None:
    if claim.kind == TaskKind.PART:
        done = {"state": PartState.DONE, "cells_json": "[]", "lease_until": None, "finished_at": now}
        SweepPart.objects.filter(pk=claim.id).update(**done)
    else:
        Run.objects.filter(pk=claim.id).update(state=State.CANCELLED, lease_until=None, finished_at=now)


def under_steady_flow(
    people: Workspace, begun: datetime, workers: int, task_s: list[int], waiting: set[UUID]
) -> list[tuple[datetime, UUID]]:
    """What workers start, and when, until they have started all that waits, while interactive runs of a workspace always wait, too."""
    clock, lasts = FakeClock(begun), cycle(task_s)
    left = dict.fromkeys(range(workers), begun)
    held: dict[int, Claimed] = {}
    starts: list[tuple[datetime, UUID]] = []
    while not waiting <= {pk for _, pk in starts} and len(starts) < 300:
        worker = min(left, key=lambda each: left[each])
        clock.time = max(clock.now(), left[worker])
        if worker in held:
            end(held.pop(worker), clock.now())
        Run.objects.filter(pk=a_run(people).pk).update(created_at=clock.now())
        claim = claim_next(Level.INTERACTIVE, clock.now())
        assert claim is not None
        starts.append((clock.now(), claim.id))
        held[worker], left[worker] = claim, clock.now() + timedelta(seconds=next(lasts))
    return starts


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
    begun = timezone.now()
    waiting = {bulk_run(workspace, begun).pk for _ in range(bulk)}
    starts = under_steady_flow(workspace, begun, workers, run_s, waiting)
    bulk_starts = [at for at, pk in starts if pk in waiting]
    assert len(bulk_starts) == bulk, "a bulk run does not start"
    longest = timedelta(seconds=max(run_s))
    for number, at in enumerate(bulk_starts, 1):
        assert at >= begun + BULK_PATIENCE
        assert at <= begun + BULK_PATIENCE + number * (BULK_PAUSE + 2 * longest)
    for before, after in pairwise(bulk_starts):
        assert after - before >= BULK_PAUSE
        assert any(before < at < after and pk not in waiting for at, pk in starts)


def start_afresh(workspace: Workspace) -> None:
    """For the next example."""
    Workspace.objects.exclude(pk=workspace.pk).delete()
    for rows in (WorkspaceQuota, Run, Sweep):
        rows.objects.all().delete()


def map_of(workspace: Workspace, created_at: datetime, parts: int) -> set[UUID]:
    sweep = a_sweep(a_run(workspace, state=State.CANCELLED, finished_at=created_at).revision, size=3 * parts)
    Sweep.objects.filter(pk=sweep.pk).update(created_at=created_at)
    return set(sweep.parts.values_list("pk", flat=True))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    workers=st.integers(1, 2),
    parts=st.integers(1, 4),
    task_s=st.lists(st.integers(15, 60), min_size=4, max_size=8),
    is_their_own=st.booleans(),
)
def test_under_a_steady_flow_each_part_of_a_map_starts_within_its_bound_and_people_go_on(
    workspace: Workspace, workers: int, parts: int, task_s: list[int], is_their_own: bool
) -> None:
    """As for bulk runs, whether the interactive runs are of the map's workspace or of another."""
    start_afresh(workspace)
    begun = timezone.now()
    waiting = map_of(workspace, begun, parts)
    people = workspace if is_their_own else Workspace.objects.create(name="The other team")
    starts = under_steady_flow(people, begun, workers, task_s, waiting)
    part_starts = [at for at, pk in starts if pk in waiting]
    assert len(part_starts) == parts, "a part does not start"
    longest = timedelta(seconds=max(task_s))
    for number, at in enumerate(part_starts, 1):
        assert at >= begun + MAP_PATIENCE
        assert at <= begun + MAP_PATIENCE + number * (MAP_PAUSE + 2 * longest)
    for before, after in pairwise(part_starts):
        assert after - before >= MAP_PAUSE
        assert any(before <= at < after and pk not in waiting for at, pk in starts)


def test_a_part_that_has_just_ended_makes_its_workspace_pause(decision: Decision, workspace: Workspace) -> None:
    now = timezone.now()
    map_of(workspace, now - MAP_PATIENCE, 3)
    first = claim_next(Level.INTERACTIVE, now)
    assert first is not None and first.kind == TaskKind.PART
    assert claim_next(Level.INTERACTIVE, now) is None, "one at a time"
    assert PartLease(first.id, first.attempt).finish(now, "[]")
    assert claim_next(Level.INTERACTIVE, now + MAP_PAUSE - timedelta(seconds=1)) is None
    assert claim_next(Level.INTERACTIVE, now + MAP_PAUSE) is not None


def test_an_aged_map_keeps_to_the_cap_of_its_workspace(workspace: Workspace) -> None:
    now = timezone.now()
    WorkspaceQuota.objects.create(workspace=workspace, most_at_once=1)
    run = a_run(workspace)
    assert claim_run(run.pk, now)
    map_of(workspace, now - MAP_PATIENCE, 1)
    assert claim_next(Level.INTERACTIVE, now) is None


@pytest.mark.django_db(transaction=True)
def test_a_job_that_took_a_part_of_an_aged_map_leaves_its_job_for_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[UUID] = []
    monkeypatch.setattr("advisor.decisions.jobs.tasks._work_on", lambda claimed, engines: worked.append(claimed.id))
    (part,) = map_of(workspace, timezone.now() - 2 * MAP_PATIENCE, 1)
    run = a_run(workspace)
    run_simulation(str(run.pk))
    run_part(str(part))
    assert worked == [part, run.pk]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    queued=st.lists(st.tuples(st.booleans(), st.sampled_from(["run", "bulk", "part"])), min_size=2, max_size=9),
    workers=st.integers(1, 2),
    task_s=st.lists(st.integers(5, 500), min_size=3, max_size=6),
)
def test_no_more_start_before_a_bulk_run_than_its_place_says(
    workspace: Workspace, queued: list[tuple[bool, str]], workers: int, task_s: list[int]
) -> None:
    """Nothing is added; bulk runs and maps age meanwhile, which may change their order."""
    start_afresh(workspace)
    teams = {False: workspace, True: Workspace.objects.create(name="The other team")}
    clock, lasts = FakeClock(timezone.now()), cycle(task_s)
    for number, (is_other, kind) in enumerate(queued):
        at = clock.now() + timedelta(seconds=number - 100)
        if kind == "part":
            map_of(teams[is_other], at, 1)
        else:
            run = a_run(teams[is_other], is_bulk=kind == "bulk")
            Run.objects.filter(pk=run.pk).update(created_at=at)
    places = {run.pk: place_in_queue(run) or 0 for run in Run.objects.queued().filter(is_bulk=True)}
    left, held, started = dict.fromkeys(range(workers), clock.now()), dict[int, Claimed](), list[UUID]()
    while len(started) < len(queued):
        worker = min(left, key=lambda each: left[each])
        clock.time = max(clock.now(), left[worker])
        if worker in held:
            end(held.pop(worker), clock.now())
        claim = next(filter(None, (claim_next(level, clock.now()) for level in Level)))
        started.append(claim.id)
        held[worker], left[worker] = claim, clock.now() + timedelta(seconds=next(lasts))
    assert all(started.index(pk) < place for pk, place in places.items())
