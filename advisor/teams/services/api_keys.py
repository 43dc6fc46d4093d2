"""Keys with which programs act for the person who made them, in one workspace."""

import json
from collections.abc import Iterable
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, CharField, DateTimeField, ExpressionWrapper, F, Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from advisor.teams.access import require_owner
from advisor.teams.links import LinkGone, digest_of, new_token
from advisor.teams.models import ApiKey, ApiScope, User, Workspace
from advisor.teams.prepared_queries import Given, PreparedQuery
from advisor.teams.session_store import USER_COLUMNS
from core.errors import InvalidInput, Problem

API_KEY_DAYS = (30, 90, 365)
API_KEYS_CAP = 50
"""Open keys of one workspace."""
API_KEY_PREFIX = "crossover_"
"""Scanners for secrets recognise a key by it."""
HINT_LENGTH = 6
USE_NOTED_EVERY = timedelta(minutes=1)


def create_api_key(workspace: Workspace, user: User, name: str, scopes: Iterable[str], days: int) -> tuple[ApiKey, str]:
    """Return the key's row and the key, which is not stored.

    Raises:
        PermissionDenied: unless the user owns the workspace.
        InvalidInput: there is no such scope or duration, or the workspace has too many keys.
    """
    require_owner(user, workspace)
    wanted = [scope for scope in ApiScope.values if scope in set(scopes)]
    problems = []
    if not wanted:
        problems.append(Problem("scopes", f"choose at least one of {', '.join(ApiScope.values)}"))
    if days not in API_KEY_DAYS:
        problems.append(Problem("days", f"should be one of {', '.join(map(str, API_KEY_DAYS))}"))
    if ApiKey.objects.open().filter(workspace=workspace).count() >= API_KEYS_CAP:
        problems.append(Problem("name", f"{API_KEYS_CAP} keys are open already; revoke some first"))
    if problems:
        raise InvalidInput(problems)
    token = API_KEY_PREFIX + new_token()[0]
    key = ApiKey.objects.create(
        workspace=workspace,
        name=name,
        hint=token[-HINT_LENGTH:],
        token_digest=digest_of(token),
        scopes=wanted,
        created_by=user,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return key, token


def revoke_api_key(key: ApiKey, user: User) -> None:
    """Raise PermissionDenied unless the user owns the workspace or administers the installation."""
    if not user.is_superuser:
        require_owner(user, key.workspace)
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


_KEY_COLUMNS = ("id", "workspace_id", "name", "hint", "token_digest", "created_by_id")
_WORKSPACE_COLUMNS = ("id", "name", "is_local")
_KEY = PreparedQuery(
    lambda: (
        ApiKey.objects.filter(
            token_digest=Given(0, CharField()),
            expires_at__gt=Given(1, DateTimeField()),
            revoked_at__isnull=True,
            created_by__is_active=True,
            workspace__memberships__user=F("created_by"),
        )
        .order_by()
        .values_list(
            ExpressionWrapper(Q(last_used_at__gt=Given(2, DateTimeField())), BooleanField()),
            "scopes",
            *_KEY_COLUMNS,
            *(f"workspace__{name}" for name in _WORKSPACE_COLUMNS),
            *(f"created_by__{name}" for name in USER_COLUMNS),
        )
    )
)


def find_api_key(token: str) -> ApiKey:
    """Return the key with its workspace and the person who made it, and note its use.

    Raises LinkGone if there is none, it has expired or was revoked, or the person who made it is deactivated or no longer a member.
    """
    digest, now = digest_of(token), timezone.now()
    rows = _KEY(digest, now, now - USE_NOTED_EVERY)
    if not rows:
        raise LinkGone
    is_noted, scopes, *values = rows[0]
    of_key, of_workspace = len(_KEY_COLUMNS), len(_KEY_COLUMNS) + len(_WORKSPACE_COLUMNS)
    key = ApiKey.from_db(DEFAULT_DB_ALIAS, _KEY_COLUMNS, values[:of_key])
    if not constant_time_compare(key.token_digest, digest):
        raise LinkGone
    key.scopes = json.loads(scopes)
    key.workspace = Workspace.from_db(DEFAULT_DB_ALIAS, _WORKSPACE_COLUMNS, values[of_key:of_workspace])
    key.created_by = User.from_db(DEFAULT_DB_ALIAS, USER_COLUMNS, values[of_workspace:])
    if not is_noted:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key
