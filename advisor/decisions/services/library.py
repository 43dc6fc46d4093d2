from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from advisor.advice.library import OWN
from advisor.advice.library_overrides import FORMER_TITLES, SHIPPED, HopEdit, Library, ProfileEdit, override_library
from advisor.decisions import stored
from advisor.decisions.cleaning import clean_name
from advisor.decisions.limits import LIBRARY_CAP
from advisor.decisions.models import LibraryEntry
from advisor.decisions.models.library import EntryKind
from advisor.teams.access import require_editor
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput, Problem

EDITS: Mapping[str, type[HopEdit] | type[ProfileEdit]] = {EntryKind.HOP: HopEdit, EntryKind.PROFILE: ProfileEdit}


def library_of(workspace: Workspace) -> Library:
    entries = list(LibraryEntry.objects.for_workspace(workspace))
    edits = tuple((entry.kind, entry.name, entry.edit_json) for entry in entries)
    return replace(override_library(entry.override for entry in entries), version=_version(entries), edits=edits)


def edits_of(workspace: Workspace) -> dict[tuple[str, str], LibraryEntry]:
    entries = LibraryEntry.objects.for_workspace(workspace).select_related("edited_by")
    return {(entry.kind, entry.name): entry for entry in entries}


def _version(entries: Sequence[LibraryEntry]) -> str | None:
    if not entries:
        return None
    return f"{len(entries)} edited, last {max(entry.edited_at for entry in entries):%Y-%m-%d %H:%M}"


def save_entry(workspace: Workspace, user: User, kind: str, name: str, given: Mapping[str, Any]) -> LibraryEntry:
    """Save the workspace's figures for a hop or profile; without a name a new one, named after its title.

    Answers refer to a hop by its title: one with a new title is still found by its former ones.

    Raises:
        PermissionDenied: unless the user may edit in the workspace.
        InvalidInput: with what is wrong; nothing is saved.
    """
    require_editor(user, workspace)
    edit = EDITS[kind].parse({**given, "title": clean_name(str(given.get("title", "")), "title")})
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        name = name or _new_name(workspace, kind, edit.title)
        _require_unique(workspace, kind, name, edit.title)
        if isinstance(edit, HopEdit):
            edit = edit.model_copy(update={"formerly": _former_titles(workspace, name, edit.title)})
        return _put(workspace, user, kind, name, stored.dump(edit))


def hide_entry(workspace: Workspace, user: User, kind: str, name: str) -> None:
    """Hide a shipped entry; delete one that the workspace has added. Answers keep its figures.

    Raises:
        PermissionDenied: unless the user may edit in the workspace.
        LookupError: there is no such entry.
    """
    require_editor(user, workspace)
    if name in (SHIPPED.hops if kind == EntryKind.HOP else SHIPPED.profiles):
        _put(workspace, user, kind, name, None)
    elif not _entries(workspace, kind, name).delete()[0]:
        raise LookupError(name)


def reset_entry(workspace: Workspace, user: User, kind: str, name: str) -> None:
    """Raise PermissionDenied unless the user may edit in the workspace."""
    require_editor(user, workspace)
    _entries(workspace, kind, name).delete()


def _entries(workspace: Workspace, kind: str, name: str) -> Any:
    return LibraryEntry.objects.for_workspace(workspace).filter(kind=kind, name=name)


def _put(workspace: Workspace, user: User, kind: str, name: str, edit_json: str | None) -> LibraryEntry:
    entry, _ = LibraryEntry.objects.update_or_create(
        workspace=workspace, kind=kind, name=name, defaults={"edit_json": edit_json, "edited_by": user}
    )
    return entry


def _new_name(workspace: Workspace, kind: str, title: str) -> str:
    if LibraryEntry.objects.for_workspace(workspace).count() >= LIBRARY_CAP:
        raise InvalidInput(
            [Problem("title", f"a workspace may have {LIBRARY_CAP} entries of its own; delete one first")]
        )
    base = f"{OWN}{slugify(title).replace('-', '_')[:40] or 'entry'}"
    taken = set(LibraryEntry.objects.for_workspace(workspace).filter(kind=kind).values_list("name", flat=True))
    return next(
        name for number in range(LIBRARY_CAP + 1) if (name := f"{base}_{number}" if number else base) not in taken
    )


def _former_titles(workspace: Workspace, name: str, title: str) -> tuple[str, ...]:
    entry = _entries(workspace, EntryKind.HOP, name).first()
    before = entry.edit if entry else None
    if not isinstance(before, HopEdit):
        return ()
    titles = dict.fromkeys((before.title, *before.formerly))
    return tuple(former for former in titles if former != title)[:FORMER_TITLES]


def _require_unique(workspace: Workspace, kind: str, name: str, title: str) -> None:
    own = library_of(workspace)
    entries = own.hops if kind == EntryKind.HOP else own.profiles
    if any(entry.title == title and other != name for other, entry in entries.items()):
        raise InvalidInput([Problem("title", "is another entry's title already")])
    if kind == EntryKind.HOP and any(title in hop.formerly and hop.name != name for hop in own.hops.values()):
        raise InvalidInput([Problem("title", "was another entry's title, by which decisions may still know that one")])
