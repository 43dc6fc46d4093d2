"""A sweep for plotly.js: a map of letters on colours for two answers, for one the good shares as lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from advisor.advice.evaluation import ALL_STYLES
from advisor.reports.charts.labels import Area, Mask, area_of, placed, regions
from advisor.reports.charts.model import FloatArray
from advisor.reports.maps.shares import shares_figure
from advisor.reports.maps.words import (
    KINDS,
    VERDICT_LETTERS,
    axis_name,
    axis_title,
    kind_of,
    margin_words,
    place_words,
    share_words,
)
from advisor.reports.palette import DARK, LIGHT, Palette
from advisor.reports.plotly_theme import hover_label, lined_axis, packed_array, themed_figure, words_at
from advisor.reports.wording import design_name
from advisor.sweeps.advised_map import AdvisedMap
from advisor.sweeps.contract import Cell, SweepAxis, SweepResult

MAP_HEIGHT = 520
BLUR = 2
"""Values to each side that are averaged: the line of half way is then free of the grid's stairs."""


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
    """Two answers, the cells that are done, and what they are drawn with."""

    sweep: SweepResult
    y: SweepAxis
    palette: Palette
    shades: Shades

    def share(self, x: float, y: float) -> tuple[float, float]:
        """A place in shares of the plot, across and up."""
        across, up = edges(self.sweep.x.values), edges(self.y.values)
        return (x - across[0]) / (across[-1] - across[0]), (y - up[0]) / (up[-1] - up[0])


def map_figure(sweep: SweepResult, border: AdvisedMap, here: Here, dark: bool = False) -> dict[str, Any]:
    """Cells that are not done are left out."""
    palette, shades = (DARK, DARK_SHADES) if dark else (LIGHT, LIGHT_SHADES)
    if sweep.y is None:
        return shares_figure(sweep, border, here.x, palette)
    drawn = Map(sweep, sweep.y, palette, shades)
    markers, words = _here(drawn, here)
    return themed_figure(
        [_cells(drawn), *_frames(drawn), *_borders(drawn, border), *markers],
        palette,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        height=MAP_HEIGHT,
        hovermode="closest",
        hoverlabel=hover_label(palette) | {"align": "left"},
        xaxis=_axis(sweep.x, palette),
        yaxis=_axis(sweep.y, palette),
        annotations=[*_regions(drawn, border, [_area_of_word(drawn, word) for word in words]), *words],
    )


def _axis(axis: SweepAxis, palette: Palette) -> dict[str, Any]:
    ends = edges(axis.values)
    return lined_axis(axis_title(axis), palette, range=[ends[0], ends[-1]], showgrid=False)


def _cells(drawn: Map) -> dict[str, Any]:
    kinds = list(KINDS)
    colours = [getattr(drawn.palette, kind, None) or getattr(drawn.shades, kind) for kind in kinds]
    places = {(cell.x, cell.y): cell for cell in drawn.sweep.cells}
    rows = [[places.get((across, up)) for across in drawn.sweep.x.values] for up in drawn.y.values]
    steps = len(kinds)
    return {
        "type": "heatmap",
        "x": list(drawn.sweep.x.values),
        "y": list(drawn.y.values),
        "z": [[kinds.index(kind_of(cell)) if cell else None for cell in row] for row in rows],
        "text": [[VERDICT_LETTERS[kind_of(cell)] if cell else "" for cell in row] for row in rows],
        "customdata": [[_hover(drawn.sweep, cell) if cell else "" for cell in row] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"size": 11},
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "colorscale": [[(place + end) / steps, colour] for place, colour in enumerate(colours) for end in (0, 1)],
        "zmin": -0.5,
        "zmax": steps - 0.5,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }


def _hover(sweep: SweepResult, cell: Cell) -> str:
    axes = [axis for axis in (sweep.x, sweep.y) if axis]
    named = zip(axes, place_words(sweep, cell), strict=True)
    lines = [
        ", ".join(f"{axis_name(axis.field)} {value}" for axis, value in named),
        f"Synchronous: {share_words(cell.synchronous)}",
        f"Event-driven: {share_words(cell.event_driven)}",
        f"Advice: {design_name(cell.style)}; {KINDS[kind_of(cell)]}",
    ]
    if cell.margin is not None:
        lines.insert(-1, f"The better one is {margin_words(cell)} what is asked")
    return "<br>".join(lines)


def _frames(drawn: Map) -> Iterator[dict[str, Any]]:
    """Frames around the cells where the advice names the design that misses, as one path."""
    across, up = edges(drawn.sweep.x.values), edges(drawn.y.values)
    xs: list[float | None] = []
    ys: list[float | None] = []
    for cell in drawn.sweep.cells:
        if not cell.disagrees or cell.y is None:
            continue
        column, row = drawn.sweep.x.values.index(cell.x), drawn.y.values.index(cell.y)
        left, right, low, high = across[column], across[column + 1], up[row], up[row + 1]
        xs += [left, right, right, left, left, None]
        ys += [low, low, high, high, low, None]
    if xs:
        line = {"color": drawn.palette.ink, "width": 2}
        yield {"type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": line, "hoverinfo": "skip"}


def edges(values: Sequence[float]) -> list[float]:
    """Cells meet half way between the values, and reach as far beyond the ends."""
    middles = [(low + high) / 2 for low, high in pairwise(values)]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


def on_axis(values: Sequence[float], value: float) -> bool:
    ends = edges(values)
    return ends[0] <= value <= ends[-1]


def _borders(drawn: Map, border: AdvisedMap) -> Iterator[dict[str, Any]]:
    """Ink on a halo, so that it is seen over every colour."""
    for place in np.unique(border.style)[:-1]:
        percent = packed_array(np.rint(100 * softened(border.style == place)), "i1")
        for colour, width in ((drawn.shades.page, 6), (drawn.palette.ink, 2.5)):
            yield {
                "type": "contour",
                "x": border.x.round(6).tolist(),
                "y": border.y.round(6).tolist(),
                "z": percent,
                "contours": {"start": 50, "end": 50, "size": 1, "coloring": "none"},
                "line": {"color": colour, "width": width, "smoothing": 1},
                "showscale": False,
                "hoverinfo": "skip",
            }


def softened(inside: Mask) -> FloatArray:
    """1 inside and 0 outside, in between over `BLUR` values on either side of the rim."""
    values = np.pad(inside.astype(float), BLUR, mode="edge")
    width = 2 * BLUR + 1
    soft: FloatArray = np.lib.stride_tricks.sliding_window_view(values, (width, width)).mean(axis=(2, 3))
    return soft


def _regions(drawn: Map, border: AdvisedMap, taken: list[Area]) -> Iterator[dict[str, Any]]:
    def share(row: int, column: int) -> tuple[float, float]:
        return drawn.share(float(border.x[column]), float(border.y[row]))

    named = [
        (region, f"advice: {design_name(ALL_STYLES[region.style])}")
        for region in (regions(border.style) if len(border.named()) > 1 else ())
    ]
    for place in placed(named, share, taken):
        x, y = float(border.x[place.column]), float(border.y[place.row])
        colour = drawn.palette.of(ALL_STYLES[place.region.style])
        boxed: dict[str, Any] = {"bgcolor": drawn.shades.page, "borderpad": 3, "opacity": 0.92}
        yield words_at(place.text, x, y, colour, xanchor=place.anchor, **boxed)


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
