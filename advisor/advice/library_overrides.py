"""A workspace's own edition of the library: its hops and profiles laid over the shipped ones, and taken over into Answers by value.

Answers hold an edited or added hop as its figures, never as a name: advice stays a function of Answers alone, and a revision keeps the figures
that it was advised with, whatever becomes of the entry.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from advisor.advice import library
from advisor.advice.answers import Quota, Seconds, Workers
from advisor.advice.library import HopFact, Profile
from core.errors import InvalidInput, Problem
from core.values import Value

Title = Annotated[str, Field(min_length=1, max_length=60)]
Note = Annotated[str, Field(max_length=400)]
_Source = Annotated[str, Field(min_length=1, max_length=400)]
FORMER_TITLES = 20
Day = Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class HopEdit(Value):
    schema_: Literal["crossover/hop@1"] = Field(default="crossover/hop@1", alias="schema")
    title: Title
    limit_s: Seconds
    kind: Literal["total", "idle"]
    streaming_limit_s: Seconds | None = None
    adjustable: bool | None = None
    """Whether a setting of one's own changes it; null, as in edits of before it was asked: as the shipped hop, else no."""
    note: Note = ""
    source: _Source
    checked: Day
    formerly: Annotated[tuple[Title, ...], Field(strict=False, max_length=FORMER_TITLES)] = ()
    """Titles that it had before, the last one first: answers may know it by one of them."""


class ProfileEdit(Value):
    schema_: Literal["crossover/profile@1"] = Field(default="crossover/profile@1", alias="schema")
    title: Title
    max_concurrency: Workers | None = None
    requests_per_minute: Quota | None = None
    input_tokens_per_minute: Quota | None = None
    output_tokens_per_minute: Quota | None = None
    note: Note = ""
    source: _Source
    checked: Day


NAME = re.compile(r"[a-z0-9_]{1,60}")
PROFILE_LIMITS = ("max_concurrency", "requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute")


@dataclass(frozen=True)
class Library:
    hops: Mapping[str, HopFact]
    profiles: Mapping[str, Profile]
    edited: frozenset[str] = frozenset()
    version: str | None = None
    """How many edits are in force and from when the last is, for a revision to remember; None where all is as shipped."""
    edits: tuple[tuple[str, str, str | None], ...] = field(default=(), compare=False)
    """Kind, name and what was edited of each; all else is as shipped."""

    def hop_entitled(self, title: str) -> HopFact | None:
        own = [fact for name, fact in self.hops.items() if name in self.edited]
        now = (fact for fact in own if fact.title == title)
        return next(now, None) or next((fact for fact in own if title in fact.formerly), None)

    def hop_named(self, name: str) -> HopFact | None:
        shipped = library.hop_named(name)
        return self.hops.get(shipped.name if shipped else name.strip())


@dataclass(frozen=True)
class Override:
    name: str
    edit: HopEdit | ProfileEdit | None
    kind: Literal["hop", "profile"]


SHIPPED = Library(library.hops(), library.profiles())


def override_library(edits: Iterable[Override]) -> Library:
    hops, profiles, edited = dict(SHIPPED.hops), dict(SHIPPED.profiles), set()
    for made in edits:
        edited.add(made.name)
        match made.edit:
            case HopEdit():
                hops[made.name] = _hop(made.name, made.edit, SHIPPED.hops.get(made.name))
            case ProfileEdit():
                profiles[made.name] = _profile(made.name, made.edit, SHIPPED.profiles.get(made.name))
            case None:
                (hops if made.kind == "hop" else profiles).pop(made.name, None)
    return Library(MappingProxyType(hops), MappingProxyType(profiles), frozenset(edited))


def _hop(name: str, edit: HopEdit, shipped: HopFact | None) -> HopFact:
    adjustable = edit.adjustable if edit.adjustable is not None else shipped is not None and shipped.adjustable
    return HopFact(
        name=name,
        adjustable=adjustable,
        aliases=shipped.aliases if shipped else (),
        unchecked=False,
        **edit.model_dump(exclude={"schema_", "adjustable"}),
    )


def _profile(name: str, edit: ProfileEdit, shipped: Profile | None) -> Profile:
    return Profile(
        name=name,
        limits={limit: getattr(edit, limit) for limit in PROFILE_LIMITS},
        failed_calls_count=shipped.failed_calls_count if shipped else True,
        unchecked=False,
        **edit.model_dump(include={"title", "note", "source", "checked"}),
    )


def edit_from_entry(fact: HopFact | Profile) -> HopEdit | ProfileEdit:
    about = {"title": fact.title, "note": fact.note[:400], "source": fact.source, "checked": fact.checked}
    if isinstance(fact, HopFact):
        limits = {"limit_s": fact.limit_s, "kind": fact.kind, "streaming_limit_s": fact.streaming_limit_s}
        return HopEdit.parse(about | limits | {"adjustable": fact.adjustable})
    return ProfileEdit.parse(about | {limit: fact.limits.get(limit) for limit in PROFILE_LIMITS})


def apply_overrides(given: Mapping[str, Any], own: Library) -> Mapping[str, Any]:
    """What is given, each hop and profile that the library has edited or added by its figures of today; anything else as it is."""
    return _with_hops(_with_limits(given, own), own) if own.edited else given


def _with_hops(given: Mapping[str, Any], own: Library) -> Mapping[str, Any]:
    design = given.get("synchronous")
    hops = design.get("hops") if isinstance(design, Mapping) else None
    if not isinstance(design, Mapping) or not isinstance(hops, list | tuple):
        return given
    streams = any(
        isinstance(part, Mapping) and part.get("streams_response") is True for part in (given.get("caller"), design)
    )
    return {**given, "synchronous": {**design, "hops": [hop_by_value(hop, own, streams) for hop in hops]}}


def _with_limits(given: Mapping[str, Any], own: Library) -> Mapping[str, Any]:
    provider = given.get("provider")
    name = provider.get("profile") if isinstance(provider, Mapping) else None
    if not isinstance(provider, Mapping) or not isinstance(name, str) or name not in own.edited:
        return given
    profile = own.profiles.get(name)
    if profile is None:
        return given
    named = name if name in SHIPPED.profiles or name.startswith(library.OWN) else None
    return {**given, "provider": {**profile.limits, **provider, "profile": named}}


def library_from_file(given: Mapping[str, Any]) -> Library:
    """The shipped library with a file's hops and profiles laid over it: rows of an edit's fields, each with its `name`.

    Raises:
        InvalidInput: with the path of what is wrong.
    """
    problems = [Problem(str(key), "there is no such field") for key in given if key not in ("hops", "profiles")]
    edits: list[Override] = []
    kinds: tuple[tuple[Literal["hop", "profile"], str, type[HopEdit] | type[ProfileEdit]], ...] = (
        ("hop", "hops", HopEdit),
        ("profile", "profiles", ProfileEdit),
    )
    for kind, key, form in kinds:
        rows = given.get(key, [])
        if not isinstance(rows, list | tuple):
            problems.append(Problem(key, "must be a list"))
            continue
        for place, row in enumerate(rows):
            try:
                edits.append(_override_from(kind, form, row))
            except InvalidInput as error:
                problems += [Problem(f"{key}.{place}.{at.path}".rstrip("."), at.reason) for at in error.problems]
    if problems:
        raise InvalidInput(problems)
    return override_library(edits)


def _override_from(kind: Literal["hop", "profile"], form: type[HopEdit] | type[ProfileEdit], row: Any) -> Override:
    if not isinstance(row, Mapping):
        raise InvalidInput([Problem("", "must be an entry with its name and figures")])
    name = row.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput([Problem("name", "must be small letters, digits and underscores, 60 at most")])
    return Override(name, form.parse({key: value for key, value in row.items() if key != "name"}), kind)


def hop_by_value(hop: Any, own: Library, streams: bool) -> Any:
    fact = None
    if isinstance(hop, str):
        own_hop = own.hop_named(hop)
        fact = own_hop if own_hop is not None and own_hop.name in own.edited else None
    elif isinstance(hop, Mapping) and isinstance(hop.get("name"), str):
        fact = own.hop_entitled(hop["name"])
    return fact.hop(streams).model_dump() | {"name": fact.title} if fact else hop
