"""The user and the workspace of a request are looked up on first use: a view that needs neither makes no query."""

import ipaddress
import logging
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.crypto import salted_hmac
from django.utils.functional import SimpleLazyObject
from django.utils.http import escape_leading_slashes
from django_htmx.middleware import HtmxDetails

from advisor.teams.access import first_workspace, workspaces_of
from advisor.teams.links import OneTimeToken
from advisor.teams.models import User, Workspace
from advisor.teams.services.accounts import local_user_and_workspace
from advisor.teams.services.audit import AuditSubject
from advisor.teams.services.sessions import is_idle, is_noted, note_session
from advisor.teams.throttle import connection_address
from core.units import DAY_S

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CHOSEN = "workspace"
"""Key of the session."""

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
TOKEN = "token"  # noqa: S105
"""Parameter of the printed address."""
SHARE_LINKS = "/shared/"
"""What follows is a share link's secret."""
COOKIE_SALT = "advisor.teams.local"
COOKIE_AGE_S = 30 * DAY_S
PROXY_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)


class MemberRequest(HttpRequest):
    user: User
    workspace: Workspace
    htmx: HtmxDetails
    audit_subject: AuditSubject
    """Of what the page has found, as it is before a change; missing if it has not looked."""


class NotAdmitted(PermissionDenied):
    def __init__(self, heading: str, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.heading = heading
        self.advice = advice


class LocalAccess:
    """In local mode, admit a browser that opened the address printed by `up`, as the local user; refuse others with 403.

    A share link opens in any browser of this machine.

    The address holds a token that is used up by a GET and leaves a signed cookie. No session begins: hosted mode on the
    same data does not accept that cookie. A proxy's header and a foreign Host are refused even with the cookie: local
    mode is for one person at one machine. Raises NotAdmitted, which says what to do.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.CONFIGURATION.local:
            return self.get_response(request)
        if not is_from_this_machine(request):
            raise NotAdmitted(
                "Crossover runs in local mode",
                "It serves this machine alone, and this request came through a proxy or from another machine.",
                "To serve others, start it in hosted mode: the README says how.",
            )
        given = request.GET.get(TOKEN) if request.method == "GET" else None
        if request.path_info.startswith(SHARE_LINKS):
            return self.get_response(request)
        if _holds_cookie(request):
            return _without_token(request) if given else self._as_local_user(request)
        if given and OneTimeToken(settings.CONFIGURATION.local_address_token).use(given):
            response = _without_token(request)
            admit(response)
            return response
        raise NotAdmitted(
            "Open the address that Crossover printed",
            "This address has been used already, or is not the one that was printed last."
            if given
            else "This browser has not been admitted yet.",
            "The address is in the terminal where Crossover was started, and admits one browser. Once it has been used, "
            "a new one is printed for the next browser.",
        )

    def _as_local_user(self, request: HttpRequest) -> HttpResponseBase:
        visitor = request.user

        def local_user() -> User:
            return visitor if isinstance(visitor, User) else local_user_and_workspace()[0]

        request.user = SimpleLazyObject(local_user)  # type: ignore[assignment]
        request.auser = sync_to_async(local_user)
        return self.get_response(request)


class CurrentWorkspace:
    """Set `request.workspace`: the one that was last chosen, else the first one joined.

    The session only remembers the choice; membership is checked each time. A user without a workspace gets 403.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.workspace = SimpleLazyObject(lambda: _workspace_of(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def is_from_this_machine(request: HttpRequest) -> bool:
    host = request.get_host().lower()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return (
        name in LOCAL_HOSTS
        and ipaddress.ip_address(connection_address(request) or "0.0.0.0").is_loopback  # noqa: S104
        and not any(header in request.META for header in PROXY_HEADERS)
    )


def cookie_name() -> str:
    """Differ by data folder: cookies are shared by all ports of a host, and two sites may run side by side."""
    return f"crossover_{salted_hmac(COOKIE_SALT, 'name').hexdigest()[:8]}"


def admit(response: HttpResponseBase) -> None:
    response.set_signed_cookie(
        cookie_name(), "local", salt=COOKIE_SALT, max_age=COOKIE_AGE_S, httponly=True, samesite="Lax"
    )


def _holds_cookie(request: HttpRequest) -> bool:
    return request.get_signed_cookie(cookie_name(), "", salt=COOKIE_SALT, max_age=COOKIE_AGE_S) == "local"


def _without_token(request: HttpRequest) -> HttpResponse:
    kept = request.GET.copy()
    del kept[TOKEN]
    response = HttpResponseRedirect(escape_leading_slashes(request.path) + (f"?{kept.urlencode()}" if kept else ""))
    response["Cache-Control"] = "no-store"
    return response


def choose_workspace(request: HttpRequest, workspace: Workspace) -> None:
    request.session[CHOSEN] = str(workspace.pk)


def _workspace_of(request: HttpRequest) -> Workspace:
    user = request.user
    workspace = None
    if isinstance(user, User):
        chosen = request.session.get(CHOSEN)
        workspace = workspaces_of(user).filter(pk=chosen).first() if chosen else None
        workspace = workspace or first_workspace(user)
    if workspace is None:
        raise PermissionDenied("You are not a member of any workspace yet.")
    return workspace


class SessionNotes:
    """End a session that was idle for too long, before a page is made. Note its use afterwards, if the page looked up the user."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_idle(request):
            log.info("A session of account %s ended: it was not used", request.session[SESSION_KEY])
            request.session.flush()
        response = self.get_response(request)
        if not is_noted(request) and isinstance(request.user, User):
            try:
                note_session(request, request.user)
            except DatabaseError as error:  # full or locked: the page has been made, and is worth more than the note
                log.warning("A session could not be noted: %s", error)
        return response
