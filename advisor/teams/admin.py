from typing import Any, ClassVar

from axes.models import AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from advisor.teams.forms import AccountForm, AccountPasswordForm, AdminSignInForm
from advisor.teams.links import absolute_link
from advisor.teams.mail import mail_reset_link
from advisor.teams.models import Membership, PasswordReset, User, Workspace
from advisor.teams.services.accounts import make_reset, resettable_by
from advisor.teams.services.administrators import LastAdministrator, require_other_administrators
from advisor.teams.services.sessions import end_other_sessions
from advisor.teams.throttle import forget_attempts
from core.numbers import count

admin.site.login_form = AdminSignInForm
admin.site.unregister([AccessLog, AccessFailureLog])  # never written: see `advisor.teams.throttle`


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    form = AccountForm
    change_password_form = AccountPasswordForm
    actions = ["make_reset_link", "lift_wait", "end_sessions", "delete_selected"]  # noqa: RUF012  # as Django annotates it

    def save_model(self, request: HttpRequest, obj: User, form: object, change: bool) -> None:
        """Deactivating an account deletes its sessions, so that activating it again brings none back."""
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_other_sessions(obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002  # of the address
        """In a transaction, as Django's other views that change an account are."""
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        require_other_administrators([obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        require_other_administrators(queryset)
        super().delete_queryset(request, queryset)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except LastAdministrator as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return redirect("admin:teams_user_change", object_id)

    @admin.action(description="Delete selected users", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, accounts: "QuerySet[User]") -> HttpResponse | None:
        try:
            with transaction.atomic():
                return delete_selected(self, request, accounts)
        except LastAdministrator as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return None

    @admin.action(description="Make a link to set a new password", permissions=["change"])
    def make_reset_link(self, request: HttpRequest, accounts: "QuerySet[User]") -> HttpResponse | None:
        user, account = request.user, accounts.first()
        if accounts.count() != 1 or account is None:
            self.message_user(request, "Select one account; the link is shown once.", messages.ERROR)
            return None
        if not isinstance(user, User) or not resettable_by(user).filter(pk=account.pk).exists():
            self.message_user(
                request,
                "A link can be made for an active account of another person, not for the local user.",
                messages.ERROR,
            )
            return None
        link = absolute_link(request, reverse("open-password-reset", args=[make_reset(account, user)]))
        self.log_change(request, account, "Made a link to set a new password")
        response = render(
            request,
            "accounts/reset_link.html",
            {"link": link, "account": account, "sent": mail_reset_link(account, link)},
        )
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Let the selected accounts sign in again at once", permissions=["change"])
    def lift_wait(self, request: HttpRequest, accounts: "QuerySet[User]") -> None:
        """Forget wrong passwords. The wait of an address is lifted in the list of access attempts."""
        for account in accounts:
            forget_attempts(account)
            self.log_change(request, account, "Let the account sign in again at once")
        self.message_user(request, "The selected accounts may sign in again.", messages.SUCCESS)

    @admin.action(description="End all sessions of the selected accounts", permissions=["change"])
    def end_sessions(self, request: HttpRequest, accounts: "QuerySet[User]") -> None:
        ended = 0
        for account in accounts:
            ended += end_other_sessions(account)
            self.log_change(request, account, "Ended all sessions")
        self.message_user(request, f"{count(ended, 'session')} ended.", messages.SUCCESS)


@admin.register(PasswordReset)
class PasswordResetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "created_by", "created_at", "expires_at", "used_at", "revoked_at")
    list_select_related = ("user", "created_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


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
        return False
