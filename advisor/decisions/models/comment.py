import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from advisor.decisions.models.decision import Decision, Revision, Status


class Comment(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        indexes: ClassVar = [models.Index(fields=["decision", "created_at"], name="comments_of_decision")]
        constraints: ClassVar = [models.CheckConstraint(condition=~models.Q(text=""), name="comment_has_a_text")]

    def __str__(self) -> str:
        return f"comment of {self.author} on {self.decision}"


class StatusChange(models.Model):
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="status_changes")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="status_changes")
    before = models.CharField(max_length=10, choices=Status.choices)
    after = models.CharField(max_length=10, choices=Status.choices)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["changed_at", "id"]
        indexes: ClassVar = [models.Index(fields=["decision", "changed_at"], name="status_changes_of_decision")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(before__in=Status.values, after__in=Status.values), name="changed_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision}: {self.before} to {self.after}"
