"""What the lives of a run and of a part of a map have in common: one clock, one broker, workers that die, come back from the dead and meet.

A subclass says what is asked for, how it is claimed, held and written, and what must hold whatever the order of events.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    rule,
    run_state_machine_as_test,
)

from advisor.teams.services.accounts import local_user_and_workspace
from tests.fakes.clock import FakeClock
from tests.fakes.queue_notifiers import FakeNotifier

Held = tuple[UUID, int]
"""A row and the attempt that a worker believes to hold."""
PAST_THE_LEASE_S = 21


class Life(RuleBasedStateMachine):
    """Workers, a reconciler, and what goes wrong around them; the users are each subclass's own."""

    rows = Bundle("rows")
    held = Bundle("held")
    """What workers believe; one whose lease ran out may be alive and write late."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.clock, self.notifier = FakeClock(), FakeNotifier()
        self.user, self.workspace = local_user_and_workspace()
        self.claims: set[Held] = set()

    def teardown(self) -> None:
        try:
            self.everything_ends_once_the_faults_do()
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def attempt_of(self, row: UUID) -> int:
        """How often it has been claimed."""
        raise NotImplementedError

    def is_free(self, row: UUID) -> bool:
        """Whether it may be claimed."""
        raise NotImplementedError

    def holds(self, row: UUID, attempt: int) -> bool:
        """Whether the attempt is the one that may write."""
        raise NotImplementedError

    def claimed_by(self, row: UUID, now: datetime) -> int | None:
        """Claims it: the attempt, or None."""
        raise NotImplementedError

    def writes(self, row: UUID, attempt: int, now: datetime) -> Mapping[str, Callable[[], bool]]:
        """All that a worker may write, by name; each says whether it was let. "finish" is among them."""
        raise NotImplementedError

    def look(self) -> None:
        """One look of the reconciler."""
        raise NotImplementedError

    def all_has_ended(self) -> bool:
        """Whether nothing is left to be done."""
        raise NotImplementedError

    @rule(row=rows)
    def queue_twice(self, row: UUID) -> None:
        """A job is queued for it, whatever its state."""
        self.notifier.notify(row, self.attempt_of(row))

    @rule(target=held)
    def take(self) -> Any:
        """A worker takes the next job."""
        row = self.notifier.take()
        return self._claim(row) if row else multiple()

    @rule(target=held, row=rows)
    def claim(self, row: UUID) -> Any:
        """A worker gets an old job of the task."""
        return self._claim(row)

    def _claim(self, row: UUID) -> Any:
        was_free = self.is_free(row)
        attempt = self.claimed_by(row, self.clock.now())
        assert (attempt is not None) == was_free
        if attempt is None:
            return multiple()
        assert (row, attempt) not in self.claims, "an attempt was given away twice"
        self.claims.add((row, attempt))
        self._earlier_attempts_may_not_write(row, attempt)
        return row, attempt

    def _earlier_attempts_may_not_write(self, row: UUID, attempt: int) -> None:
        for earlier in range(1, attempt):
            for name, write in self.writes(row, earlier, self.clock.now()).items():
                assert not write(), f"attempt {earlier} was let {name} while attempt {attempt} holds it"

    @rule()
    def die_before_claiming(self) -> None:
        """A worker takes a job out of the queue, and that was that."""
        self.notifier.take()

    @rule(target=held, mine=held, data=st.data())
    def outlive(self, mine: Held, data: st.DataObject) -> Any:
        """A lease runs out, another worker gets the row, and the first, who believes that it still holds it, writes first."""
        self.clock.move(PAST_THE_LEASE_S)
        self.look()
        other = self._claim(mine[0])
        self.write(mine, data)
        return other

    @rule(mine=held, data=st.data())
    def write(self, mine: Held, data: st.DataObject) -> None:
        """A worker writes, perhaps long after it lost the row: it may only if it holds it."""
        holds = self.holds(*mine)
        writes = self.writes(*mine, self.clock.now())
        assert writes[data.draw(st.sampled_from(sorted(writes)))]() == holds

    @rule(mine=consumes(held))
    def die(self, mine: Held) -> None:
        """A worker is killed with what it held."""

    @rule()
    def reconcile(self) -> None:
        """Five seconds are up."""
        self.look()

    @rule()
    def broker_forgets(self) -> None:
        """The broker is killed, and had no persistence."""
        self.notifier.lose_everything()

    @rule(seconds=st.sampled_from([1, 5, PAST_THE_LEASE_S, 3600, -1, -3600]))
    def time_passes(self, seconds: float) -> None:
        """Or the clock is set."""
        self.clock.move(seconds)

    def everything_ends_once_the_faults_do(self) -> None:
        """With a worker that works and a reconciler that looks, nothing is left behind."""
        for _ in range(4):
            self.look()
            while row := self.notifier.take():
                attempt = self.claimed_by(row, self.clock.now())
                if attempt is not None:
                    self._earlier_attempts_may_not_write(row, attempt)
                    assert self.writes(row, attempt, self.clock.now())["finish"]()
            self.clock.move(PAST_THE_LEASE_S)
        assert self.all_has_ended()
        self.check_invariants_now()

    def check_invariants_now(self) -> None:
        """What must hold after every step, once more at the end."""
        raise NotImplementedError


def explore(life: type[Life], examples: int, steps: int) -> None:
    """Looks for a history that breaks an invariant."""
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
