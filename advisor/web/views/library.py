"""The handbook; and the workspace's library: hops and provider profiles as shipped, as edited, and its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor import advice
from advisor.advice.handbook import Entry, entries, entry_of
from advisor.advice.library import HopFact, Profile
from advisor.advice.library_overrides import SHIPPED, Library, edit_from_entry, override_library
from advisor.decisions.models import LibraryEntry
from advisor.decisions.services.library import edits_of, hide_entry, library_of, reset_entry, save_entry
from advisor.teams.access import may_edit, require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.access import workspace_of
from advisor.web.forms.library_form import edit_from, fill_entry
from advisor.web.glossary import glossary
from core.errors import InvalidInput

KIND_TITLES = {"hop": "Hops", "profile": "Provider profiles"}
KIND_WORDS = {"hop": "hop", "profile": "provider profile"}


@dataclass(frozen=True)
class LibraryRow:
    """`was` is the shipped text if it differs; `edit` has the user and the time of the change."""

    entry: Entry
    state: str
    was: str = ""
    edit: LibraryEntry | None = None

    @property
    def edit_words(self) -> str:
        return {"hidden": "Hidden", "own": "Last changed", "edited": "Changed"}.get(self.state, "")


@require_safe
def show_library(request: MemberRequest) -> HttpResponse:
    edits = edits_of(request.workspace)
    own = override_library(edit.override for edit in edits.values())
    parts = [(kind, title, _rows(kind, own, edits)) for kind, title in KIND_TITLES.items()]
    return render(request, "library/show.html", {"parts": parts, "may_edit": may_edit(request.user, request.workspace)})


@require_http_methods(["GET", "HEAD", "POST"])
def edit_entry(request: MemberRequest, kind: str, name: str = "") -> HttpResponseBase:
    require_editor(request.user, request.workspace)
    entries = _entries(kind, library_of(request.workspace))
    if name and name not in entries:
        raise Http404
    if request.method != "POST":
        return _form(request, kind, name, fill_entry(kind, _stored(entries.get(name))))
    try:
        save_entry(request.workspace, request.user, kind, name, edit_from(kind, request.POST))
    except InvalidInput as error:
        return _form(request, kind, name, fill_entry(kind, {}, request.POST, error.problems), 422)
    return redirect("library")


@require_POST
def hide_shipped_entry(request: MemberRequest, kind: str, name: str) -> HttpResponseBase:
    _entries(kind, SHIPPED)
    try:
        hide_entry(request.workspace, request.user, kind, name)
    except LookupError:
        raise Http404 from None
    return redirect("library")


@require_POST
def restore_entry(request: MemberRequest, kind: str, name: str) -> HttpResponseBase:
    _entries(kind, SHIPPED)
    reset_entry(request.workspace, request.user, kind, name)
    return redirect("library")


def _form(request: MemberRequest, kind: str, name: str, fields: object, status: int = 200) -> HttpResponse:
    title = _entries(kind, library_of(request.workspace))[name].title if name else f"New {KIND_WORDS[kind]}"
    return render(request, "library/edit.html", {"title": title, "fields": fields}, status=status)


def _stored(fact: HopFact | Profile | None) -> dict[str, Any]:
    """The figures of an entry. An unchecked one has no date of a check: the user must give it."""
    if fact is None:
        return {}
    return edit_from_entry(fact).model_dump() | ({"checked": None} if fact.unchecked else {})


def _entries(kind: str, own: Library) -> Mapping[str, HopFact | Profile]:
    if kind not in KIND_WORDS:
        raise Http404
    return own.hops if kind == "hop" else own.profiles


def _rows(kind: str, own: Library, edits: Mapping[tuple[str, str], LibraryEntry]) -> list[LibraryRow]:
    offered, shipped = _entries(kind, own), _entries(kind, SHIPPED)
    rows, today = [], localdate()
    for name in dict.fromkeys((*shipped, *offered)):
        edit = edits.get((kind, name))
        if name not in offered:
            rows.append(LibraryRow(entry_of(shipped[name], today), "hidden", edit=edit))
        elif name not in shipped:
            rows.append(LibraryRow(entry_of(offered[name], today), "own", edit=edit))
        elif edit is not None:
            rows.append(LibraryRow(entry_of(offered[name], today), "edited", entry_of(shipped[name]).text, edit))
        else:
            rows.append(LibraryRow(entry_of(offered[name], today), "shipped"))
    return rows


HANDBOOK_PARTS = {
    "rule": ("Rules", "Forces, and what rules a style out. Nothing decides outside this table."),
    "warning": ("Warnings", "Cross-checks of the answers, whichever style is chosen."),
    "template": ("Templates", "Workloads to start from. Every value carries its reason."),
    "hop": ("Hops", "Time limits of what is between a caller and the service."),
    "profile": ("Provider profiles", "Limits of model providers. They change: mind the date."),
    "worker": (
        "Workers",
        "What a kind of worker spends on each job in addition to the job's own work; manage.py measure_rq measures yours. "
        "With 8 consumers at a load of 0.7, a dispatch of 21 ms turns a mean wait of 96 ms into 103 ms if jobs take 2 s, "
        "and one of 2.4 ms into 78 ms if they take 50 ms.",
    ),
    "broker": (
        "Brokers",
        "What carries jobs and events, with its documented limits: the choice of a broker rests on them. They change: mind the date.",
    ),
}


@login_not_required
@require_safe
def handbook(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of(request) if request.user.is_authenticated else None
    own = library_of(workspace) if workspace else SHIPPED
    parts = [
        (kind, *HANDBOOK_PARTS[kind], list(group))
        for kind, group in groupby(entries(own, localdate()), key=lambda entry: entry.kind)
    ]
    versions = advice.versions() | ({"library": own.version} if own.version else {})
    context = {"parts": parts, "versions": versions, "edited": own.edited, "glossary": glossary()}
    return render(request, "handbook/show.html", context)
