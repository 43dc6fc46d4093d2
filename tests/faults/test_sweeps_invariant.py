"""The invariant of a crossover map: it reaches exactly one end, every part is done at most once, and what is done is kept.

The same clock, broker and workers as those that the runs are tried with, in any order that hypothesis can think of.
"""

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from advisor.decisions.jobs import reconcile_sweeps_and_ring
from advisor.decisions.models import UNFINISHED, Decision, PartState, Revision, Sweep, SweepPart, SweepState
from advisor.decisions.services.hold_sweep import (
    cancel_sweep,
    claim_part,
    fail_sweep,
    finish_part,
    hold_part,
    record_search,
    release_part,
)
from advisor.teams.services import local_user_and_workspace
from tests.fakes.clock import FakeClock
from tests.fakes.doorbells import FakeDoorbell
from tests.rows import a_sweep

Held = tuple[UUID, int]
"""A part and the attempt that somebody believes to hold."""


class SweepLife(RuleBasedStateMachine):
    """Users, workers, a reconciler, and what goes wrong around them."""

    parts = Bundle("parts")
    held = Bundle("held")
    """What workers believe; one whose lease ran out may be alive and write late."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.clock, self.bell = FakeClock(), FakeDoorbell()
        self.user, self.workspace = local_user_and_workspace()
        self.ended: dict[UUID, tuple[Any, ...]] = {}
        self.done: dict[UUID, tuple[str, int]] = {}
        self.claims: set[Held] = set()

    def teardown(self) -> None:
        try:
            self.everything_ends_once_the_faults_do()
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    @rule(target=parts, heard=st.booleans())
    def request(self, heard: bool) -> Any:
        """A user asks for a map of two parts; the broker may or may not be there."""
        decision = Decision.objects.create(workspace=self.workspace, title="A decision")
        revision = Revision.objects.create(decision=decision, number=1, answers_json="{}", recommendation_json="{}")
        made = list(a_sweep(revision).parts.values_list("pk", flat=True))
        for part in made if heard else ():
            self.bell.ring(part, 0)
        return multiple(*made)

    @rule(part=parts)
    def ring_twice(self, part: UUID) -> None:
        """The bell rings for a part in whatever state."""
        self.bell.ring(part, SweepPart.objects.get(pk=part).attempt)

    @rule(part=parts)
    def cancel(self, part: UUID) -> None:
        """A user presses Cancel, whatever the state."""
        row = Sweep.objects.get(parts=part)
        assert cancel_sweep(row, self.user) == row.active

    @rule(target=held)
    def take(self) -> Any:
        """A worker takes the next job."""
        part = self.bell.take()
        return self._claimed(part) if part else multiple()

    @rule(target=held, part=parts)
    def claim(self, part: UUID) -> Any:
        """A worker is told of the part by some job of long ago."""
        return self._claimed(part)

    def _claimed(self, part: UUID) -> Any:
        before = SweepPart.objects.select_related("sweep").get(pk=part)
        attempt = claim_part(part, self.clock.now())
        assert (attempt is not None) == (before.state == PartState.QUEUED and before.sweep.active)
        if attempt is None:
            return multiple()
        assert (part, attempt) not in self.claims, "an attempt was given away twice"
        self.claims.add((part, attempt))
        return part, attempt

    @rule(target=held, mine=held)
    def outlive(self, mine: Held) -> Any:
        """A lease runs out, another worker gets the part, and the first believes that it still holds it."""
        self.clock.move(21)
        self.reconcile()
        other = self._claimed(mine[0])
        holds = self._holds(*mine)
        assert finish_part(*mine, self.clock.now(), '["late"]') == holds
        return other

    @rule(mine=held, write=st.sampled_from(["beat", "tell", "finish", "fail", "release"]))
    def write(self, mine: Held, write: str) -> None:
        """A worker writes, perhaps long after it lost the part: it may only if it holds it."""
        part, attempt = mine
        holds = self._holds(part, attempt)
        now = self.clock.now()
        writes = {
            "beat": lambda: hold_part(part, attempt, now),
            "tell": lambda: record_search(part, attempt, "Trying 2", 0.5),
            "finish": lambda: finish_part(part, attempt, now, f'["of attempt {attempt}"]'),
            "fail": lambda: fail_sweep(part, attempt, now, "text"),
            "release": lambda: release_part(part, attempt),
        }
        assert writes[write]() == holds

    def _holds(self, part: UUID, attempt: int) -> bool:
        row = SweepPart.objects.select_related("sweep").get(pk=part)
        return row.state == PartState.RUNNING and row.attempt == attempt and row.sweep.active

    @rule(mine=consumes(held))
    def die(self, mine: Held) -> None:
        """A worker is killed with what it held."""

    @rule()
    def reconcile(self) -> None:
        """Five seconds are up."""
        reconcile_sweeps_and_ring(self.bell, self.clock.now)

    @rule()
    def broker_forgets(self) -> None:
        """The broker is killed, and had no persistence."""
        self.bell.lose_everything()

    @rule(seconds=st.sampled_from([1, 5, 21, 3600, -1, -3600]))
    def time_passes(self, seconds: float) -> None:
        """Or somebody sets the clock."""
        self.clock.move(seconds)

    @invariant()
    def what_has_ended_stays_as_it_ended_and_what_is_done_is_kept(self) -> None:
        """One end, one result a part, for good; a map has succeeded only when it is whole."""
        for row in Sweep.objects.exclude(state__in=UNFINISHED):
            end = (row.state, row.error_text, row.finished_at)
            assert self.ended.setdefault(row.pk, end) == end
            if row.state == SweepState.SUCCEEDED:
                assert not row.parts.exclude(state=PartState.DONE).exists()
        for part in SweepPart.objects.filter(state=PartState.DONE):
            found = (part.cells_json, part.attempt)
            assert self.done.setdefault(part.pk, found) == found
        assert set(self.done) <= set(SweepPart.objects.filter(state=PartState.DONE).values_list("pk", flat=True))

    def everything_ends_once_the_faults_do(self) -> None:
        """With a worker that works and a reconciler that looks, no map is left behind."""
        for _ in range(4):
            reconcile_sweeps_and_ring(self.bell, self.clock.now)
            while part := self.bell.take():
                attempt = claim_part(part, self.clock.now())
                if attempt is not None:
                    assert finish_part(part, attempt, self.clock.now(), f'["of attempt {attempt}"]')
            self.clock.move(21)
        assert not Sweep.objects.active().exists()
        self.what_has_ended_stays_as_it_ended_and_what_is_done_is_kept()


def explore(examples: int, steps: int) -> None:
    """Looks for a history that breaks the invariant."""
    run_state_machine_as_test(
        SweepLife,
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
    explore(examples=500, steps=60)
