"""A Chart: what is drawn and what it says, neutral between the page's plotly and the document's SVG."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.reports.palette import Dash

Floats = NDArray[np.float64]


Side = Literal["left", "right", "none"]


@dataclass(frozen=True)
class Axis:
    """A title with its unit, and the range where it is fixed. `unit` follows a value in the hover."""

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
    """Where a line's label stands, in axis units: above or below that point, its text to the left or the right of it."""

    x: float
    y: float
    above: bool
    side: Literal["left", "centre", "right"]


@dataclass(frozen=True, eq=False)
class Line:
    """One line. `style` is the design, or None for the load that both meet."""

    label: str
    style: str | None
    x: Floats
    y: Floats
    shape: Literal["line", "step"]
    spot: Spot | None = None
    dash: Dash | None = None
    """Where several lines are of one design, what tells them apart; else the design's own."""
    short: str = ""
    """What stands beside it, where that is less than its whole label."""

    @property
    def words(self) -> str:
        """What stands beside it."""
        return self.short or self.label


@dataclass(frozen=True)
class Mark:
    """A point on a line, with a few words to the left above or to the right below it; none where there is no room."""

    x: float
    y: float
    text: str
    style: str
    side: Side


@dataclass(frozen=True)
class Window:
    """A shaded stretch of the x axis."""

    start: float
    end: float
    kind: Literal["burst", "outage"]


@dataclass(frozen=True)
class Deadline:
    """An upright line across a latency chart."""

    x: float
    text: str


@dataclass(frozen=True)
class Bars:
    """One design's bars: a value and its words for each of the chart's groups."""

    label: str
    style: str
    values: tuple[float, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The chart's numbers, in words. The first column names the row, the others are figures."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Chart:
    """Lines over a shared x axis, or bars in groups. The title states the finding and stands outside the drawing, as text.

    `notes` are sentences that stand where a line would mean nothing; with no lines and no bars they are all there is to show.
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

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.lines or self.bars)
