"""Where the words on a map stand: each in its region, inside the plot, and clear of the others even on a phone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from advisor.reports.charts.labels import HEIGHT, Area
from advisor.reports.maps.regions import Region

LETTER, PADDING = 0.024, 0.03
"""A letter's width on a phone, and the rim of a word's box, as shares of the plot."""

Anchor = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Placed:
    """A region with the place of its words on the fine grid, and the side of them that is there."""

    region: Region
    row: int
    column: int
    anchor: Anchor


def area_of(text: str, across: float, up: float, anchor: Anchor) -> Area:
    """What words take whose side `anchor` is at a place, in shares of the plot."""
    width = LETTER * len(text) + PADDING
    left = across - {"left": 0.0, "center": width / 2, "right": width}[anchor]
    return Area(left, up - HEIGHT / 2, width)


def placed(
    named: Iterable[tuple[Region, str]], at: Callable[[int, int], tuple[float, float]], taken: Iterable[Area] = ()
) -> Iterator[Placed]:
    """The regions whose words have room, each where they meet nothing that stands already.

    `at` gives the place of a row and column in shares of the plot, across and up.
    """
    standing = list(taken)
    for region, text in named:
        for row, column in region.spots:
            across, up = at(row, column)
            anchor = _anchor(across, area_of(text, across, up, "center"))
            area = area_of(text, across, up, anchor)
            if not any(area.meets(other) for other in standing):
                standing.append(area)
                yield Placed(region, row, column, anchor)
                break


def _anchor(across: float, centred: Area) -> Anchor:
    """Words that would stick out at a side begin, or end, at their place instead."""
    if centred.left < 0:
        return "left"
    return "right" if centred.left + centred.width > 1 else "center"
