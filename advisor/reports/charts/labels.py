"""Places the words on a plot clear of lines and of each other, even on a phone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.reports.charts.model import HEADROOM, Axis, FloatArray, Line, Spot

PLACES = 121
LETTER_WIDTH, LABEL_HEIGHT, GAP = 0.026, 0.075, 0.015
"""A letter's width on a phone, a label's height, and its distance from its line, as shares of the plot."""
FEWEST_LETTERS = 6
"""The least room of a label, in characters: the labels of two lines then differ."""
FLAT = 0.04
"""A line this low is of no interest if it runs along the floor together with the others."""

SpotSide = Literal["left", "right", "centre"]


@dataclass(frozen=True)
class Area:
    """Left end, foot and width of words in shares of the plot; all are `LABEL_HEIGHT` high."""

    left: float
    bottom: float
    width: float

    def meets(self, other: "Area") -> bool:
        across = self.left < other.left + other.width and other.left < self.left + self.width
        return across and abs(self.bottom - other.bottom) < LABEL_HEIGHT

    @property
    def overhang(self) -> float:
        """How far it sticks out of the plot; a label may cross the plot's top by its own height."""
        return max(0.0, -self.left, self.left + self.width - 1.02, -self.bottom, self.bottom + LABEL_HEIGHT - 1.0)


@dataclass(frozen=True)
class _Candidate:
    place: int
    above: bool
    side: SpotSide
    area: Area


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
    heights = [_heights(line, places) / (top * HEADROOM) for line in lines]
    taken = list(words)
    done = []
    for number, line in enumerate(lines):
        best = min(
            _candidates(heights[number], LETTER_WIDTH * max(FEWEST_LETTERS, len(line.words))),
            key=lambda candidate: _cost(candidate, number, heights, taken),
        )
        taken.append(best.area)
        height = float(heights[number][best.place]) * top * HEADROOM
        done.append(replace(line, spot=Spot(float(places[best.place]), height, best.above, best.side)))
    return tuple(done)


def _places(lines: tuple[Line, ...], x: Axis) -> FloatArray:
    low, high = min(float(line.x[0]) for line in lines), max(float(line.x[-1]) for line in lines)
    if x.log:
        return np.geomspace(max(low, 1e-12), max(high, 1e-12), PLACES)
    return np.linspace(min(low, 0.0) if x.low == 0 else low, high, PLACES)


def _heights(line: Line, places: FloatArray) -> FloatArray:
    if line.shape == "line":
        return np.interp(places, line.x, line.y)
    return line.y[np.maximum(0, np.searchsorted(line.x, places, side="right") - 1)]


def _candidates(own: FloatArray, width: float) -> Iterator[_Candidate]:
    shifts: tuple[tuple[SpotSide, float], ...] = (("left", width), ("right", 0.0), ("centre", width / 2))
    for place in range(0, PLACES, 4):
        share = place / (PLACES - 1)
        for above in (True, False):
            bottom = float(own[place]) + (GAP if above else -GAP - LABEL_HEIGHT)
            for side, shift in shifts:
                yield _Candidate(place, above, side, Area(share - shift, bottom, width))


def _cost(candidate: _Candidate, number: int, heights: list[FloatArray], taken: list[Area]) -> float:
    """Low is good: no line crossed, no label met, inside the plot, apart from other lines, at the end or high up."""
    area, place = candidate.area, candidate.place
    low = max(0, round(area.left * (PLACES - 1)) - 1)
    high = min(PLACES, round((area.left + area.width) * (PLACES - 1)) + 2)
    crossed = sum(_crosses(line[low:high], area) for line in heights)
    own = float(heights[number][place])
    others = [abs(own - float(line[place])) for other, line in enumerate(heights) if other != number]
    close = max(0.0, LABEL_HEIGHT - min(others, default=1.0)) / LABEL_HEIGHT
    met = sum(area.meets(other) for other in taken)
    flat = 2.0 if own < FLAT and others else 0.0
    at_end = (PLACES - 1 - place) / PLACES
    return 6 * crossed + 20 * met + 60 * area.overhang + 3 * close + flat + 0.4 * at_end + 0.3 * (1 - own)


def _crosses(line: FloatArray, area: Area) -> float:
    """The share of the area's width in which a line runs through it, jumps included."""
    if len(line) < 2:
        return 0.0
    low, high = np.minimum(line[:-1], line[1:]), np.maximum(line[:-1], line[1:])
    return float(np.mean((high > area.bottom) & (low < area.bottom + LABEL_HEIGHT)))


REGION_LETTER, PADDING = 0.024, 0.03
"""A letter's width on a phone, and the rim of a word's box, as shares of the plot."""
SMALLEST_REGION = 0.01
"""A region with a smaller share of the map carries no word."""

Anchor = Literal["left", "center", "right"]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """A connected area of one style. `spots` (row, column): the deepest place, then one in each row."""

    style: int
    spots: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Placed:
    region: Region
    text: str
    row: int
    column: int
    anchor: Anchor


def area_of(text: str, across: float, up: float, anchor: Anchor) -> Area:
    """In shares of the plot; `anchor` is the side of the words that is at the place."""
    width = REGION_LETTER * len(text) + PADDING
    left = across - {"left": 0.0, "center": width / 2, "right": width}[anchor]
    return Area(left, up - LABEL_HEIGHT / 2, width)


def placed(
    named: Iterable[tuple[Region, str]], share: Callable[[int, int], tuple[float, float]], taken: Iterable[Area] = ()
) -> Iterator[Placed]:
    """Place the words of regions where they meet no others; skip those without room.

    `share` gives the place of a row and column in shares of the plot, across and up.
    """
    areas = list(taken)
    for region, text in named:
        for row, column in region.spots:
            across, up = share(row, column)
            anchor = _anchor(area_of(text, across, up, "center"))
            area = area_of(text, across, up, anchor)
            if not any(area.meets(other) for other in areas):
                areas.append(area)
                yield Placed(region, text, row, column, anchor)
                break


def _anchor(centred: Area) -> Anchor:
    if centred.left < 0:
        return "left"
    return "right" if centred.left + centred.width > 1 else "center"


def regions(styles: NDArray[np.int64]) -> Iterator[Region]:
    """Every region of a grid of styles that is large enough for a word, the styles in their order."""
    for style in np.unique(styles):
        left: Mask = styles == style
        while left.any():
            region = _grown(np.unravel_index(int(left.argmax()), left.shape), left)
            left &= ~region
            if region.mean() >= SMALLEST_REGION:
                yield Region(int(style), tuple(_spots(region)))


def _grown(start: tuple[np.intp, ...], within: Mask) -> Mask:
    region = np.zeros_like(within)
    region[start] = True
    while True:
        wider = within & (_shifted(region).any(axis=0) | region)
        if (wider == region).all():
            return region
        region = wider


def _spots(region: Mask) -> Iterator[tuple[int, int]]:
    """Places (row, column): the deepest, then the middle of every row, the nearest rows first."""
    deepest = _deepest(region)
    yield deepest
    rows: list[int] = np.flatnonzero(region.any(axis=1)).tolist()
    for row in sorted(rows, key=lambda row: abs(row - deepest[0])):
        columns = np.flatnonzero(region[row])
        yield row, int(columns[len(columns) // 2])


def _deepest(region: Mask) -> tuple[int, int]:
    """Take the rim off until nothing is left; of the last layer, what is nearest to its middle."""
    while (inner := region & _shifted(region).all(axis=0)).any():
        region = inner
    rows, columns = np.nonzero(region)
    nearest = ((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin()
    return int(rows[nearest]), int(columns[nearest])


def _shifted(region: Mask) -> Mask:
    """The region moved by one to each side; nothing comes in from outside."""
    padded = np.pad(region, 1)
    return np.stack([padded[2:, 1:-1], padded[:-2, 1:-1], padded[1:-1, 2:], padded[1:-1, :-2]])
