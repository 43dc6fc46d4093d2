"""People and workspaces in the admin, where a superuser puts the one into the other."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from advisor.teams.models import Membership, User, Workspace

admin.site.register(User, UserAdmin)


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields: ClassVar = ["user"]


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "is_local", "created_at")
    search_fields = ("name",)
    inlines: ClassVar = [MembershipInline]

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """A workspace holds everything that a team has: the admin does not delete it by a click."""
        return False
