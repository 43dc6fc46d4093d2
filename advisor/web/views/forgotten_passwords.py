"""A link to set a new password, by email to those who have forgotten theirs."""

import logging
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from advisor.teams.forms import ErrorsAtFirstPassword, ForgottenPasswordForm
from advisor.teams.links import absolute_link
from advisor.teams.mail import is_mail_offered, open_mail_server, send_in_background
from advisor.teams.models import User
from advisor.teams.services.sessions import end_other_sessions
from advisor.teams.throttle import check_throttle, count_attempt, count_request_for_link
from advisor.web.access import hosted_only
from advisor.web.views.members import PASSWORD_BACKEND, link_gone, unseen

log = logging.getLogger(__name__)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten_password(request: HttpRequest) -> HttpResponseBase:
    """Answer alike and in the same time whether or not an account has the address: the email is sent after the answer."""
    if not is_mail_offered():
        raise Http404
    form = ForgottenPasswordForm(request.POST or None)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "accounts/forgotten.html", {"form": form}, status=status)
    count_request_for_link(request, form.cleaned_data["email"])
    connection = open_mail_server()
    emails = form.write_emails(
        lambda *ids: absolute_link(request, reverse("choose-forgotten-password", args=ids)),
    )
    log.info("%d link(s) to set a new password sent, as asked for", len(emails))
    send_in_background(connection, emails)
    return render(request, "accounts/forgotten.html", {"form": form, "is_sent": True})


@method_decorator([login_not_required, hosted_only], name="dispatch")
class ChooseForgottenPassword(PasswordResetConfirmView):
    """A link that does not work counts as an attempt of the address."""

    template_name = "accounts/reset.html"
    form_class = ErrorsAtFirstPassword
    post_reset_login = True
    post_reset_login_backend = PASSWORD_BACKEND
    success_url = reverse_lazy("home")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_throttle(request)
        return unseen(super().dispatch(request, *args, **kwargs))  # type: ignore[arg-type]

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active and user.has_usable_password() else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"account": self.user}

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if not self.validlink:
            count_attempt(self.request)
            return link_gone(self.request)
        return super().render_to_response(context, **kwargs)

    def form_valid(self, form: ErrorsAtFirstPassword) -> HttpResponse:  # type: ignore[override]
        end_other_sessions(form.user)
        response = super().form_valid(form)
        log.info("Password of account %s set by a link that was asked for by email", form.user.pk)
        messages.success(self.request, "Your new password is set. All other sessions have ended.")
        return response

    def form_invalid(self, form: ErrorsAtFirstPassword) -> HttpResponse:  # type: ignore[override]
        return self.render_to_response(self.get_context_data(form=form), status=422)
