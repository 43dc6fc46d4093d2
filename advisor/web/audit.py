"""What the audit log records of requests: which address means what, and about what it is.

Signing in and out is recorded by signals, in `advisor.teams.services.audit`.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase, QueryDict

from advisor.decisions.models import Decision, Revision, Run, ShareLink, Sweep
from advisor.teams.links import digest_of
from advisor.teams.models import User, Workspace
from advisor.teams.services.audit import AuditSubject, record_event

log = logging.getLogger(__name__)

READ_ACTIONS = {
    "decision": "read the decision",
    "revision": "read the decision",
    "compare-revisions": "read the decision",
    "comments": "read the comments",
    "run": "read the simulation",
    "sweep": "read the map",
    "fewest": "read the search",
    "recordings": "read the list of recordings",
    "report": "exported the report",
    "bundle": "exported the bundle",
    "answers-file": "exported the answers",
    "run-tables": "exported the tables",
    "shared": "opened the share link",
    "shared-picture": "opened the share link",
    "api:decision": "read the decision",
    "api:report": "exported the report",
    "api:run": "read the simulation",
}
"""Of requests that read, by the name of the address. Reading again within an hour is not recorded again."""

CHANGE_ACTIONS = {
    "hide-library-entry": "changed the library",
    "reset-library-entry": "changed the library",
    "library-entry": "changed the library",
    "new-library-entry": "changed the library",
    "new-from-recording": "made a decision",
    "new-from-answers": "made a decision",
    "save-answers": "changed the answers",
    "undo-answers": "changed the answers",
    "redo-answers": "changed the answers",
    "replace-answers": "changed the answers",
    "take-seen-answers": "changed the answers",
    "upload-trace": "uploaded a recording",
    "review-recording": "used a recording",
    "forget-trace": "removed the recording",
    "look-at-queue": "looked at a running queue",
    "simulate": "started a simulation",
    "run-again": "started a simulation",
    "run-with-servers": "started a simulation",
    "start-sweep": "started a map",
    "start-fewest": "started a search",
    "cancel-run": "cancelled the simulation",
    "cancel-sweep": "cancelled the map",
    "cancel-fewest": "cancelled the search",
    "requeue-letters": "queued dead letters again",
    "empty-letters": "deleted dead letters",
    "decision-status": "set the status",
    "decision-tags": "changed the tags",
    "duplicate-decision": "duplicated the decision",
    "archive-decision": "archived the decision",
    "restore-decision": "restored the decision",
    "delete-decision": "deleted the decision",
    "add-comment": "commented",
    "delete-comment": "deleted a comment",
    "share": "made a share link",
    "revoke-share-link": "revoked a share link",
    "delete-recording": "deleted a recording",
    "workspaces": "made a workspace",
    "rename-workspace": "renamed the workspace",
    "member-role": "set the role of a member",
    "remove-member": "removed a member",
    "invite": "made an invitation",
    "revoke-invitation": "revoked an invitation",
    "join": "joined the workspace",
    "make-password-reset": "made a link to reset a password",
    "revoke-password-reset": "revoked a link to reset a password",
    "password-reset": "reset the password",
    "choose-forgotten-password": "reset the password",
    "change-password": "changed the password",
    "confirm-email": "changed the email address",
    "end-other-sessions": "ended sessions",
    "end-session": "ended a session",
    "first-administrator": "became the first administrator",
    "make-api-key": "made an API key",
    "revoke-api-key": "revoked an API key",
    "reconcile-now": "reconciled by hand",
    "cancel-any-run": "cancelled the simulation as administrator",
    "cancel-any-sweep": "cancelled the map or search as administrator",
    "api:decisions": "made a decision",
    "api:start-run": "started a simulation",
}
"""Of requests that change something."""

TYPING = ("save-answers", "undo-answers", "redo-answers")
"""One request a keystroke; the revisions say what was changed. Again within an hour, it is not recorded again."""

ADDRESS_WITH_SECRET = ("shared", "shared-picture", "first-administrator", "confirm-email")


class AuditTrail:
    """Record who read or changed what, after it worked. In local mode there is one user, and nothing is recorded.

    A row that the database refuses is in the log instead: what was done stays done.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 and not settings.CONFIGURATION.local:
            action = _action_of(request)
            if action:
                if not hasattr(request, "audit_subject"):  # `access` notes what it finds, as it is before a change
                    request.audit_subject = _subject_of(request, request.resolver_match.kwargs)  # type: ignore[attr-defined, union-attr]
                _record(request, action)
        return response


def _action_of(request: HttpRequest) -> str:
    name = request.resolver_match.view_name if request.resolver_match else ""
    actions = READ_ACTIONS if request.method == "GET" else CHANGE_ACTIONS if request.method == "POST" else {}
    action = actions.get(name, "")
    return f"{action} {_detail(request.POST)}".strip() if name == "decision-status" and action else action


def _detail(post: QueryDict) -> str:
    return post.get("status", "")[:20] if post.get("status", "").isascii() else ""


def _subject_of(request: HttpRequest, ids: dict[str, Any]) -> AuditSubject:
    """The title of what the address is about, and its workspace; if it says none, those of the user."""
    row: tuple[Any, str] | None = None
    if key := ids.get("decision_id"):
        row = Decision.objects.filter(pk=key).values_list("workspace_id", "title").first()
    elif key := ids.get("run_id"):
        row = Run.objects.filter(pk=key).values_list("workspace_id", "revision__decision__title").first()
    elif key := ids.get("sweep_id"):
        row = Sweep.objects.filter(pk=key).values_list("workspace_id", "revision__decision__title").first()
    elif key := ids.get("workspace_id"):
        row = Workspace.objects.filter(pk=key).values_list("pk", "name").first()
    elif "token" in ids:
        shared = Revision.objects.filter(
            pk__in=ShareLink.objects.filter(token_digest=digest_of(ids["token"])).values("revision")
        )
        row = shared.values_list("decision__workspace_id", "decision__title").first()
    return AuditSubject(*row) if row else AuditSubject()


def _record(request: HttpRequest, action: str) -> None:
    subject: AuditSubject = getattr(request, "audit_subject", AuditSubject())
    name = request.resolver_match.view_name if request.resolver_match else ""
    user = request.user if isinstance(request.user, User) else None
    if user is None and name not in ADDRESS_WITH_SECRET and name != "password-reset":
        return  # sent to the sign-in page
    key = getattr(request, "api_key", None)
    try:
        record_event(
            request,
            action,
            user,
            subject,
            path="" if name in ADDRESS_WITH_SECRET else request.path,
            api_key=f"{key.name} …{key.hint}" if key else "",
            is_once_an_hour=request.method == "GET" or name in TYPING,
        )
    except DatabaseError:
        log.exception("The audit log could not be written: account %s %s %s", user and user.pk, action, subject.title)
