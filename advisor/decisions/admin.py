"""Rows for an administrator: read-only but for quotas, and every look at what a workspace has is logged."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from advisor.decisions.models import Decision, Revision, Run, Sweep, SweepPart, Trace, WorkspaceQuota
from advisor.decisions.models.run import LARGE_COLUMNS


class ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    large_columns: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        is_one = request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        return rows if is_one else rows.defer(*self.large_columns)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show one row, and log who looked at it: it belongs to a workspace."""
        response = super().change_view(request, object_id, *args, **kwargs)
        if response.status_code == 200:
            LogEntry.objects.create(
                user_id=int(request.user.pk or 0),
                content_type=ContentType.objects.get_for_model(self.model),
                object_id=object_id,
                object_repr=f"{self.model._meta.verbose_name} {object_id}"[:200],
                action_flag=CHANGE,
                change_message="Viewed.",
            )
        return response


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("title", "workspace", "is_demo", "updated_at")
    list_filter = ("is_demo",)
    search_fields = ("title", "id")
    list_select_related = ("workspace",)


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = ("decision", "number", "status", "frozen_at", "updated_at")
    list_filter = ("status",)
    list_select_related = ("decision",)


@admin.register(Trace)
class TraceAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "requests", "span_s", "size_bytes", "created_at")
    list_select_related = ("workspace",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "engine", "state", "attempt", "worker", "created_at", "finished_at")
    list_filter = ("state", "engine")
    search_fields = ("id",)
    list_select_related = ("workspace",)
    large_columns = LARGE_COLUMNS


class SweepPartInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = SweepPart
    fields = ("first", "cells", "state", "attempt", "lost_leases", "lease_until", "worker")
    show_change_link = True
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[SweepPart]:
        return SweepPart.objects.defer("cells_json")


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    list_display = ("id", "workspace", "kind", "state", "size", "jobs", "created_at", "finished_at")
    list_filter = ("state", "kind")
    search_fields = ("id",)
    list_select_related = ("workspace",)
    inlines = (SweepPartInline,)


@admin.register(SweepPart)
class SweepPartAdmin(ReadOnlyAdmin):
    list_display = ("id", "sweep", "first", "cells", "state", "attempt", "lost_leases", "worker")
    list_filter = ("state",)
    search_fields = ("id", "sweep__id")
    list_select_related = ("sweep",)
    large_columns = ("cells_json",)


@admin.register(WorkspaceQuota)
class WorkspaceQuotaAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("workspace", "share", "most_at_once", "most_queued", "served_at")
    list_select_related = ("workspace",)
    autocomplete_fields = ("workspace",)
