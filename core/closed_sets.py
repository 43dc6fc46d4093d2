"""Closed sets, and tables with an entry for each of their members."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

Member = TypeVar("Member")
Entry = TypeVar("Entry")


def cases_of(union: Any, *parts: str) -> tuple[Any, ...]:
    """The classes of a tagged union, in its order. Called when a module is imported, so that a half-added class stops there.

    Raises:
        TypeError: a class lacks one of the parts.
    """
    classes = get_args(get_args(union)[0])
    for case in classes:
        values = {part: getattr(case, part, None) for part in parts}
        missing = [
            part for part, value in values.items() if value is None or getattr(value, "__isabstractmethod__", False)
        ]
        if missing:
            raise TypeError(f"{case.__name__} in {case.__module__} needs {', '.join(parts)}: add {_listed(missing)}")
    return classes


def members_of(closed: Any) -> tuple[Any, ...]:
    """Return the values of a Literal, or of a tagged union's discriminator; a tuple is returned as it is."""
    if isinstance(closed, tuple):
        return closed
    origin = get_origin(closed)
    if origin is Literal:
        return get_args(closed)
    if origin is not Annotated:
        raise TypeError(f"{closed!r} is neither a Literal, nor a tagged union, nor a tuple")
    union, field = get_args(closed)
    tags = [member.model_fields[field.discriminator].annotation for member in get_args(union)]
    return tuple(value for tag in tags for value in get_args(tag))


def complete_table(closed: Any, table: Mapping[Member, Entry]) -> Mapping[Member, Entry]:
    """Return the table, read-only. Called at import, so that a half-added case fails at the table that lacks it.

    Raises TypeError if a member of the closed set has no entry, or an entry is no member.
    """
    members = members_of(closed)
    missing = [member for member in members if member not in table]
    unknown = [key for key in table if key not in members]
    if missing or unknown:
        caller = sys._getframe(1)
        raise TypeError(
            f"the table in {Path(caller.f_code.co_filename).name}, line {caller.f_lineno}, needs an entry for each of {_listed(members)}: "
            + "; ".join(
                [f"add {_listed(missing)}"] * bool(missing)
                + [f"remove {_listed(unknown)}, or add it to the set"] * bool(unknown)
            )
        )
    return MappingProxyType(dict(table))


def _listed(values: Any) -> str:
    return ", ".join(map(repr, values))
