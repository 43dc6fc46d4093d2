"""Who is asking, and in which workspace. Both are looked up when first used: a view that needs neither asks no database."""

import ipaddress
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from advisor.teams.access import first_workspace, workspaces_of
from advisor.teams.models import User, Workspace
from advisor.teams.services import local_user_and_workspace

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CHOSEN = "workspace"
"""Where the session keeps the workspace that was chosen."""

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
PROXY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")


class MemberRequest(HttpRequest):
    """A request of somebody signed in, as views behind the login see it."""

    user: User
    workspace: Workspace


class LocalSignIn:
    """In local mode, takes whoever asks from this very machine for the local user.

    No session is begun: the same data served in hosted mode later knows nobody by an old cookie. A request with the
    header of a proxy may come from anywhere, and a foreign Host header is a page elsewhere that rebinds its name to us.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.CONFIGURATION.local and is_of_this_machine(request):
            visitor = request.user

            def somebody() -> User:
                return visitor if isinstance(visitor, User) else local_user_and_workspace()[0]

            request.user = SimpleLazyObject(somebody)  # type: ignore[assignment]
            request.auser = sync_to_async(somebody)
        return self.get_response(request)


class CurrentWorkspace:
    """Sets `request.workspace`: the one that was last chosen, else the first one joined, of whoever is signed in.

    The session only remembers the choice; whether one is a member is asked each time. To use it without any is a
    refusal (403).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.workspace = SimpleLazyObject(lambda: _workspace_of(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def is_of_this_machine(request: HttpRequest) -> bool:
    """Whether the request came straight over the loopback address, and was meant for it."""
    host = request.get_host().lower()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return (
        name in LOCAL_HOSTS
        and _is_loopback(request.META.get("REMOTE_ADDR", ""))
        and not any(header in request.META for header in PROXY_HEADERS)
    )


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def choose_workspace(request: HttpRequest, workspace: Workspace) -> None:
    """From now on it is the current one, in this session."""
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
