"""A chart before it is drawn: neutral between plotly on a page and SVG in a document."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.result import DesignResult

FloatArray = NDArray[np.float64]
Designs = tuple[tuple[str, DesignResult], ...]
"""Styles and their results."""
HEADROOM = 1.06
"""The top of a y axis with a fixed range, by the range."""

LINE_SAMPLES = {"synchronous": "– –", "event_driven": "—", "hybrid": "· · ·", None: "—"}
"""Of the lines, by their style: dashes as in the palette."""

Side = Literal["left", "right", "none"]


@dataclass(frozen=True)
class Axis:
    title: str
    unit: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    whole: bool = False
    """Whether only whole numbers mean something on it."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Where the ticks are and what they say, where that is not left to the drawing."""


@dataclass(frozen=True)
class Spot:
    """In axis units."""

    x: float
    y: float
    above: bool
    side: Literal["left", "centre", "right"]
    apart: bool = False
    """Not next to its line: the words come with a sample of it."""


@dataclass(frozen=True, eq=False)
class Line:
    """`style` is the design, or None for the load that both designs get."""

    label: str
    style: str | None
    x: FloatArray
    y: FloatArray
    shape: Literal["line", "step"]
    spot: Spot | None = None
    symbol: str = ""
    """Along the line, in a comparison of runs: the run's."""
    faint: bool = False
    """Predicted, over what was measured: thinner and paler. The dash is the design's, as everywhere."""
    short: str = ""
    """The text next to it, if that is shorter than its label."""

    @property
    def words(self) -> str:
        return self.short or self.label

    def words_at(self, spot: Spot) -> str:
        return f"{LINE_SAMPLES[self.style]} {self.words}" if spot.apart and not self.symbol else self.words


@dataclass(frozen=True)
class Mark:
    """A point on a line, its words to the left above it or to the right below it."""

    x: float
    y: float
    text: str
    style: str
    side: Side


@dataclass(frozen=True)
class Window:
    start: float
    end: float
    kind: Literal["burst", "outage"]


@dataclass(frozen=True)
class Deadline:
    """`x` is a latency: the place of an upright line, or the height of a level one."""

    x: float
    text: str


@dataclass(frozen=True)
class ChartView:
    """A part of the x axis that the chart shows, in axis units, with its own top of the y axis and places of the lines' labels."""

    label: str
    low: float
    high: float
    top: float
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Bars:
    label: str
    style: str
    values: tuple[float, ...]
    texts: tuple[str, ...]
    interval: tuple[float, float] | None = None
    """Of the first value, in axis units; drawn in documents."""


@dataclass(frozen=True)
class Table:
    """Numbers in words. The first column names the row, the others are figures."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Chart:
    """Lines over a shared x axis, or bars in groups; the title states the finding.

    `notes` replace lines that would be meaningless; without lines and bars they are all there is to show.
    """

    id: str
    title: str
    alt: str
    x: Axis
    y: Axis
    table: Table
    lines: tuple[Line, ...] = ()
    groups: tuple[str, ...] = ()
    bars: tuple[Bars, ...] = ()
    marks: tuple[Mark, ...] = ()
    windows: tuple[Window, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    notes: tuple[str, ...] = ()
    limits: tuple[Deadline, ...] = ()
    """Level lines across a chart of latency over time."""
    views: tuple[ChartView, ...] = ()
    """Of a chart over time with finer windows: it opens at the first; the last is the whole run."""
    scale_s: float | None = None
    """Seconds of a unit of the x axis, if that is time since the start."""

    def first_windows_in(self, low: float, high: float) -> tuple[Window, ...]:
        """The first of each kind: the one that carries the word for the shading."""
        seen = [window for window in self.windows if window.end > low and window.start < high]
        return tuple({window.kind: window for window in reversed(seen)}.values())

    @property
    def drawn(self) -> bool:
        return bool(self.lines or self.bars)
