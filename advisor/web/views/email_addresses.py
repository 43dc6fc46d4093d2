"""The email address of one's own account, used once its owner has confirmed it."""

import logging
from contextlib import suppress

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from advisor.teams.forms import ChangeEmailForm
from advisor.teams.links import absolute_link, digest_of
from advisor.teams.mail import MailFailed, is_mail_offered, send_email, write_email
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import User
from advisor.web.views.members import link_gone, unseen

log = logging.getLogger(__name__)

EMAIL_SALT = "advisor.web.email"


@sensitive_post_parameters("old_password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def change_email(request: MemberRequest) -> HttpResponseBase:
    """Send a link to the new address; an account of a provider has that of the provider."""
    user = request.user
    if not is_mail_offered() or not user.has_usable_password():
        raise Http404
    form = ChangeEmailForm(user, request.POST or None, request=request, initial={"email": user.email})
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "accounts/email.html", {"form": form}, status=status)
    email = form.cleaned_data["email"]
    token = signing.dumps([*_account_state(user), email], salt=EMAIL_SALT)
    link = absolute_link(request, reverse("confirm-email", args=[token]))
    send_email(write_email(email, "confirm_email", account=user, link=link))
    return render(request, "accounts/email.html", {"form": form, "is_sent": True})


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: MemberRequest, token: str) -> HttpResponseBase:
    """A link is void once the address or the password has changed."""
    user = request.user
    try:
        *state, email = signing.loads(token, salt=EMAIL_SALT, max_age=settings.PASSWORD_RESET_TIMEOUT)
    except signing.BadSignature:
        return link_gone(request)
    if not is_mail_offered() or state != _account_state(user):
        return link_gone(request)
    if request.method != "POST":
        return unseen(render(request, "accounts/confirm_email.html", {"email": email}))
    former, user.email = user.email, email
    user.save(update_fields=["email"])
    log.info("Email address of account %s changed by its owner", user.pk)
    if former:
        with suppress(MailFailed):  # it is in the log, and what was asked for is done
            send_email(write_email(former, "email_changed", account=user))
    messages.success(request, f"The email address of your account is {email}.")
    return redirect("account")


def _account_state(user: User) -> list[object]:
    return [user.pk, user.email, digest_of(user.get_session_auth_hash())]
