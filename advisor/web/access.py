"""What a page may fetch: objects in the workspaces of the user, the current one or another. All else is a 404."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404

from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Decision, Revision, Run, Sweep, SweepKind
from advisor.decisions.services.decisions import look_at_template
from advisor.teams.access import require_editor
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import Workspace
from advisor.teams.services.audit import AuditSubject

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Model)
PageView = Callable[..., HttpResponseBase]


def workspace_of(request: HttpRequest) -> Workspace | None:
    workspace: Workspace = request.workspace  # type: ignore[attr-defined]
    try:
        workspace.pk  # noqa: B018  # looked up now
    except PermissionDenied:
        return None
    return workspace


def find_decision(request: MemberRequest, decision_id: UUID) -> Decision:
    """The decision with the id, of any workspace that the user is a member of, also if another is the current one.

    An administrator may read every one, on record.

    Raises:
        Http404: if there is none.
    """
    return _find(request, Decision.objects.select_related("workspace"), decision_id)


def find_run(request: MemberRequest, run_id: UUID, *, with_result: bool = False) -> Run:
    """The run, found as by `find_decision`; its large columns are loaded only `with_result`.

    Raises:
        Http404: if there is none.
    """
    runs = Run.objects.select_related("workspace", "revision__decision__workspace", "trace")
    runs = runs.defer("revision__answers_json", "revision__recommendation_json")
    return _find(request, runs if with_result else runs.without_result(), run_id)


def find_sweep(request: MemberRequest, sweep_id: UUID, kind: SweepKind) -> Sweep:
    sweeps = Sweep.objects.select_related("workspace", "revision__decision__workspace", "trace")
    return _find(request, sweeps.filter(kind=kind), sweep_id)


def parse_id(text: str) -> int | None:
    """A whole number that a database takes as a key; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def revision_numbered(revisions: "QuerySet[Revision]", given: str) -> Revision:
    return get_object_or_404(revisions, number=parse_id(given) or 0)


def editable_decision(request: MemberRequest, decision_id: UUID) -> Decision:
    """The decision, if the user may change it.

    Raises:
        Http404: if there is none.
        PermissionDenied: if the role only permits reading.
    """
    decision = find_decision(request, decision_id)
    require_editor(request.user, decision.workspace)
    return decision


NOT_STORED = "new:"
"""What the version of a page begins with whose decision is not stored; the template that it would be made from follows."""


def find_latest(request: MemberRequest, decision_id: UUID, version: str, *, editable: bool = False) -> Revision:
    """The latest revision of a decision; of a template that is looked at, until its decision is stored, the unsaved first one.

    Raises as `find_decision`, and PermissionDenied if it has to be `editable` and the user may only read.
    """
    template = version.removeprefix(NOT_STORED) if version.startswith(NOT_STORED) else ""
    if template in TEMPLATES and not Decision.objects.filter(pk=decision_id).exists():
        return look_at_template(request.workspace, request.user, template, decision_id)
    return (editable_decision if editable else find_decision)(request, decision_id).latest()


def version_in_page(revision: Revision) -> str:
    """The version that a page is filled from."""
    decision = revision.decision
    return f"{NOT_STORED}{revision.answers.template}" if decision._state.adding else str(decision.draft_version)


def find_workspace(request: MemberRequest, workspace_id: UUID) -> Workspace:
    return _find(request, Workspace.objects.all(), workspace_id, "")


def hosted_only(view: PageView) -> PageView:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.CONFIGURATION.local:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def administrators_only(view: PageView) -> PageView:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise PermissionDenied("This page is for administrators of the installation.")
        return view(request, *args, **kwargs)

    return guarded


def _find(request: MemberRequest, rows: "QuerySet[M]", key: UUID, within: str = "workspace__") -> M:
    """`within` leads from a row to its workspace."""
    row = rows.filter(pk=key, **{f"{within}memberships__user": request.user}).first()
    if row is None:
        if not request.user.is_superuser:
            raise Http404
        row = get_object_or_404(rows, pk=key)
        log.info("Administrator %s read %s %s", request.user.pk, row._meta.model_name, key)
    if isinstance(row, Decision | Run | Sweep):
        decision = row if isinstance(row, Decision) else row.revision.decision
        request.audit_subject = AuditSubject(row.workspace_id, decision.title)
    return row
