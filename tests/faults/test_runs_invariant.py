"""The invariant, against everything at once: every acknowledged run reaches exactly one terminal state, with one result.

A clock that jumps, a broker that forgets, workers that die, come back from the dead, and meet on the same run: in any
order that hypothesis can think of.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from advisor.decisions.jobs import reconcile_runs_and_notify
from advisor.decisions.models import TERMINAL, Run, State
from advisor.decisions.services.leases import RunLease, claim_run
from advisor.decisions.services.runs import cancel_run
from simulator.replications import Progress
from tests.fakes.engines import a_result
from tests.faults.lives import Life, explore
from tests.rows import a_run

LIMIT_S = 600.0


class RunLife(Life):
    """Users who press Simulate and Cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: dict[UUID, tuple[Any, ...]] = {}

    @rule(target=Life.rows, heard=st.booleans())
    def request(self, heard: bool) -> UUID:
        """A user presses Simulate; the broker may or may not be there."""
        run = a_run(self.workspace)
        if heard:
            self.notifier.notify(run.id, run.attempt)
        return run.id

    @rule(run=Life.rows)
    def cancel(self, run: UUID) -> None:
        """A user presses Cancel, whatever the state."""
        row = Run.objects.get(pk=run)
        assert cancel_run(row, self.user) == row.active

    def attempt_of(self, row: UUID) -> int:
        return Run.objects.get(pk=row).attempt

    def is_free(self, row: UUID) -> bool:
        return Run.objects.get(pk=row).state == State.QUEUED

    def holds(self, row: UUID, attempt: int) -> bool:
        run = Run.objects.get(pk=row)
        return run.state == State.RUNNING and run.attempt == attempt

    def claimed_by(self, row: UUID, now: datetime) -> int | None:
        return claim_run(row, now)

    def writes(self, row: UUID, attempt: int, now: datetime) -> Mapping[str, Callable[[], bool]]:
        return {
            "progress": lambda: RunLease(row, attempt).record(now, 1, Progress("step", 0.5)),
            "beat": lambda: RunLease(row, attempt).renew(now, 2),
            "finish": lambda: RunLease(row, attempt).finish(now, a_result(seed=attempt)),
            "fail": lambda: RunLease(row, attempt).fail(now, "internal", "text"),
            "time out": lambda: RunLease(row, attempt).time_out(now, LIMIT_S),
            "release": lambda: RunLease(row, attempt).release(),
        }

    def look(self) -> None:
        reconcile_runs_and_notify(self.notifier, self.clock.now)

    def all_has_ended(self) -> bool:
        return not Run.objects.active().exists()

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        """One terminal state, one result, for good."""
        for row in Run.objects.filter(state__in=TERMINAL):
            end = (row.state, row.result_json, row.error, row.finished_at, row.attempt)
            assert self.ended.setdefault(row.id, end) == end
            assert (row.result is not None) == (row.state == State.SUCCEEDED)

    def check_invariants_now(self) -> None:
        self.what_has_ended_stays_as_it_ended()


@pytest.mark.django_db
def test_no_history_breaks_the_invariant() -> None:
    explore(RunLife, examples=25, steps=30)


@pytest.mark.full
@pytest.mark.django_db
def test_no_long_history_breaks_the_invariant() -> None:
    explore(RunLife, examples=1_000, steps=60)
