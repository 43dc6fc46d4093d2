"""Writing the audit log, and finding in it."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from structlog.contextvars import get_contextvars

from advisor.teams.models import AuditEvent, User
from advisor.teams.throttle import connection_address

RECORDED_AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class AuditSubject:
    workspace_id: UUID | None = None
    title: str = ""


def record_event(
    request: HttpRequest,
    action: str,
    user: User | None,
    subject: AuditSubject,
    *,
    path: str = "",
    api_key: str = "",
    is_once_an_hour: bool = False,
) -> None:
    """Add a row, unless there is the same one within the last hour and one is enough."""
    fields: dict[str, Any] = {
        "action": action[:60],
        "actor": user,
        "api_key": api_key[:140],
        "workspace_id": subject.workspace_id,
        "subject": subject.title[:300],
        "path": path[:200],
        "address": connection_address(request),
    }
    if is_once_an_hour and _is_recorded(fields):
        return
    event = AuditEvent.objects.create(
        actor_name=user.get_username()[:150] if user else "",
        request_id=get_contextvars().get("request_id", ""),
        **fields,
    )
    if is_once_an_hour:
        _remember(fields, event.at)


_RECORDED: dict[Hashable, datetime] = {}
"""When this process has last seen that there is such a row: rows stay. It spares most readers a look into the log."""
MOST_REMEMBERED = 10_000


def _is_recorded(fields: dict[str, Any]) -> bool:
    """Whether there is the same row of the last hour."""
    since = timezone.now() - RECORDED_AGAIN_AFTER
    at = _RECORDED.get(tuple(fields.values()))
    if at is None or at <= since:
        at = AuditEvent.objects.filter(at__gt=since, **fields).values_list("at", flat=True).first()
        if at is not None:
            _remember(fields, at)
    return at is not None


def _remember(fields: dict[str, Any], at: datetime) -> None:
    if len(_RECORDED) >= MOST_REMEMBERED:
        _RECORDED.clear()
    _RECORDED[tuple(fields.values())] = at


def record_sign_in(sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    if not settings.CONFIGURATION.local:
        record_event(request, "signed in", user, AuditSubject())


def record_sign_out(sender: object, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None and not settings.CONFIGURATION.local:
        record_event(request, "signed out", user, AuditSubject())


def record_failed_sign_in(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Keep the name only if there is such an account: people type passwords into the wrong field."""
    if request is None or settings.CONFIGURATION.local:
        return
    name = str(credentials.get("username", ""))[:150]
    known = User.objects.filter(username=name).exists()
    record_event(request, "failed to sign in", None, AuditSubject(title=name if known else "(no such account)"))


def find_events(
    workspace_id: UUID | None, words: str = "", since: date | None = None, until: date | None = None
) -> "QuerySet[AuditEvent]":
    """Those of a workspace, or all; each of the words is in the action, the person, the key, the subject or the address."""
    events = AuditEvent.objects.select_related("workspace")
    if workspace_id is not None:
        events = events.filter(workspace=workspace_id)
    for word in words.split()[:10]:
        fields = ("action", "actor_name", "api_key", "subject", "address")
        anywhere = Q()
        for field in fields:
            anywhere |= Q(**{f"{field}__icontains": word})
        events = events.filter(anywhere)
    if since:
        events = events.filter(at__gte=_midnight(since))
    if until:
        events = events.filter(at__lt=_midnight(until + timedelta(days=1)))
    return events


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
