"""What a sweep found, in sentences."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from advisor.reports.document.answers import QUESTIONS, of_unit
from advisor.reports.wording import design_name, listed
from advisor.sweeps.contract import Axis, Cell, Sweep
from core.numbers import count, number

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "both": "both designs meet the deadline",
        "synchronous": "only synchronous meets it",
        "event_driven": "only event-driven meets it",
        "neither": "neither meets it",
        "unresolved": "it is not certain either way",
        "no_deadline": "there is no deadline",
    }
)
"""What a cell may come to, in the order of a map's key."""


def kind_of(cell: Cell) -> str:
    """A cell's verdict as one of KINDS."""
    return cell.verdict if isinstance(cell.verdict, str) else "both"


def axis_name(field: str) -> str:
    """What an axis varies, short: processing p95, volume mean rate."""
    return _SUFFIX.sub("", field).replace(".", " ").replace("_", " ")


_SUFFIX = re.compile(r"_(per_s|s|h|percent|minutes)$")


def axis_value(field: str, value: float) -> str:
    """A value on an axis: all of them in the question's own unit, so that they compare at a glance."""
    figure = number(value)
    return f"{figure} {of_unit(QUESTIONS[field].unit, figure)}".rstrip()


def axis_words(axis: Axis) -> str:
    """What an axis varies, and from where to where."""
    low, high = (axis_value(axis.field, value) for value in (axis.values[0], axis.values[-1]))
    return f"{axis_name(axis.field)} from {low} to {high}"


def counted(cells: Sequence[Cell]) -> dict[str, int]:
    """How many cells came to what; kinds without a cell are left out."""
    found = [kind_of(cell) for cell in cells]
    return {kind: found.count(kind) for kind in KINDS if kind in found}


def finding(sweep: Sweep) -> str:
    """The map in a sentence."""
    if not sweep.cells:
        return "No cell has been simulated yet."
    counts = counted(sweep.cells)
    if set(counts) == {"no_deadline"}:
        return "There is no deadline, so no design wins a cell; give one to draw the map."
    parts = [f"{KINDS[kind]} in {count(number)}" for kind, number in counts.items()]
    total = count(len(sweep.cells), "cell", "cells")
    return f"Of {total}, {listed(parts)}."


def disagreement(cells: Sequence[Cell]) -> str:
    """Where the advice names a design that the simulation sees missing a deadline which the other meets."""
    against = [cell for cell in cells if cell.disagrees]
    if not against:
        return "Nowhere does the advice name a design that misses the deadline while the other one meets it."
    styles = sorted({cell.style for cell in against})
    where = count(len(against), "cell", "cells")
    return (
        f"In {where} the advice says {listed([design_name(style) for style in styles], 'or')} and the simulation has "
        "only the other design meet the deadline: there, believe the simulation, and look at the reasons again."
    )
