"""Places the words on a plot clear of lines and of each other, even on a phone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from advisor.reports.charts.model import Axis, Floats, Line, Spot

PLACES = 121
LETTER, HEIGHT, GAP = 0.026, 0.075, 0.015
"""A letter's width on a phone, a label's height, and its distance from its line, as shares of the plot."""
FEWEST = 6
"""Letters that a label has room for, at least: those of two lines are told apart."""
FLAT = 0.04
"""A line this low is of no interest where it runs along the floor together with the others."""

Side = Literal["left", "right", "centre"]


@dataclass(frozen=True)
class Area:
    """Left end, foot and width of words in shares of the plot; all are `HEIGHT` high."""

    left: float
    bottom: float
    width: float

    def meets(self, other: "Area") -> bool:
        across = self.left < other.left + other.width and other.left < self.left + self.width
        return across and abs(self.bottom - other.bottom) < HEIGHT


@dataclass(frozen=True)
class _Box:
    place: int
    above: bool
    side: Side
    left: float
    bottom: float
    width: float

    @property
    def area(self) -> "Area":
        return Area(self.left, self.bottom, self.width)

    def outside(self) -> float:
        return max(0.0, -self.left, self.left + self.width - 1.02, -self.bottom, self.bottom + HEIGHT - 1.0)


def labelled(
    lines: tuple[Line, ...], x: Axis, words: Iterable[Area] = (), high: float | None = None
) -> tuple[Line, ...]:
    """Give each line a spot for its label, clear of other `words` on the plot.

    `high` is the top of the y axis if that is not the lines' own.
    """
    if not lines:
        return lines
    top = high or max(float(line.y.max()) for line in lines) or 1.0
    places = _places(lines, x)
    heights = [_heights(line, places) / (top * 1.06) for line in lines]
    taken = list(words)
    done = []
    for number, line in enumerate(lines):
        box = min(
            _boxes(heights[number], LETTER * max(FEWEST, len(line.words))),
            key=lambda box: _cost(box, number, heights, taken),
        )
        taken.append(box.area)
        height = float(heights[number][box.place]) * top * 1.06
        done.append(replace(line, spot=Spot(float(places[box.place]), height, box.above, box.side)))
    return tuple(done)


def _places(lines: tuple[Line, ...], x: Axis) -> Floats:
    low, high = min(float(line.x[0]) for line in lines), max(float(line.x[-1]) for line in lines)
    if x.log:
        return np.geomspace(max(low, 1e-12), max(high, 1e-12), PLACES)
    return np.linspace(min(low, 0.0) if x.low == 0 else low, high, PLACES)


def _heights(line: Line, places: Floats) -> Floats:
    if line.shape == "line":
        return np.interp(places, line.x, line.y)
    return line.y[np.maximum(0, np.searchsorted(line.x, places, side="right") - 1)]


def _boxes(own: Floats, width: float) -> Iterator[_Box]:
    shifts: tuple[tuple[Side, float], ...] = (("left", width), ("right", 0.0), ("centre", width / 2))
    for place in range(0, PLACES, 4):
        share = place / (PLACES - 1)
        for above in (True, False):
            bottom = float(own[place]) + (GAP if above else -GAP - HEIGHT)
            for side, shift in shifts:
                yield _Box(place, above, side, share - shift, bottom, width)


def _cost(box: _Box, number: int, heights: list[Floats], taken: list[Area]) -> float:
    """Low is good: no line crossed, no label met, inside the plot, apart from other lines, at the end or high up."""
    low = max(0, round(box.left * (PLACES - 1)) - 1)
    high = min(PLACES, round((box.left + box.width) * (PLACES - 1)) + 2)
    crossed = sum(_crosses(line[low:high], box) for line in heights)
    own = float(heights[number][box.place])
    others = [abs(own - float(line[box.place])) for place, line in enumerate(heights) if place != number]
    close = max(0.0, HEIGHT - min(others, default=1.0)) / HEIGHT
    met = sum(box.area.meets(other) for other in taken)
    flat = 2.0 if own < FLAT and others else 0.0
    at_end = (PLACES - 1 - box.place) / PLACES
    return 6 * crossed + 20 * met + 60 * box.outside() + 3 * close + flat + 0.4 * at_end + 0.3 * (1 - own)


def _crosses(line: Floats, box: _Box) -> float:
    """The share of the box's width in which a line runs through it, jumps included."""
    if len(line) < 2:
        return 0.0
    low, high = np.minimum(line[:-1], line[1:]), np.maximum(line[:-1], line[1:])
    return float(np.mean((high > box.bottom) & (low < box.bottom + HEIGHT)))


REGION_LETTER, PADDING = 0.024, 0.03
"""A letter's width on a phone, and the rim of a word's box, as shares of the plot."""

Anchor = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Region:
    """A connected area of one style. `spots` (row, column): the deepest place, then one in each row."""

    style: int
    spots: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Placed:
    region: Region
    row: int
    column: int
    anchor: Anchor


def area_of(text: str, across: float, up: float, anchor: Anchor) -> Area:
    """In shares of the plot; `anchor` is the side of the words that is at the place."""
    width = REGION_LETTER * len(text) + PADDING
    left = across - {"left": 0.0, "center": width / 2, "right": width}[anchor]
    return Area(left, up - HEIGHT / 2, width)


def placed(
    named: Iterable[tuple[Region, str]], at: Callable[[int, int], tuple[float, float]], taken: Iterable[Area] = ()
) -> Iterator[Placed]:
    """Place the words of regions where they meet no others; skip those without room.

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
    if centred.left < 0:
        return "left"
    return "right" if centred.left + centred.width > 1 else "center"
