"""The invariant, against everything at once: every acknowledged run reaches exactly one terminal state, with one result.

A clock that jumps, a broker that forgets, workers that die, come back from the dead, and meet on the same run: in any
order that hypothesis can think of.
"""

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from advisor.decisions.jobs import reconcile_and_ring
from advisor.decisions.models import TERMINAL, Run, State
from advisor.decisions.models.run import RunProgress
from advisor.decisions.services.cancel_run import cancel_run
from advisor.decisions.services.claim_run import claim_run
from advisor.decisions.services.hold_run import (
    extend_lease,
    fail_run,
    finish_run,
    record_progress,
    release_run,
    time_out_run,
)
from advisor.teams.services import local_user_and_workspace
from tests.fakes.clock import FakeClock
from tests.fakes.doorbells import FakeDoorbell
from tests.fakes.engines import a_result
from tests.rows import a_run

LIMIT_S = 600.0
Held = tuple[UUID, int]
"""A run and the attempt that somebody believes to hold."""


class RunLife(RuleBasedStateMachine):
    """Users, workers, a reconciler, and what goes wrong around them."""

    runs = Bundle("runs")
    held = Bundle("held")
    """What workers believe; one whose lease ran out may be alive and write late."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.clock, self.bell = FakeClock(), FakeDoorbell()
        self.user, self.workspace = local_user_and_workspace()
        self.ended: dict[UUID, tuple[Any, ...]] = {}
        self.claims: set[Held] = set()

    def teardown(self) -> None:
        try:
            self.everything_ends_once_the_faults_do()
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    @rule(target=runs, heard=st.booleans())
    def request(self, heard: bool) -> UUID:
        """A user presses Simulate; the broker may or may not be there."""
        run = a_run(self.workspace)
        if heard:
            self.bell.ring(run.id, run.attempt)
        return run.id

    @rule(run=runs)
    def ring_twice(self, run: UUID) -> None:
        """The bell rings for a run in whatever state."""
        self.bell.ring(run, Run.objects.get(pk=run).attempt)

    @rule(run=runs)
    def cancel(self, run: UUID) -> None:
        """A user presses Cancel, whatever the state."""
        row = Run.objects.get(pk=run)
        assert cancel_run(row, self.user) == row.active

    @rule(target=held)
    def take(self) -> Held | None:
        """A worker takes the next job."""
        run = self.bell.take()
        return self.claim(run) if run else None

    @rule(target=held, run=runs)
    def claim(self, run: UUID) -> Held | None:
        """A worker is told of the run by some job of long ago."""
        before = Run.objects.get(pk=run)
        attempt = claim_run(run, self.clock.now())
        assert (attempt is not None) == (before.state == State.QUEUED)
        if attempt is None:
            return None
        assert (run, attempt) not in self.claims, "an attempt was given away twice"
        self.claims.add((run, attempt))
        return run, attempt

    @rule()
    def die_before_claiming(self) -> None:
        """A worker takes a job out of the queue, and that was that."""
        self.bell.take()

    @rule(mine=held, write=st.sampled_from(["progress", "beat", "finish", "fail", "time out", "release"]))
    def write(self, mine: Held | None, write: str) -> None:
        """A worker writes, perhaps long after it lost the run: it may only if it holds it."""
        if mine is None:
            return
        run, attempt = mine
        row = Run.objects.get(pk=run)
        holds = row.state == State.RUNNING and row.attempt == attempt
        now = self.clock.now()
        writes = {
            "progress": lambda: record_progress(run, attempt, now, RunProgress("step", 0.5), 1),
            "beat": lambda: extend_lease(run, attempt, now, 2),
            "finish": lambda: finish_run(run, attempt, now, a_result(seed=attempt)),
            "fail": lambda: fail_run(run, attempt, now, "internal", "text"),
            "time out": lambda: time_out_run(run, attempt, now, LIMIT_S),
            "release": lambda: release_run(run, attempt, now),
        }
        assert writes[write]() == holds

    @rule(mine=consumes(held))
    def die(self, mine: Held | None) -> None:
        """A worker is killed with what it held."""

    @rule()
    def reconcile(self) -> None:
        """Five seconds are up."""
        reconcile_and_ring(self.bell, self.clock.now)

    @rule()
    def broker_forgets(self) -> None:
        """The broker is killed, and had no persistence."""
        self.bell.lose_everything()

    @rule(seconds=st.sampled_from([1, 5, 21, 3600, -1, -3600]))
    def time_passes(self, seconds: float) -> None:
        """Or somebody sets the clock."""
        self.clock.move(seconds)

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        """One terminal state, one result, for good."""
        for row in Run.objects.filter(state__in=TERMINAL):
            end = (row.state, row.result_json, row.error, row.finished_at, row.attempt)
            assert self.ended.setdefault(row.id, end) == end
            assert (row.result is not None) == (row.state == State.SUCCEEDED)

    def everything_ends_once_the_faults_do(self) -> None:
        """With a worker that works and a reconciler that looks, no run is left behind."""
        for _ in range(4):
            reconcile_and_ring(self.bell, self.clock.now)
            while run := self.bell.take():
                attempt = claim_run(run, self.clock.now())
                if attempt is not None:
                    assert finish_run(run, attempt, self.clock.now(), a_result(seed=attempt))
            self.clock.move(21)
        assert not Run.objects.active().exists()
        self.what_has_ended_stays_as_it_ended()


def explore(examples: int, steps: int) -> None:
    """Looks for a history that breaks the invariant."""
    run_state_machine_as_test(
        RunLife,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_no_history_breaks_the_invariant() -> None:
    explore(examples=25, steps=30)


@pytest.mark.full
@pytest.mark.django_db
def test_no_long_history_breaks_the_invariant() -> None:
    explore(examples=1_000, steps=60)
