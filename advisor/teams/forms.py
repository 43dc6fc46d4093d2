from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    UserChangeForm,
)
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from advisor.teams.mail import LONGEST_EMAIL, write_email
from advisor.teams.models import User
from advisor.teams.services.administrators import LastAdministrator, require_other_administrators
from advisor.teams.throttle import forget_attempts, wait_of, wait_sentence


class SignInForm(AuthenticationForm):
    error_messages = {  # noqa: RUF012  # as Django annotates it
        **AuthenticationForm.error_messages,
        "invalid_login": "Name and password do not go together. Both tell capital letters apart.",
    }

    @property
    def wait_s(self) -> int:
        return wait_of(self.request) if self.request else 0

    def get_invalid_login_error(self) -> ValidationError:
        return ValidationError(wait_sentence(self.wait_s)) if self.wait_s else super().get_invalid_login_error()


class AdminSignInForm(SignInForm, AdminAuthenticationForm):
    error_messages = AdminAuthenticationForm.error_messages


class AccountForm(UserChangeForm):  # type: ignore[type-arg]
    """Of the admin."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        able = ("is_active", "is_staff", "is_superuser")
        if not all(cleaned.get(name, getattr(self.instance, name)) for name in able):
            require_other_administrators([self.instance])
        return cleaned


class AccountPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Of the admin: it sets a password, or takes it away."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        identities = self.user.external_identities.filter(issuer=settings.CONFIGURATION.oidc_issuer)
        if not cleaned["set_usable_password"] and not identities.exists():
            try:
                require_other_administrators([self.user])
            except LastAdministrator as refused:
                self.add_error("usable_password", refused)  # the page shows errors of fields only
        return cleaned


def check_current_password(request: HttpRequest, user: User, password: str) -> None:
    """Raise ValidationError if it is wrong; guesses are throttled as on the sign-in page."""
    if authenticate(request, username=user.get_username(), password=password) != user:
        wait_s = wait_of(request)
        raise ValidationError(wait_sentence(wait_s) if wait_s else "That is not your current password.")
    forget_attempts(user)


class ErrorsAtFirstPassword(SetPasswordForm):  # type: ignore[type-arg]
    def validate_password_for_user(self, user: User, password_field_name: str = "") -> None:
        super().validate_password_for_user(user, "new_password1")


class ChangePasswordForm(ErrorsAtFirstPassword, PasswordChangeForm):
    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        check_current_password(self.request, self.user, password)
        return password


class ChangeEmailForm(forms.Form):
    email = forms.EmailField(max_length=LONGEST_EMAIL)
    old_password = forms.CharField(strip=False)

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.request = user, request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        check_current_password(self.request, self.user, password)
        return password


class ForgottenPasswordForm(PasswordResetForm):
    def write_emails(self, link_to: Callable[[str, str], str]) -> list[EmailMessage]:
        """Return one for each account of the address that has a password; `link_to` takes its id in base 64 and its token."""
        return [
            write_email(
                user.email,
                "forgotten_password",
                account=user,
                link=link_to(urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)),
            )
            for user in self.get_users(self.cleaned_data["email"])
        ]
