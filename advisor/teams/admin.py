"""People and workspaces in the admin, where a superuser puts the one into the other."""

from typing import ClassVar

from axes.models import AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from advisor.reports.wording import count
from advisor.teams.forms import AdminSignInForm
from advisor.teams.models import Membership, User, Workspace
from advisor.teams.services.sessions import end_other_sessions
from advisor.teams.throttle import forget_attempts

admin.site.login_form = AdminSignInForm
admin.site.unregister([AccessLog, AccessFailureLog])  # never written: see `advisor.teams.throttle`


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    actions = ["lift_wait", "end_sessions"]  # noqa: RUF012  # as Django annotates it

    @admin.action(description="Let the selected accounts sign in again at once")
    def lift_wait(self, request: HttpRequest, accounts: "QuerySet[User]") -> None:
        """Forget wrong passwords; a wait for a whole address is lifted in the list of access attempts."""
        for account in accounts:
            forget_attempts(account)
            self.log_change(request, account, "Let the account sign in again at once")
        self.message_user(request, "The selected accounts may sign in again.", messages.SUCCESS)

    @admin.action(description="End all sessions of the selected accounts")
    def end_sessions(self, request: HttpRequest, accounts: "QuerySet[User]") -> None:
        """One's own included."""
        ended = 0
        for account in accounts:
            ended += end_other_sessions(account)
            self.log_change(request, account, "Ended all sessions")
        self.message_user(request, f"{count(ended, 'session')} ended.", messages.SUCCESS)


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
