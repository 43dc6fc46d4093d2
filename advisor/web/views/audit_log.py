"""The audit log as a page and as CSV: of a workspace for its owners, of the installation for administrators."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from advisor.teams.access import require_owner
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import AuditEvent, Workspace
from advisor.teams.services.audit import find_events
from advisor.web.access import administrators_only, find_workspace, hosted_only

EVENTS_A_PAGE = 100
CSV_ROWS_AT_ONCE = 500
CSV_COLUMNS = ("time", "person", "api key", "action", "subject", "workspace", "page", "address", "request id")
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


@require_safe
@hosted_only
def workspace_audit(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    if not request.user.is_superuser:
        require_owner(request.user, workspace)
    return _audit_page(request, workspace)


@require_safe
@hosted_only
@administrators_only
def installation_audit(request: MemberRequest) -> HttpResponseBase:
    return _audit_page(request, None)


def _audit_page(request: MemberRequest, workspace: Workspace | None) -> HttpResponseBase:
    given = {name: request.GET.get(name, "").replace("\x00", "")[:100] for name in ("words", "since", "until")}
    since, until = _day(given["since"]), _day(given["until"])
    events = find_events(workspace.pk if workspace else None, given["words"], since, until)
    if request.GET.get("format") == "csv":
        name = "audit-log.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(_csv_lines(events), content_type="text/csv; charset=utf-8", headers=headers)
    page = Paginator(events, EVENTS_A_PAGE).get_page(request.GET.get("page"))
    errors = {
        name: "Give a day such as 2026-11-30."
        for name, day in (("since", since), ("until", until))
        if given[name] and not day
    }
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in given.items() if value})
    context = {"workspace": workspace, "page": page, "given": given, "errors": errors, "query": query.urlencode()}
    return render(request, "workspaces/audit.html", context, status=422 if errors else 200)


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _csv_lines(events: "QuerySet[AuditEvent]") -> Iterator[str]:
    yield _csv_line(CSV_COLUMNS)
    for event in events.iterator(chunk_size=CSV_ROWS_AT_ONCE):
        cells = (event.actor_name, event.api_key, event.action, event.subject)
        workspace = event.workspace.name if event.workspace else ""
        where = (workspace, event.path, event.address or "", event.request_id)
        yield _csv_line((event.at.isoformat(), *cells, *where))


def _csv_line(cells: tuple[str, ...]) -> str:
    """A cell that a spreadsheet would compute is made text by an apostrophe."""
    line = io.StringIO()
    csv.writer(line).writerow(f"'{cell}" if cell.startswith(FORMULA_BEGINNINGS) else cell for cell in cells)
    return line.getvalue()
