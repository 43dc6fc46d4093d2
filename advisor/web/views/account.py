"""One's own account: the password, and where one is signed in. In local mode, where nobody signs in, there is no such page."""

import logging
from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from advisor.reports.wording import count
from advisor.teams.forms import ChangePasswordForm
from advisor.teams.middleware import MemberRequest
from advisor.teams.services.sessions import end_other_sessions, end_session, note_session, sessions_of
from advisor.web.access import hosted_only

log = logging.getLogger(__name__)


@require_safe
@hosted_only
def show(request: MemberRequest) -> HttpResponseBase:
    """What to change, and the sessions."""
    context = {"sessions": sessions_of(request.user), "current": request.session.session_key}
    return render(request, "accounts/account.html", context)


@require_POST
@hosted_only
def end(request: MemberRequest, session_id: int) -> HttpResponseBase:
    """Ends one session."""
    if not end_session(request.user, session_id):
        raise Http404
    messages.success(request, "The session has ended.")
    return redirect("account")


@require_POST
@hosted_only
def end_others(request: MemberRequest) -> HttpResponseBase:
    """Ends all sessions but this one."""
    ended = end_other_sessions(request.user, but=request.session.session_key)
    messages.success(request, f"{count(ended, 'other session')} ended.")
    return redirect("account")


@method_decorator(hosted_only, name="dispatch")
class ChangePassword(auth.PasswordChangeView):
    """Django's own; all sessions but this one end with the old password."""

    template_name = "accounts/password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form also looks at who asks from where."""
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:  # type: ignore[override]
        """Changed: the session that did it goes on, under a new key."""
        response = super().form_valid(form)
        note_session(self.request, form.user)
        end_other_sessions(form.user, but=self.request.session.session_key)
        log.info("Password of account %s changed by its owner", form.user.pk)
        messages.success(self.request, "Your password is changed. All other sessions have ended.")
        return response

    def form_invalid(self, form: ChangePasswordForm) -> HttpResponse:  # type: ignore[override]
        """The page again, with what is wrong beside its field."""
        return self.render_to_response(self.get_context_data(form=form), status=422)
