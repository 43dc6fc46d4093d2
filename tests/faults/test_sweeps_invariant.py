"""The invariant of a crossover map: it reaches exactly one end, every part is done at most once, and what is done is kept.

The same clock, broker and workers as those that the runs are tried with, in any order that hypothesis can think of.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, multiple, rule

from advisor.decisions.jobs import reconcile_sweeps_and_notify
from advisor.decisions.models import UNFINISHED, Decision, PartState, Revision, Sweep, SweepPart, SweepState
from advisor.decisions.services.leases import PartLease, claim_part
from advisor.decisions.services.sweeps import cancel_sweep
from simulator.replications import Progress
from tests.faults.lives import Life, explore
from tests.rows import a_sweep


class SweepLife(Life):
    """Users who ask for maps and cancel them; workers who take their parts."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: dict[UUID, tuple[Any, ...]] = {}
        self.done: dict[UUID, tuple[str, int]] = {}

    @rule(target=Life.rows, heard=st.booleans())
    def request(self, heard: bool) -> Any:
        """A user asks for a map of two parts; the broker may or may not be there."""
        decision = Decision.objects.create(workspace=self.workspace, title="A decision")
        revision = Revision.objects.create(decision=decision, number=1, answers_json="{}", recommendation_json="{}")
        made = list(a_sweep(revision).parts.values_list("pk", flat=True))
        for part in made if heard else ():
            self.notifier.notify(part, 0)
        return multiple(*made)

    @rule(part=Life.rows)
    def cancel(self, part: UUID) -> None:
        """A user presses Cancel, whatever the state."""
        row = Sweep.objects.get(parts=part)
        assert cancel_sweep(row, self.user) == row.active

    def attempt_of(self, row: UUID) -> int:
        return SweepPart.objects.get(pk=row).attempt

    def is_free(self, row: UUID) -> bool:
        part = SweepPart.objects.select_related("sweep").get(pk=row)
        return part.state == PartState.QUEUED and part.sweep.active

    def holds(self, row: UUID, attempt: int) -> bool:
        part = SweepPart.objects.select_related("sweep").get(pk=row)
        return part.state == PartState.RUNNING and part.attempt == attempt and part.sweep.active

    def claimed_by(self, row: UUID, now: datetime) -> int | None:
        return claim_part(row, now)

    def writes(self, row: UUID, attempt: int, now: datetime) -> Mapping[str, Callable[[], bool]]:
        return {
            "beat": lambda: PartLease(row, attempt).renew(now, 1),
            "tell": lambda: PartLease(row, attempt, is_search=True).record(now, 1, Progress("Trying 2", 0.5)),
            "finish": lambda: PartLease(row, attempt).finish(now, f'["of attempt {attempt}"]'),
            "fail": lambda: PartLease(row, attempt).fail(now, "internal", "text"),
            "release": lambda: PartLease(row, attempt).release(),
        }

    def look(self) -> None:
        reconcile_sweeps_and_notify(self.notifier, self.clock.now)

    def all_has_ended(self) -> bool:
        return not Sweep.objects.active().exists()

    @invariant()
    def what_has_ended_stays_as_it_ended_and_what_is_done_is_kept(self) -> None:
        """One end, one result a part, for good; a map has succeeded only when it is whole."""
        for row in Sweep.objects.exclude(state__in=UNFINISHED):
            end = (row.state, row.error_text, row.finished_at)
            assert self.ended.setdefault(row.pk, end) == end
            if row.state == SweepState.SUCCEEDED:
                assert not row.parts.exclude(state=PartState.DONE).exists()
        for part in SweepPart.objects.filter(state=PartState.DONE):
            stored = (part.cells_json, part.attempt)
            assert self.done.setdefault(part.pk, stored) == stored
        assert set(self.done) <= set(SweepPart.objects.filter(state=PartState.DONE).values_list("pk", flat=True))

    def check_invariants_now(self) -> None:
        self.what_has_ended_stays_as_it_ended_and_what_is_done_is_kept()


@pytest.mark.django_db
def test_no_history_breaks_the_invariant() -> None:
    explore(SweepLife, examples=25, steps=30)


@pytest.mark.full
@pytest.mark.django_db
def test_no_long_history_breaks_the_invariant() -> None:
    explore(SweepLife, examples=500, steps=60)
