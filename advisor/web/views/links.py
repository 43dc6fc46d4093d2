"""Links that work once, for a person without a password here: how one is opened, and what one that no longer works gets."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from advisor.teams.errors import LinkGone
from advisor.teams.services.invitations import digest_of
from advisor.teams.throttle import count_attempt, require_patience
from advisor.web.views.errors import refusal

PASSWORDS = "django.contrib.auth.backends.ModelBackend"


def open_link(
    request: HttpRequest, token: str, find: Callable[[str], object], session_key: str, page: str
) -> HttpResponseBase:
    """Keep the token's digest in the session and go on to the page: histories, logs and referrers would keep the link itself.

    `find` takes the digest, and raises LinkGone if the link does not work; that counts as an attempt of the address.

    Raises:
        TooManyAttempts: if the address has tried too many wrong links.
    """
    require_patience(request)
    digest = digest_of(token)
    try:
        find(digest)
    except LinkGone:
        count_attempt(request)
        return link_gone(request)
    request.session[session_key] = digest
    return unseen(redirect(page))


def link_gone(request: HttpRequest) -> HttpResponse:
    """The same for a link that is wrong, used, revoked or too old."""
    return unseen(refusal(request, 404))


def unseen(response: HttpResponse) -> HttpResponse:
    """Kept by no cache. The page's own forms need the referrer of their own site, and its address holds no secret."""
    response["Cache-Control"] = "no-store"
    if response.status_code not in (200, 422):
        response["Referrer-Policy"] = "no-referrer"
    return response
