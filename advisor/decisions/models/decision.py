import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.decisions import stored
from advisor.decisions.limits import TAG_LENGTH, TITLE_LENGTH
from advisor.teams.models import Workspace, WorkspaceQuerySet


class Status(models.TextChoices):
    DRAFT = "draft"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"


EXCLUSIVE = (Status.PROPOSED, Status.ACCEPTED)
"""Statuses that one revision of a decision may have at a time."""


class DecisionQuerySet(WorkspaceQuerySet["Decision"]):
    def showing(self, status: str) -> Self:
        revisions = Revision.objects.filter(decision=models.OuterRef("pk"), status=status).shown()
        return self.filter(models.Exists(revisions))

    def advising(self, style: str) -> Self:
        """Those whose latest revision shows the style."""
        revisions = Revision.objects.filter(decision=models.OuterRef("pk"), shown_style=style).latest_only()
        return self.filter(models.Exists(revisions))

    def matching(self, words: str) -> Self:
        """Those with each of the words in their title, their tags or the name of who made them."""
        rows = self
        for word in words.split():
            tagged = Tag.objects.filter(decision=models.OuterRef("pk"), name__icontains=word)
            is_made_by = models.Q(created_by__username__icontains=word)
            rows = rows.filter(models.Q(title__icontains=word) | is_made_by | models.Exists(tagged))
        return rows


class Decision(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="decisions")
    title = models.CharField(max_length=TITLE_LENGTH)
    is_demo = models.BooleanField(default=False)
    draft_version = models.PositiveIntegerField(default=1)
    """Counts every saved change. A form sends the number it was filled from, so that it cannot overwrite unseen changes."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    """Archived decisions are left out of the list, and stay as they are otherwise."""

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-updated_at", "id"]
        indexes: ClassVar = [models.Index(fields=["workspace", "-updated_at"], name="decisions_of_workspace")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(title=""), name="decision_has_a_title"),
        ]

    def __str__(self) -> str:
        return self.title

    def latest(self) -> "Revision":
        return self.revisions.latest("number")


class Tag(models.Model):
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=TAG_LENGTH)

    class Meta:
        ordering: ClassVar = ["name"]
        indexes: ClassVar = [models.Index(fields=["name"], name="tags_by_name")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["decision", "name"], name="tag_is_on_a_decision_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="tag_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class RevisionQuerySet(models.QuerySet["Revision"]):
    def for_workspace(self, workspace: Workspace) -> Self:
        return self.filter(decision__workspace=workspace)

    def latest_only(self) -> Self:
        return self.filter(_is_latest())

    def shown(self) -> Self:
        return self.filter(models.Q(status__in=EXCLUSIVE) | _is_latest())


def _is_latest() -> models.Q:
    newest = Revision.objects.filter(decision=models.OuterRef("decision")).order_by("-number").values("number")[:1]
    return models.Q(number=models.Subquery(newest))


class Revision(models.Model):
    """Answers, and the recommendation that the rules of that day gave.

    The latest revision takes changes until a run or a status refers to it: from then on it is frozen, and the next
    change opens a new draft. JSON is kept as text, because the order of keys has meaning (most urgent queue first),
    which a database's own JSON type does not keep.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    answers_json = models.TextField()
    recommendation_json = models.TextField()
    shown_style = models.CharField(max_length=12, default="")
    """Of the recommendation, as `wording.shown_style` has it, to select by."""
    versions = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    frozen_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["decision", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["decision", "number"], name="revision_numbers_are_unique"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="revision_numbers_start_at_1"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="revision_status_is_known"),
            models.UniqueConstraint(
                fields=["decision", "status"],
                condition=models.Q(status__in=EXCLUSIVE),
                name="one_revision_is_accepted_and_one_proposed",
            ),
            models.CheckConstraint(
                condition=models.Q(status=Status.DRAFT) | models.Q(frozen_at__isnull=False),
                name="revision_with_a_status_is_frozen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} (revision {self.number})"

    @property
    def frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def answers(self) -> Answers:
        return stored.load(Answers, self.answers_json)

    @property
    def evaluation(self) -> Evaluation:
        return stored.evaluation_of(self.answers_json)

    @property
    def recommendation(self) -> Recommendation:
        return stored.load(Recommendation, self.recommendation_json)


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
