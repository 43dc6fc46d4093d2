"""The search for the fewest servers as a job: requested, simulated, reported, cancelled."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from advisor.advice.answers import answers_from
from advisor.decisions import limits
from advisor.decisions.jobs import run_part, start_fewest, tasks
from advisor.decisions.models import Decision, Sweep, SweepKind, SweepState
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.leases import PartLease, claim_part
from advisor.decisions.services.sweeps import cancel_sweep, find_requirement, request_fewest
from advisor.sweeps.capacity_search import search_capacity
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput
from simulator.replications import Progress
from tests.fakes.clock import FakeClock
from tests.fakes.queue_notifiers import FakeNotifier

pytestmark = pytest.mark.usefixtures("connection_of_the_test")

STEADY: dict[str, Any] = {"template": "chat_assistant", "volume": {"peak_to_mean": 1}}


@pytest.fixture
def steady(workspace: Workspace, user: User) -> Decision:
    return create_decision(workspace, user, STEADY)


@pytest.fixture
def search(steady: Decision, user: User) -> Sweep:
    return request_fewest(steady.latest(), user, "a-key", jobs=2_000)


def again(search: Sweep) -> Sweep:
    return Sweep.objects.get(pk=search.pk)


def test_a_worker_stores_what_the_search_finds_once(search: Sweep, steady: Decision) -> None:
    for _ in range(2):
        run_part(str(search.parts.get().pk))
    assert again(search).state == SweepState.SUCCEEDED
    assert find_requirement(search) == search_capacity(answers_from(STEADY), jobs=2_000)
    assert search.parts.get().attempt == 1
    assert steady.latest().frozen_at is not None
    assert (search.kind, Sweep.objects.maps().count()) == (SweepKind.FEWEST, 0)


@pytest.mark.django_db(transaction=True)
def test_starting_twice_with_a_key_is_one_search_and_one_job(steady: Decision, user: User) -> None:
    notifier = FakeNotifier()
    first = start_fewest(steady.latest(), user, idempotency_key="k", notifier=notifier)
    assert start_fewest(steady.latest(), user, idempotency_key="k", notifier=notifier) == first
    assert len(notifier.waiting()) == 1


def test_it_reports_progress_and_stops_when_cancelled(
    search: Sweep, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def searching(*_: Any, on_progress: Any, **options: Any) -> Any:
        on_progress(Progress("Trying 20 workers and consumers", 0.25))
        assert again(search).progress_step == "Trying 20 workers and consumers"
        assert again(search).progress_fraction == 0.25
        cancel_sweep(search, user)
        on_progress(Progress("Trying 40 workers and consumers", 0.5))
        pytest.fail("it went on")

    monkeypatch.setattr(tasks, "search_capacity", searching)
    monkeypatch.setattr(PartLease, "report_every_s", 0)
    run_part(str(search.parts.get().pk))
    assert again(search).state == SweepState.CANCELLED
    assert again(search).progress_fraction == 0.25
    assert find_requirement(search) is None


def test_only_the_worker_with_the_lease_reports_progress(search: Sweep, clock: FakeClock) -> None:
    part = search.parts.get()
    attempt = claim_part(part.pk, clock.now())
    assert attempt is not None
    assert not PartLease(part.pk, attempt + 1, is_search=True).record(clock.now(), 1, Progress("Trying 1", 0.5))
    assert PartLease(part.pk, attempt, is_search=True).record(clock.now(), 1, Progress("Trying 2", 1.5))
    assert (again(search).progress_step, again(search).progress_fraction) == ("Trying 2", 1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_without_a_deadline_or_too_large_it_is_refused_with_a_sentence(
    workspace: Workspace, user: User, steady: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = create_decision(workspace, user, {"caller": {"kind": "nobody", "deadline_s": None}})
    with pytest.raises(InvalidInput, match="deadline first"):
        request_fewest(nobody.latest(), user, "k")
    with pytest.raises(InvalidInput, match="a trial"):
        request_fewest(steady.latest(), user, "k", jobs=10)
    monkeypatch.setattr(limits, "SWEEP_JOBS", 1_000)
    with pytest.raises(InvalidInput, match="over the limit of"):
        request_fewest(steady.latest(), user, "k")
    assert Sweep.objects.count() == 0


def test_a_viewer_may_not_search(steady: Decision, vera: User) -> None:
    with pytest.raises(PermissionDenied):
        request_fewest(steady.latest(), vera, "k")
