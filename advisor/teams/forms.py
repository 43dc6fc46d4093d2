"""Signing in, on the site's own page and on the admin's."""

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from advisor.teams.throttle import wait_of, wait_sentence


class SignInForm(AuthenticationForm):
    """Django's own; after too many attempts it says how long to wait."""

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
    """The same for the admin, which lets staff in alone."""

    error_messages = AdminAuthenticationForm.error_messages
