"""A large run whose replications workers on other hosts may simulate, too."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from advisor.decisions.jobs.leased_work import persist
from advisor.decisions.jobs.queue_notifier import QueueNotifier, notify_on_commit
from advisor.decisions.limits import LOOK_EVERY_S
from advisor.decisions.models import PartState, Run, SharedReplication
from advisor.decisions.models.shared_replication import SharedReplicationQuerySet
from simulator.stored_tallies import load_tallies
from simulator.tally import Tally


@dataclass
class SharedRun:
    """The share of the run's own worker: a `simulator.replications.Share`.

    A replication that it takes is no longer shared: its row is deleted, and made again if the run is begun again.
    """

    run: Run
    notifier: QueueNotifier
    _left: set[int] = field(default_factory=set)
    """Offered, and neither taken nor collected."""
    _looked_s: float = -LOOK_EVERY_S

    @property
    def _rows(self) -> SharedReplicationQuerySet:
        return SharedReplication.objects.filter(run=self.run, number__in=self._left).order_by("number")

    def offer(self, replications: Sequence[int]) -> None:
        self._left = set(replications)
        rows = [SharedReplication(run=self.run, number=number) for number in replications]
        persist(lambda: SharedReplication.objects.bulk_create(rows, ignore_conflicts=True))
        notify_on_commit(self.notifier, persist(lambda: list(self._rows.queued().values_list("id", "attempt"))))

    def take(self) -> int | None:
        taken = persist(self._take)
        if taken is not None:
            self._left.remove(taken)
        return taken

    def _take(self) -> int | None:
        rows = dict(self._rows.values_list("number", "state"))
        for number, state in rows.items():
            if state == PartState.QUEUED and self._rows.queued().filter(number=number).delete()[0]:
                return number
        # An attempt that had lost its lease took one more.
        return min(self._left - set(rows), default=None)

    def collect(self) -> Mapping[int, Mapping[str, Tally]]:
        now_s = time.monotonic()
        if not self._left or now_s - self._looked_s < LOOK_EVERY_S:
            return {}
        self._looked_s = now_s
        done = persist(lambda: list(self._rows.filter(state=PartState.DONE)))
        self._left -= {row.number for row in done}
        return {row.number: load_tallies(bytes(row.tallies_npz or b"")) for row in done}
