"""A sweep for plotly.js: a map of letters on colours for two answers, for one the good shares as lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from advisor.advice.evaluation import ALL_STYLES, Codes
from advisor.reports.charts.labels import Area, Mask, area_of, placed, regions
from advisor.reports.charts.model import FloatArray
from advisor.reports.document.answers import QUESTIONS
from advisor.reports.maps.shares import shares_figure
from advisor.reports.maps.words import (
    KINDS,
    VERDICT_LETTERS,
    axis_title,
    kind_of,
    kinds_of,
    margin_words,
    place_words,
    share_words,
)
from advisor.reports.palette import DARK, LIGHT, Palette
from advisor.reports.plotly_theme import hover_label, lined_axis, packed_array, themed_figure, words_at
from advisor.reports.wording import capitalised, design_name
from advisor.sweeps.contract import Cell, SweepAxis, SweepResult
from advisor.sweeps.refinement import filled

MAP_HEIGHT = 520
BLUR = 1
"""Values to each side that are averaged: the line of half way is then free of the grid's stairs."""
PLACES_A_CELL = 6
"""Places from one cell to the next at which a refined map is coloured."""
SEAM = 0.001
"""Pixels between cells: with none, plotly.js draws a picture with an inline style, which the page does not allow."""
STYLE_CODES = len(ALL_STYLES) + 1
LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class Here:
    """The workload itself: the values of the varied answers as they are given."""

    x: float
    y: float | None = None


@dataclass(frozen=True)
class Shades:
    """The page's own colour, and the greys of verdicts that are no design's own."""

    page: str
    both: str
    neither: str
    unresolved: str
    no_deadline: str


LIGHT_SHADES = Shades("#FFFFFF", both="#DDE3EA", neither="#8491A0", unresolved="#F6F7F9", no_deadline="#F6F7F9")
DARK_SHADES = Shades("#141B24", both="#4A5666", neither="#0B0F14", unresolved="#263140", no_deadline="#263140")


@dataclass(frozen=True)
class Map:
    """Two answers, the cells so far, and what they are drawn with.

    `kinds[row, column]` is a place in KINDS and `styles` one in ALL_STYLES, both -1 for a cell of which nothing is known yet.
    """

    sweep: SweepResult
    y: SweepAxis
    kinds: Codes
    styles: Codes
    palette: Palette
    shades: Shades

    @classmethod
    def from_sweep(cls, sweep: SweepResult, y: SweepAxis, palette: Palette, shades: Shades) -> "Map":
        kinds = np.full((len(y.values), len(sweep.x.values)), -1)
        styles = kinds.copy()
        for (column, row), kind in kinds_of(sweep).items():
            kinds[row, column] = list(KINDS).index(kind)
        for (column, row), estimate in filled(sweep).items():
            styles[row, column] = ALL_STYLES.index(estimate.style)
        return cls(sweep, y, kinds, styles, palette, shades)

    @property
    def is_refined(self) -> bool:
        return self.sweep.coarse_step > 1

    def share(self, x: float, y: float) -> tuple[float, float]:
        """A place in shares of the plot, across and up."""
        across, up = edges(self.sweep.x.values), edges(self.y.values)
        return (x - across[0]) / (across[-1] - across[0]), (y - up[0]) / (up[-1] - up[0])


def map_figure(sweep: SweepResult, here: Here, dark: bool = False) -> dict[str, Any]:
    """Cells that are not done are left out."""
    palette, shades = (DARK, DARK_SHADES) if dark else (LIGHT, LIGHT_SHADES)
    if sweep.y is None:
        return shares_figure(sweep, here.x, palette)
    drawn = Map.from_sweep(sweep, sweep.y, palette, shades)
    markers, words = _here(drawn, here)
    return themed_figure(
        [*_areas(drawn), _cells(drawn), *_borders(drawn), *markers],
        palette,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        height=MAP_HEIGHT,
        hovermode="closest",
        hoverlabel=hover_label(palette) | {"align": "left"},
        xaxis=_axis(sweep.x, palette),
        yaxis=_axis(sweep.y, palette),
        annotations=[*_regions(drawn, [_area_of_word(drawn, word) for word in words]), *words],
    )


def _axis(axis: SweepAxis, palette: Palette) -> dict[str, Any]:
    ends = edges(axis.values)
    return lined_axis(axis_title(axis), palette, range=[ends[0], ends[-1]], showgrid=False)


def _areas(drawn: Map) -> Iterator[dict[str, Any]]:
    """Of a refined map: the kinds at several places a cell, so that what lies between them has no stairs."""
    if not drawn.is_refined:
        return
    across, up = (_between(values) for values in (drawn.sweep.x.values, drawn.y.values))
    yield _coloured(drawn) | {
        "x": across.tolist(),
        "y": up.tolist(),
        "z": packed_array(smooth(drawn.kinds, PLACES_A_CELL), "i1"),
        "hoverinfo": "skip",
    }


def _coloured(drawn: Map) -> dict[str, Any]:
    kinds = list(KINDS)
    colours = ["rgba(0,0,0,0)", *(getattr(drawn.palette, kind, None) or getattr(drawn.shades, kind) for kind in kinds)]
    steps = len(colours)
    return {
        "type": "heatmap",
        "colorscale": [[(place + end) / steps, colour] for place, colour in enumerate(colours) for end in (0, 1)],
        "zmin": -1.5,
        "zmax": len(kinds) - 0.5,
        "showscale": False,
        "xgap": SEAM,
        "ygap": SEAM,
    }


def _between(values: Sequence[float]) -> FloatArray:
    places = np.linspace(0, len(values) - 1, PLACES_A_CELL * (len(values) - 1) + 1)
    return np.interp(places, np.arange(len(values)), values)


def smooth(codes: Codes, places: int) -> Codes:
    """The code that prevails at each of the `places` between neighbours, their softened regions interpolated in both directions."""
    rows, columns = codes.shape
    up, across = (np.linspace(0, count - 1, places * (count - 1) + 1) for count in (rows, columns))
    known = np.unique(codes)
    weights = []
    for code in known:
        soft = softened(codes == code)
        wide = np.array([np.interp(across, np.arange(columns), row) for row in soft])
        weights.append(np.array([np.interp(up, np.arange(rows), column) for column in wide.T]).T)
    prevailing: Codes = known[np.argmax(weights, axis=0)]
    return prevailing


def _cells(drawn: Map) -> dict[str, Any]:
    """Colours and letters of the cells; of a refined map what one reads at a place alone."""
    places = {(cell.x, cell.y): cell for cell in drawn.sweep.cells}
    rows = [[places.get((across, up)) for across in drawn.sweep.x.values] for up in drawn.y.values]
    kinds = list(KINDS)
    hover = [
        [
            _hover(drawn.sweep, cell) if cell else _hover_between(drawn, int(kind))
            for cell, kind in zip(row, codes, strict=True)
        ]
        for row, codes in zip(rows, drawn.kinds, strict=True)
    ]
    cells = _coloured(drawn) | {
        "x": list(drawn.sweep.x.values),
        "y": list(drawn.y.values),
        "z": [[int(code) if code >= 0 else None for code in row] for row in drawn.kinds],
        "customdata": hover,
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
    }
    if drawn.is_refined:
        return cells | {"opacity": 0}
    letters = [[VERDICT_LETTERS[kinds[code]] if code >= 0 else "" for code in row] for row in drawn.kinds]
    return cells | {"text": letters, "texttemplate": "%{text}", "textfont": {"size": 11}, "xgap": 1, "ygap": 1}


def _hover(sweep: SweepResult, cell: Cell) -> str:
    axes = [axis for axis in (sweep.x, sweep.y) if axis]
    named = zip(axes, place_words(sweep, cell), strict=True)
    lines = [
        *(f"{QUESTIONS[axis.field].label} {value}" for axis, value in named),
        f"Synchronous: {share_words(cell.synchronous)}",
        f"Event-driven: {share_words(cell.event_driven)}",
        f"Advice: {design_name(cell.style)}; {KINDS[kind_of(cell)]}",
    ]
    if cell.margin is not None:
        lines.insert(-1, f"The better one is {margin_words(cell)} what is asked")
    return "<br>".join(lines)


def _hover_between(drawn: Map, code: int) -> str:
    return f"{capitalised(list(KINDS.values())[code])}<br>Not simulated: the cells around it agree" if code >= 0 else ""


def edges(values: Sequence[float]) -> list[float]:
    """Cells meet half way between the values, and reach as far beyond the ends."""
    middles = [(low + high) / 2 for low, high in pairwise(values)]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


def on_axis(values: Sequence[float], value: float) -> bool:
    ends = edges(values)
    return ends[0] <= value <= ends[-1]


def _borders(drawn: Map) -> Iterator[dict[str, Any]]:
    """Where the advice turns from one style to another, if a design meets the deadline: ink on a halo, seen over every colour."""
    advised = _advised(drawn)
    feasible = advised >= 0
    for place in np.unique(advised[feasible])[:-1]:
        inside = softened(advised == place) / np.maximum(softened(feasible), LEAST_WEIGHT)
        percent = np.where(feasible, 100 * inside, np.nan)
        for colour, width in ((drawn.shades.page, 6), (drawn.palette.ink, 2.5)):
            yield {
                "type": "contour",
                "x": list(drawn.sweep.x.values),
                "y": list(drawn.y.values),
                "z": packed_array(percent),
                "contours": {"start": 50, "end": 50, "size": 1, "coloring": "none"},
                "line": {"color": colour, "width": width, "smoothing": 1},
                "showscale": False,
                "hoverinfo": "skip",
            }


def _advised(drawn: Map) -> Codes:
    """The styles, -1 if neither design meets the deadline or nothing is known."""
    return np.where(np.isin(drawn.kinds, (-1, list(KINDS).index("neither"))), -1, drawn.styles)


def softened(inside: Mask) -> FloatArray:
    """1 inside and 0 outside, in between over `BLUR` values on either side of the rim."""
    values = np.pad(inside.astype(float), BLUR, mode="edge")
    width = 2 * BLUR + 1
    soft: FloatArray = np.lib.stride_tricks.sliding_window_view(values, (width, width)).mean(axis=(2, 3))
    return soft


def _regions(drawn: Map, taken: list[Area]) -> Iterator[dict[str, Any]]:
    """The words of what a region comes to, on refined maps, and of the advice if that differs on the map."""
    advised, kinds = _advised(drawn), list(KINDS)
    styles = np.unique(advised[advised >= 0])
    if not drawn.is_refined and len(styles) < 2:
        return

    def share(row: int, column: int) -> tuple[float, float]:
        return drawn.share(float(drawn.sweep.x.values[column]), float(drawn.y.values[row]))

    def words(code: int) -> str:
        kind, style = kinds[code // STYLE_CODES - 1], code % STYLE_CODES - 1
        advice = f"advice: {design_name(ALL_STYLES[style])}" if style >= 0 and len(styles) > 1 else ""
        if drawn.is_refined:
            return "; ".join(filter(None, (KINDS[kind], "" if ALL_STYLES[style] == kind else advice)))
        return advice

    codes = (STYLE_CODES * (drawn.kinds + 1) if drawn.is_refined else 0 * drawn.kinds) + advised + 1
    named = [
        (region, words(region.style))
        for region in regions(codes)
        if region.style >= STYLE_CODES or not drawn.is_refined
    ]
    for place in placed([(region, text) for region, text in named if text], share, taken):
        x, y = float(drawn.sweep.x.values[place.column]), float(drawn.y.values[place.row])
        boxed: dict[str, Any] = {"bgcolor": drawn.shades.page, "borderpad": 3, "opacity": 0.92}
        yield words_at(place.text, x, y, drawn.palette.ink, xanchor=place.anchor, **boxed)


def _area_of_word(drawn: Map, word: dict[str, Any]) -> Area:
    """With the diamond next to it, in shares of the plot."""
    return area_of(f"<> {word['text']}", *drawn.share(word["x"], word["y"]), word["xanchor"])


def _here(drawn: Map, here: Here) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The workload's diamond and its word, if it is on the map."""
    x_values, ink, page = drawn.sweep.x.values, drawn.palette.ink, drawn.shades.page
    if here.y is None or not on_axis(x_values, here.x) or not on_axis(drawn.y.values, here.y):
        return [], []
    marker = {"symbol": "diamond", "size": 13, "color": page, "line": {"color": ink, "width": 2.5}}
    trace = {"type": "scatter", "mode": "markers", "x": [here.x], "y": [here.y], "marker": marker, "hoverinfo": "skip"}
    right = here.x > (x_values[0] + x_values[-1]) / 2
    anchors: dict[str, Any] = {"xanchor": "right", "xshift": -12} if right else {"xanchor": "left", "xshift": 12}
    return [trace], [words_at("this workload", here.x, here.y, ink, bgcolor=page, borderpad=2, **anchors)]
