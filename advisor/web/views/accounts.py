"""Accounts: signing in, one's own password and sessions, and the first administrator. Local mode has no accounts to sign in to."""

import logging
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from advisor.decisions.services.decisions import ensure_demo
from advisor.teams.forms import ChangePasswordForm, SignInForm
from advisor.teams.links import LinkGone, absolute_link
from advisor.teams.mail import is_mail_offered
from advisor.teams.middleware import MemberRequest, choose_workspace
from advisor.teams.openid import SignInRefused, is_offered, read_claims, redirect_to_provider
from advisor.teams.services.external_accounts import sign_in_account
from advisor.teams.services.first_administrator import is_first_administrator_link, make_first_administrator
from advisor.teams.services.sessions import end_other_sessions, end_session, note_session, sessions_of
from advisor.teams.throttle import check_throttle, count_attempt
from advisor.web.access import hosted_only
from advisor.web.forms.questions import reasons_by_field
from advisor.web.refusals import refusal
from advisor.web.views.members import PASSWORD_BACKEND, name_from
from core.errors import InvalidInput
from core.numbers import count

log = logging.getLogger(__name__)


@require_safe
@hosted_only
def show_account(request: MemberRequest) -> HttpResponseBase:
    context = {
        "sessions": sessions_of(request.user),
        "current": request.session.session_key,
        "is_mail_offered": is_mail_offered(),
    }
    return render(request, "accounts/account.html", context)


@require_POST
@hosted_only
def end_own_session(request: MemberRequest, session_id: int) -> HttpResponseBase:
    if not end_session(request.user, session_id):
        raise Http404
    messages.success(request, "The session has ended.")
    return redirect("account")


@require_POST
@hosted_only
def end_own_other_sessions(request: MemberRequest) -> HttpResponseBase:
    ended = end_other_sessions(request.user, but=request.session.session_key)
    messages.success(request, f"{count(ended, 'other session')} ended.")
    return redirect("account")


@method_decorator(hosted_only, name="dispatch")
class ChangePassword(auth.PasswordChangeView):
    template_name = "accounts/password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:  # type: ignore[override]
        response = super().form_valid(form)
        note_session(self.request, form.user)
        end_other_sessions(form.user, but=self.request.session.session_key)
        log.info("Password of account %s changed by its owner", form.user.pk)
        messages.success(self.request, "Your password is changed. All other sessions have ended.")
        return response

    def form_invalid(self, form: ChangePasswordForm) -> HttpResponse:  # type: ignore[override]
        return self.render_to_response(self.get_context_data(form=form), status=422)


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """A fragment whose session has ended reloads its page instead of showing the form in its place."""

    template_name = "accounts/login.html"
    authentication_form = SignInForm
    next_page = "home"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.headers.get("HX-Request") == "true":
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        label = settings.CONFIGURATION.oidc_label if is_offered() else ""
        return super().get_context_data(**kwargs) | {"provider": label, "is_mail_offered": is_mail_offered()}


class SignOut(LogoutView):
    """The browser drops the pages that it has kept, and input that was not sent. Cookies stay: it would drop those of other hosts, too."""

    next_page = "home"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().dispatch(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


NEXT_PAGE = "oidc_next"
"""Key of the session."""


@login_not_required
@never_cache
@require_safe
def sign_in_with_provider(request: HttpRequest) -> HttpResponseBase:
    if not is_offered():
        raise Http404
    check_throttle(request)
    following = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    request.session[NEXT_PAGE] = following if is_ours else ""
    try:
        return redirect_to_provider(request, absolute_link(request, reverse("oidc-callback")))
    except SignInRefused as reason:
        return _provider_refused(request, reason, 503)


@login_not_required
@never_cache
@require_safe
def return_from_provider(request: HttpRequest) -> HttpResponseBase:
    if not is_offered():
        raise Http404
    check_throttle(request)
    try:
        claims = read_claims(request)
    except SignInRefused as reason:
        count_attempt(request)
        return _provider_refused(request, reason, 403)
    user = sign_in_account(request, claims)
    following = request.session.pop(NEXT_PAGE, "")
    login(request, user, PASSWORD_BACKEND)
    return redirect(following or "home")


def _provider_refused(request: HttpRequest, reason: SignInRefused, status: int) -> HttpResponse:
    label = settings.CONFIGURATION.oidc_label
    log.warning("Sign-in with %s failed: %s", label, reason)
    return refusal(
        request,
        status,
        [f"You are not signed in: {label} did not confirm who you are."],
        heading="The sign-in did not work",
        advice="Try again from the sign-in page. If it happens again, an administrator finds the reason in the log.",
    )


FIRST_WORKSPACE = "Our decisions"


@sensitive_post_parameters("password", "again")
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def first_administrator(request: HttpRequest, token: str) -> HttpResponseBase:
    """Create the account and sign it in. A wrong or used link is a 404."""
    check_throttle(request)
    if not is_first_administrator_link(token):
        count_attempt(request)
        return refusal(request, 404)
    if request.method != "POST":
        return _first_administrator_page(request)
    given = request.POST.copy()
    given["name"] = given.get("name", "").strip() or FIRST_WORKSPACE
    try:
        user, workspace = make_first_administrator(
            token, given.get("username", ""), given.get("password", ""), given.get("again", ""), name_from(given)
        )
    except LinkGone:
        return refusal(request, 404)
    except InvalidInput as error:
        return _first_administrator_page(request, error)
    ensure_demo(workspace)
    login(request, user, PASSWORD_BACKEND)
    choose_workspace(request, workspace)
    return redirect("home")


def _first_administrator_page(request: HttpRequest, refused: InvalidInput | None = None) -> HttpResponse:
    context = {
        "errors": reasons_by_field(refused),
        "username": request.POST.get("username", ""),
        "workspace": request.POST.get("name", FIRST_WORKSPACE),
    }
    return render(request, "accounts/first_administrator.html", context, status=422 if refused else 200)
