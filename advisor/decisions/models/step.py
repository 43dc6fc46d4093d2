from typing import ClassVar

from django.db import models

from advisor.advice.answers import Answers
from advisor.decisions import stored
from advisor.decisions.models.decision import Decision


class Direction(models.TextChoices):
    UNDO = "undo"
    REDO = "redo"


class Step(models.Model):
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="steps")
    direction = models.CharField(max_length=4, choices=Direction.choices)
    answers_json = models.TextField()
    paths = models.JSONField(default=list)
    changed_at = models.DateTimeField()
    """Of the last change that it undoes."""

    class Meta:
        ordering: ClassVar = ["decision", "id"]
        indexes: ClassVar = [models.Index(fields=["decision", "direction", "-id"], name="steps_of_decision")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(direction__in=Direction.values), name="step_direction_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.decision_id}"

    @property
    def answers(self) -> Answers:
        return stored.load(Answers, self.answers_json)
