from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from advisor.teams.models import User
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


class ChangePasswordForm(PasswordChangeForm):
    """Throttle guesses of the current password as on the sign-in page."""

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.get_username(), password=password) != self.user:
            wait_s = wait_of(self.request)
            raise ValidationError(wait_sentence(wait_s) if wait_s else "That is not your current password.")
        forget_attempts(self.user)
        return password

    def validate_password_for_user(self, user: User, password_field_name: str = "") -> None:
        super().validate_password_for_user(user, "new_password1")
