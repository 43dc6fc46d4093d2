"""Access to the JSON API by a key, and refusals as JSON."""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from advisor.decisions.errors import StaleVersion, TooManyTasks, UploadTooLarge
from advisor.decisions.jobs import count_refusal
from advisor.teams.links import LinkGone
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import ApiKey, ApiScope
from advisor.teams.services.api_keys import find_api_key
from advisor.teams.throttle import TooManyAttempts, check_throttle, count_attempt
from advisor.web.refusals import BUSY_RETRY_AFTER_S
from core.errors import InvalidInput, Problem

log = logging.getLogger(__name__)

Endpoint = Callable[..., HttpResponseBase]


class KeyedRequest(MemberRequest):
    api_key: ApiKey


class Unauthorized(Exception):
    pass


PLAIN_HTTP = "use https://. The request came over plain HTTP: if it had a key, revoke that key"


def keyed(scopes: Mapping[str, ApiScope]) -> Callable[[Endpoint], Endpoint]:
    """Serve the methods of `scopes`, each to keys with its scope. The request then has the key's workspace and the user who made it.

    Session cookies count for nothing here, so no cross-site request can use one.
    """

    def decorate(view: Endpoint) -> Endpoint:
        @csrf_exempt
        @login_not_required
        @never_cache
        @wraps(view)
        def guarded(request: KeyedRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                _admit_key(request)
                scope = scopes.get(request.method or "")
                if scope is None:
                    return json_refusal(405, [Problem("", f"use {' or '.join(scopes)}")], Allow=", ".join(scopes))
                if scope not in request.api_key.scopes:
                    raise PermissionDenied(f"This key does not have the scope {scope}.")
                return view(request, *args, **kwargs)
            except Exception as error:
                return _refused(request, error)

        return guarded

    return decorate


def _admit_key(request: KeyedRequest) -> None:
    if settings.CONFIGURATION.local:
        raise Http404
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise PermissionDenied(PLAIN_HTTP)
    check_throttle(request)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        raise Unauthorized
    try:
        key = find_api_key(token.strip())
    except LinkGone:
        count_attempt(request)
        raise Unauthorized from None
    request.api_key, request.user, request.workspace = key, key.created_by, key.workspace


def _refused(request: KeyedRequest, error: Exception) -> JsonResponse:
    match error:
        case Unauthorized():
            reason = "give a key that is open, as Authorization: Bearer KEY"
            return json_refusal(401, [Problem("", reason)], **{"WWW-Authenticate": "Bearer"})
        case PermissionDenied():
            return json_refusal(403, [Problem("", str(error))])
        case Http404():
            return json_refusal(404, [Problem("", "there is no such thing in the workspace of this key")])
        case StaleVersion():
            return json_refusal(409, [Problem("", str(error))])
        case UploadTooLarge() | RequestDataTooBig():
            return json_refusal(413, [Problem("", "the body is too large")])
        case InvalidInput():
            return json_refusal(422, error.problems)
        case TooManyTasks():
            count_refusal("queue_full", error.workspace_id)
            return json_refusal(429, [Problem("", str(error))], **{"Retry-After": "30"})
        case TooManyAttempts():
            count_refusal("too_many_attempts")
            return json_refusal(429, [Problem("", "too many wrong keys")], **{"Retry-After": str(error.wait_s)})
        case OperationalError() | InterfaceError():
            log.warning("The database did not answer", exc_info=error)
            return json_refusal(503, [Problem("", "the database is busy")], **{"Retry-After": str(BUSY_RETRY_AFTER_S)})
    log.exception("The API failed at %s", request.path)
    return json_refusal(500, [Problem("", "something broke; the server's log says what")])


def json_refusal(status: int, problems: "list[Problem] | tuple[Problem, ...]", **headers: str) -> JsonResponse:
    rows = [{"path": problem.path, "reason": problem.reason} for problem in problems]
    return JsonResponse({"status": status, "problems": rows}, status=status, headers=headers)
