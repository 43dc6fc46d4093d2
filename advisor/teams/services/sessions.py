import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from advisor.teams.models import SignedInSession, User
from advisor.teams.throttle import connection_address

log = logging.getLogger(__name__)

SESSION_SEEN_EVERY = timedelta(minutes=5)
"""How often the use of a session is noted."""

SESSION_BEGUN, SESSION_SEEN = "session_begun", "session_seen"
"""Keys of the session: when it began; and its key and time when last noted, in seconds since 1970."""


def begin_session(sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Note a new session, and let it end after the configured time, however much it is used."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()  # nothing else clears them, and they show where people were
    request.session[SESSION_BEGUN] = now.timestamp()
    request.session.set_expiry(now + settings.CONFIGURATION.session_age)
    if request.session.session_key is None:
        request.session.create()
    note_session(request, user)


def is_noted(request: HttpRequest) -> bool:
    session = request.session
    if not session.accessed or SESSION_KEY not in session:
        return True
    key, seen = session.get(SESSION_SEEN, ("", 0.0))
    return bool(key == session.session_key and timezone.now().timestamp() - seen < SESSION_SEEN_EVERY.total_seconds())


def is_idle(request: HttpRequest) -> bool:
    """Whether the session has not been used for longer than is configured."""
    most_minutes = settings.CONFIGURATION.session_idle_minutes
    if most_minutes is None or SESSION_KEY not in request.session:
        return False
    _, seen = request.session.get(SESSION_SEEN, ("", 0.0))
    return bool(timezone.now().timestamp() - seen > 60 * most_minutes)


def note_session(request: HttpRequest, user: User) -> None:
    """Note where the session is used; do nothing if it has been ended in the meantime."""
    session, now = request.session, timezone.now()
    begun = session.setdefault(SESSION_BEGUN, now.timestamp())
    seen: dict[str, Any] = {
        "user": user,
        "last_seen_at": now,
        "address": connection_address(request),
        "user_agent": request.META.get("HTTP_USER_AGENT", "")[:255],
    }
    with transaction.atomic():
        if not Session.objects.select_for_update().filter(pk=session.session_key).exists():
            return
        SignedInSession.objects.update_or_create(
            session_id=session.session_key,
            defaults=seen,
            create_defaults=seen | {"begun_at": datetime.fromtimestamp(begun, UTC)},
        )
    session[SESSION_SEEN] = (session.session_key, now.timestamp())


def sessions_of(user: User) -> list[SignedInSession]:
    """Return those that still admit the user, the last seen first: not expired, and begun with the current password."""
    rows = _rows_of(user).filter(session__expire_date__gt=timezone.now()).select_related("session")
    password = user.get_session_auth_hash()
    return [row for row in rows if constant_time_compare(row.session.get_decoded().get(HASH_SESSION_KEY, ""), password)]


def end_session(user: User, row_id: int) -> bool:
    return bool(_end(user, _rows_of(user).filter(pk=row_id)))


def end_other_sessions(user: User, but: str | None = None) -> int:
    return _end(user, _rows_of(user).exclude(session_id=but))


def _rows_of(user: User) -> "QuerySet[SignedInSession]":
    return SignedInSession.objects.filter(user=user)


def _end(user: User, rows: "QuerySet[SignedInSession]") -> int:
    keys = list(rows.values_list("session_id", flat=True))
    Session.objects.filter(pk__in=keys).delete()
    if keys:
        log.info("Ended %d session(s) of account %s", len(keys), user.pk)
    return len(keys)
