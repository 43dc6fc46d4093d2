"""Places the words on a plot clear of lines and of each other, even on a phone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.reports.charts.model import HEADROOM, Axis, Chart, Deadline, FloatArray, Line, Spot

PLACES = 121
LETTER_WIDTH, LABEL_HEIGHT, GAP = 0.026, 0.075, 0.015
"""A letter's width on a phone, a label's height, and its distance from its line, as shares of the plot."""
SAMPLE_LETTERS = 4
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
    lines: tuple[Line, ...],
    x: Axis,
    words: Iterable[Area] = (),
    high: float | None = None,
    others: tuple[Line, ...] = (),
) -> tuple[Line, ...]:
    """Give each line a spot for its label, clear of other `words` on the plot, and of `others`, lines without labels.

    `high` is the top of the y axis if that is not the lines' own.
    """
    if not lines:
        return lines
    top = high or max(float(line.y.max()) for line in lines) or 1.0
    places = _places(lines, x)
    heights = [_heights(line, places) / (top * HEADROOM) for line in (*lines, *others)]
    reaches = [_reach(line, places) / (top * HEADROOM) for line in (*lines, *others)]
    taken = list(words)
    done = []
    for number, line in enumerate(lines):
        width = LETTER_WIDTH * max(FEWEST_LETTERS, len(line.words))
        candidates = tuple(_candidates(heights[number], width))
        crossed = _crossings(candidates, reaches)
        costs = [
            _cost(candidate, part, number, heights, taken)
            for candidate, part in zip(candidates, crossed.tolist(), strict=True)
        ]
        best = candidates[costs.index(min(costs))]
        taken.append(best.area)
        height = float(heights[number][best.place]) * top * HEADROOM
        done.append(replace(line, spot=Spot(float(places[best.place]), height, best.above, best.side)))
    return tuple(done)


@dataclass(frozen=True)
class Fitted:
    """Spots of the lines' labels, and the top of the y axis that leaves room for them."""

    spots: tuple[Spot, ...]
    top: float


def fitted(
    lines: tuple[Line, ...], x: Axis, low: float, high: float, top: float, limits: Sequence[Deadline] = ()
) -> Fitted:
    """Place labels in the part of the x axis from `low` to `high`, clear of level lines at the `limits`.

    If a label finds no place clear of the lines next to its own, all of them go into a row above the lines.
    """
    seen = tuple(clipped(line, low, high) for line in lines)
    ends = np.array([low, high])
    levels = tuple(Line("", None, ends, np.array([limit.x, limit.x]), "line") for limit in limits)
    taken = [_above_level(limit, top) for limit in limits]
    done = labelled(seen, replace(x, low=low, high=high), taken, top, levels)
    spots = tuple(line.spot for line in done if line.spot is not None)
    if all(_is_clear(number, done, levels, (low, high), top) for number in range(len(done))):
        return Fitted(spots, top)
    return _in_a_row(lines, low, high, top)


def _above_level(limit: Deadline, top: float) -> Area:
    width = DEADLINE_LETTER * len(limit.text)
    return Area(1 - width, limit.x / (top * HEADROOM), width)


def _is_clear(
    number: int, lines: tuple[Line, ...], others: tuple[Line, ...], span: tuple[float, float], top: float
) -> bool:
    """Whether no line runs through the label, and no other label meets it."""
    areas = [_area_of(line, span, top) for line in lines]
    places = np.linspace(*span, PLACES)
    area = areas[number]
    low = max(0, int(area.left * (PLACES - 1)))
    high = min(PLACES, int(np.ceil((area.left + area.width) * (PLACES - 1))))
    crossed = any(
        _crosses(_reach(line, places)[:, low:high] / (top * HEADROOM), area) > 0 for line in (*lines, *others)
    )
    met = any(area.meets(other) for place, other in enumerate(areas) if place != number)
    return not crossed and not met and area.overhang < LABEL_HEIGHT


def _area_of(line: Line, span: tuple[float, float], top: float) -> Area:
    spot = line.spot
    if spot is None:
        raise ValueError("the line has no label")
    width = LETTER_WIDTH * max(FEWEST_LETTERS, len(line.words))
    across = (spot.x - span[0]) / (span[1] - span[0])
    left = across - {"left": width, "centre": width / 2, "right": 0.0}[spot.side]
    bottom = spot.y / (top * HEADROOM) + (GAP if spot.above else -GAP - LABEL_HEIGHT)
    return Area(left, bottom, width)


HIGH_MARK = 90.0
"""The words of a mark above this height reach past the plot's top."""
WORD_SHARE = 0.2
"""The width of the word for a shaded stretch, by the plot's on a phone."""


def placed_window_words(chart: Chart, low: float, high: float) -> Iterator[tuple[float, int, str]]:
    """Place, row and word for the shading above the plot: those of near windows are one above the other."""
    span = (chart.x.high or 1.0) - (chart.x.low or 0.0) if high == inf else high - low
    ends, row = -inf, 0
    for window in sorted(chart.first_windows_in(low, high), key=lambda window: window.start):
        at = max(window.start, low)
        row = row + 1 if at < ends else 0
        ends = at + WORD_SHARE * span
        yield at, row, window.kind


DEADLINE_LETTER = 0.021
"""A letter's width of the words above the plot on a phone, as a share of the plot."""


def placed_deadlines(chart: Chart) -> Iterator[tuple[Deadline, Literal["left", "right"], int]]:
    """The deadlines from the left, the side of their words that is at the line, and their row: above words that they would meet."""
    low, high = chart.x.low or 0.0, chart.x.high or 1.0
    marked = any(mark.side == "left" and mark.y > HIGH_MARK for mark in chart.marks)
    ends: list[float] = [2.0] if marked else []
    for deadline in sorted(chart.deadlines, key=lambda deadline: deadline.x):
        share = _share_along(deadline.x, low, high, log=chart.x.log)
        width = DEADLINE_LETTER * len(deadline.text)
        anchor: Literal["left", "right"] = "left" if share < width else "right"
        left = share if anchor == "left" else share - width
        row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
        ends[row : row + 1] = [left + width + GAP]
        yield deadline, anchor, row


def _share_along(x: float, low: float, high: float, *, log: bool) -> float:
    if log:
        return float(np.log(x / low) / np.log(high / low)) if high > low > 0 and x > 0 else 0.0
    return (x - low) / (high - low) if high > low else 0.0


def _in_a_row(lines: tuple[Line, ...], low: float, high: float, top: float) -> Fitted:
    """Rows above the highest line, from the left; the first line's label comes first."""
    rows: list[list[float]] = [[]]
    places: list[tuple[int, float]] = []
    for line in lines:
        width = LETTER_WIDTH * (SAMPLE_LETTERS + max(FEWEST_LETTERS, len(line.words))) + 2 * GAP
        if rows[-1] and sum(rows[-1]) + width > 1.0:
            rows.append([])
        places.append((len(rows) - 1, sum(rows[-1])))
        rows[-1].append(width)
    share = len(rows) * (LABEL_HEIGHT + GAP)
    raised = top / (1 - share)
    full = raised * HEADROOM
    return Fitted(
        tuple(
            Spot(low + (left + GAP) * (high - low), full * (1 - row * (LABEL_HEIGHT + GAP)), False, "right", True)
            for row, left in places
        ),
        raised,
    )


def clipped(line: Line, low: float, high: float) -> Line:
    """The part of a line in a view, with its values at both edges; gaps hold the last value."""
    y = _without_gaps(line.y)
    inside = (line.x > low) & (line.x < high)
    edges = np.array([low, high])
    ends = _heights(replace(line, y=y), edges)
    x = np.concatenate([[low], line.x[inside], [high]])
    return replace(line, x=x, y=np.concatenate([ends[:1], y[inside], ends[1:]]))


def _without_gaps(y: FloatArray) -> FloatArray:
    known = np.isfinite(y)
    if known.all():
        return y
    last = np.maximum.accumulate(np.where(known, np.arange(len(y)), 0))
    return np.nan_to_num(y[last])


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


def _crossings(candidates: Sequence[_Candidate], reaches: Sequence[FloatArray]) -> FloatArray:
    """For each candidate the shares of its width in which lines run through it, summed over the lines."""
    bottoms = np.array([[candidate.area.bottom] for candidate in candidates])
    ends = np.array([(candidate.area.left, candidate.area.left + candidate.area.width) for candidate in candidates])
    lows = np.clip(np.round(ends[:, 0] * (PLACES - 1)).astype(int) - 1, 0, PLACES)
    highs = np.clip(np.round(ends[:, 1] * (PLACES - 1)).astype(int) + 2, 0, PLACES)
    crossed: FloatArray = np.zeros(len(candidates))
    for reach in reaches:
        hit = np.pad(np.cumsum((reach[1] > bottoms) & (reach[0] < bottoms + LABEL_HEIGHT), axis=1), ((0, 0), (1, 0)))
        rows = np.arange(len(candidates))
        crossed += (hit[rows, highs] - hit[rows, lows]) / np.maximum(1, highs - lows)
    return crossed


def _cost(candidate: _Candidate, crossed: float, number: int, heights: list[FloatArray], taken: list[Area]) -> float:
    """Low is good: no line crossed, no label met, inside the plot, apart from other lines, at the end or high up."""
    area, place = candidate.area, candidate.place
    own = float(heights[number][place])
    others = [abs(own - float(line[place])) for other, line in enumerate(heights) if other != number]
    close = max(0.0, LABEL_HEIGHT - min(others, default=1.0)) / LABEL_HEIGHT
    met = sum(area.meets(other) for other in taken)
    flat = 2.0 if own < FLAT and others else 0.0
    at_end = (PLACES - 1 - place) / PLACES
    return 6 * crossed + 20 * met + 60 * area.overhang + 3 * close + flat + 0.4 * at_end + 0.3 * (1 - own)


def _reach(line: Line, places: FloatArray) -> FloatArray:
    """The lowest and the highest value from each place to the next, jumps between them included: two rows."""
    at = _heights(line, places)
    after = np.append(at[1:], at[-1:])
    reach: FloatArray = np.stack([np.minimum(at, after), np.maximum(at, after)])
    inside = (line.x >= places[0]) & (line.x <= places[-1])
    where = np.searchsorted(places, line.x[inside], side="right") - 1
    np.minimum.at(reach[0], where, line.y[inside])
    np.maximum.at(reach[1], where, line.y[inside])
    return reach


def _crosses(reach: FloatArray, area: Area) -> float:
    """The share of the area's width in which a line runs through it."""
    if not reach.shape[1]:
        return 0.0
    return float(np.mean((reach[1] > area.bottom) & (reach[0] < area.bottom + LABEL_HEIGHT)))


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
