"""Hops as a form has them: a known one by its name, one of the user's own as JSON."""

import json
from collections.abc import Iterable
from typing import Any, assert_never

from django.http import QueryDict

from advisor.advice.library import OWN as LIBRARY_OWN
from advisor.advice.library_overrides import SHIPPED, Library
from advisor.advice.questionnaire import Question
from advisor.web.forms import typed_numbers
from advisor.web.forms.questions import choice_reason
from core.numbers import duration

NOT_YES_OR_NO = "must be yes or no: on, or empty"
UNREADABLE_HOP = "holds a hop that cannot be read"
OWN_HOP_NAMES = {key: f"own-hop:{key}" for key in ("name", "limit_s", "kind", "adjustable")}
"""Of a hop that is described in the form, each key with the name of its field."""
OWN_KINDS = {"total": "all of the answer", "idle": "pauses only"}
LONGEST_HOP = 400


def hop_from(text: str) -> Any:
    """A known hop's name, or the mapping of one of the user's own.

    Raises:
        ValueError: if it is neither.
    """
    if not text.startswith("{"):
        return text
    try:
        hop = json.loads(text) if len(text) <= LONGEST_HOP else None
    except (ValueError, RecursionError):
        hop = None
    if not isinstance(hop, dict) or hop.keys() | {"adjustable"} != OWN_HOP_NAMES.keys():
        raise ValueError(UNREADABLE_HOP)
    return hop


def typed_hop(post: QueryDict) -> list[dict[str, Any]]:
    """The hop that is described in the fields below the list; none while its name or limit is missing.

    Raises:
        ValueError: if the limit is no number, what it counts is no choice, or whether a setting changes it is neither yes nor no.
    """
    kind = post.get(OWN_HOP_NAMES["kind"], "total")
    if kind not in OWN_KINDS:
        raise ValueError(choice_reason(kind, tuple(OWN_KINDS.values())))
    adjustable = post.get(OWN_HOP_NAMES["adjustable"], "")
    if adjustable not in ("on", ""):
        raise ValueError(NOT_YES_OR_NO)
    name, limit = (post.get(OWN_HOP_NAMES[key], "").strip() for key in ("name", "limit_s"))
    if not name or not limit:
        return []
    limit_s = float(typed_numbers.parse_number(limit, whole=False, unit="s"))
    return [{"name": name, "limit_s": limit_s, "kind": kind, "adjustable": adjustable == "on"}]


def texts_of(hops: Iterable[Any], own: Library) -> tuple[str, ...]:
    """Stored hops as a form has them: hops of the workspace's library by name, although their figures are stored."""
    return tuple(_text(hop, own) for hop in hops)


def _text(hop: Any, own: Library) -> str:
    if isinstance(hop, str):
        return hop
    entry = own.hop_entitled(hop["name"])
    return entry.name if entry else json.dumps(dict(hop))


def choices_of(question: Question, own: Library) -> tuple[tuple[str, str], ...]:
    match question.kind:
        case "hops":
            return tuple((fact.name, f"{fact.title}, {duration(fact.limit_s)}") for fact in own.hops.values())
        case "profile":
            return tuple((profile.name, profile.title) for profile in own.profiles.values())
        case "choice" | "number" | "integer" | "flag" | "text" | "durations":
            return question.choices
        case _:
            assert_never(question.kind)


def kept_choices(question: Question, chosen: Iterable[str], own: Library) -> tuple[tuple[str, str], ...]:
    match question.kind:
        case "hops":
            gone = ((name, SHIPPED.hops[name]) for name in chosen if name in SHIPPED.hops and name not in own.hops)
            return tuple(
                (name, f"{fact.title}, {duration(fact.limit_s)}, hidden in the library") for name, fact in gone
            )
        case "profile":
            lost = (name for name in chosen if name and name not in own.profiles)
            return tuple((name, _lost_profile(name)) for name in lost)
    return ()


def _lost_profile(name: str) -> str:
    shipped = SHIPPED.profiles.get(name)
    if shipped:
        return f"{shipped.title}, hidden in the library"
    return f"{name.removeprefix(LIBRARY_OWN).replace('_', ' ')}, no longer in the library: limits as last taken over"


def own_hops(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    choices = []
    for text in texts:
        try:
            hop = hop_from(text)
        except ValueError:
            continue
        if isinstance(hop, dict):
            choices.append((text, f"{hop['name']}, {hop['limit_s']} s {hop['kind']}"))
    return tuple(choices)
