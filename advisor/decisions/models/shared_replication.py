import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from advisor.decisions.models.leased_task import LeasedTask, LeasedTaskQuerySet, lease_constraint
from advisor.decisions.models.run import ACTIVE, Run
from advisor.decisions.models.sweep import PartState


class SharedReplicationQuerySet(LeasedTaskQuerySet["SharedReplication"]):
    def unfinished(self) -> Self:
        return self.filter(run__state__in=ACTIVE)

    def for_others(self, host: str) -> Self:
        """Those that a worker of this host may simulate: of runs of other hosts, which have threads for all of their own cores.

        Only once: what a first worker did not finish, the run's own worker simulates.
        """
        return self.queued().filter(~Q(run__worker__startswith=f"{host}:"), attempt=0)


class SharedReplication(LeasedTask):
    """A replication of a large run, for any worker to simulate. The rows are there while the run is.

    Its tallies do not depend on the worker that simulates it, so a run that is begun again goes on with those that are done.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shared_replications")
    number = models.BigIntegerField()
    """As the simulator numbers replications and resamples."""
    state = models.CharField(max_length=10, choices=PartState.choices, default=PartState.QUEUED)
    tallies_npz = models.BinaryField(null=True, blank=True)
    """When it is done: see `simulator.stored_tallies`."""

    objects = SharedReplicationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["run", "number"]
        indexes: ClassVar = [
            models.Index(fields=["state"], name="unfinished_replications", condition=~Q(state="done")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="replication_is_shared_once"),
            models.CheckConstraint(condition=Q(state__in=PartState.values), name="replication_state_is_known"),
            lease_constraint("replication"),
            models.CheckConstraint(
                condition=Q(state=PartState.DONE, tallies_npz__isnull=False)
                | (~Q(state=PartState.DONE) & Q(tallies_npz__isnull=True)),
                name="replication_has_tallies_iff_done",
            ),
        ]

    def __str__(self) -> str:
        return f"replication {self.number} of {self.run_id} ({self.state})"
