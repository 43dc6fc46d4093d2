import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from advisor.advice.library_overrides import HopEdit, Override, ProfileEdit
from advisor.decisions import stored
from advisor.teams.models import Workspace, WorkspaceQuerySet


class EntryKind(models.TextChoices):
    HOP = "hop"
    PROFILE = "profile"


class LibraryEntry(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="library_entries")
    kind = models.CharField(max_length=10, choices=EntryKind.choices)
    name = models.CharField(max_length=60)
    edit_json = models.TextField(null=True, blank=True)  # noqa: DJ001 - null: hidden
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    edited_at = models.DateTimeField(auto_now=True)

    objects = WorkspaceQuerySet["LibraryEntry"].as_manager()

    class Meta:
        ordering: ClassVar = ["kind", "name"]
        verbose_name_plural = "library entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "kind", "name"], name="library_entry_is_edited_in_place"),
            models.CheckConstraint(condition=models.Q(kind__in=EntryKind.values), name="library_entry_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def edit(self) -> HopEdit | ProfileEdit | None:
        if self.edit_json is None:
            return None
        if self.kind == EntryKind.HOP:
            return stored.load(HopEdit, self.edit_json)
        return stored.load(ProfileEdit, self.edit_json)

    @property
    def override(self) -> Override:
        return Override(self.name, self.edit, "hop" if self.kind == EntryKind.HOP else "profile")
