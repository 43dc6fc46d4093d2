"""The workspace's library: hops and provider profiles as shipped, as edited, and its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.advice.handbook import Entry, entry_of
from advisor.advice.library import HopFact, Profile
from advisor.advice.library_overrides import SHIPPED, Library, edit_from_entry, override_library
from advisor.decisions.models import LibraryEntry
from advisor.decisions.services.library import edits_of, hide_entry, library_of, reset_entry, save_entry
from advisor.teams.access import may_edit, require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.forms.library_form import FilledQuestion, edit_from, fill_entry
from core.errors import InvalidInput

KIND_TITLES = {"hop": "Hops", "profile": "Provider profiles"}
KIND_WORDS = {"hop": "hop", "profile": "provider profile"}


@dataclass(frozen=True)
class LibraryRow:
    """An entry as it is offered; `was` is what was shipped where that differs, `edit` who made it so and when."""

    entry: Entry
    state: str
    was: str = ""
    edit: LibraryEntry | None = None

    @property
    def change(self) -> str:
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
        return _form(request, kind, name, _filled(kind, entries.get(name)))
    try:
        save_entry(request.workspace, request.user, kind, name, edit_from(kind, request.POST))
    except InvalidInput as error:
        return _form(request, kind, name, fill_entry(kind, None, request.POST, error.problems), 422)
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
    context = {"kind": kind, "name": name, "title": title, "fields": fields, "shipped": name in _entries(kind, SHIPPED)}
    return render(request, "library/edit.html", context, status=status)


def _filled(kind: str, fact: HopFact | Profile | None) -> tuple[FilledQuestion, ...]:
    """The form with an entry's figures. An unchecked entry has no date of a check: the user must give one."""
    if fact is None:
        return fill_entry(kind, None)
    fields = fill_entry(kind, edit_from_entry(fact))
    return tuple(replace(one, text="") if fact.unchecked and one.asked.name == "checked" else one for one in fields)


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
