from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from advisor.decisions.limits import QUEUED_RUNS_CAP
from advisor.teams.models import Workspace

LARGEST_SHARE = 100


class WorkspaceQuota(models.Model):
    """What a workspace may have of the workers. A workspace without a row has the defaults."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="quota")
    share = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_SHARE)],
        help_text="With a share of 2, it gets twice as many workers as one with a share of 1 while both have something queued.",
    )
    most_at_once = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many runs and parts of maps may be under way at once. Empty: as many as there are workers.",
    )
    most_queued = models.PositiveIntegerField(
        default=QUEUED_RUNS_CAP,
        validators=[MinValueValidator(1)],
        help_text="How many runs may wait; a further one is refused.",
    )
    served_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When a worker last took one of its tasks."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(share__gte=1, share__lte=LARGEST_SHARE), name="quota_share_is_possible"),
            models.CheckConstraint(
                condition=Q(most_at_once__isnull=True) | Q(most_at_once__gte=1), name="quota_lets_one_run"
            ),
        ]

    def __str__(self) -> str:
        return f"quota of {self.workspace}"
