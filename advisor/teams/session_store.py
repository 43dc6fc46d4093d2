"""Sessions in Django's table, read with their user: one prepared query for each request in place of two that Django makes anew."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS
from django.db.models import CharField, DateTimeField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from advisor.teams.models import User
from advisor.teams.prepared_queries import Given, PreparedQuery, columns

INSTANTS = ("last_login", "date_joined")
"""Looked up if they are asked for: rows of SQLite have them as text."""
USER_COLUMNS = columns(User, but=INSTANTS)
_SESSION = PreparedQuery(
    lambda: Session.objects.filter(
        session_key=Given(0, CharField()), expire_date__gt=Given(1, DateTimeField())
    ).values_list("session_data", *(f"signed_in__user__{name}" for name in USER_COLUMNS))
)


class SessionStore(db.SessionStore):
    """The name is Django's: it salts what is stored."""

    noted_user: User | None = None
    """Of the noted session, as stored: active or not."""

    def load(self) -> dict[str, object]:
        rows = _SESSION(self.session_key, timezone.now())
        if not rows:
            return super().load()  # which forgets the key
        data, *user = rows[0]
        if user[0] is not None:
            self.noted_user = User.from_db(DEFAULT_DB_ALIAS, USER_COLUMNS, user)
        return self.decode(data)


class SessionUsers(AuthenticationMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user_of(request))  # type: ignore[assignment]


def _user_of(request: HttpRequest) -> User | AnonymousUser:
    """As Django's `get_user`, which is asked unless all that it checks holds for the user who was read with the session."""
    session = request.session
    user_id = session.get(SESSION_KEY)
    user: User | None = getattr(session, "noted_user", None)
    if (
        user is not None
        and str(user.pk) == user_id
        and user.is_active
        and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    ):
        return user
    return get_user(request)
