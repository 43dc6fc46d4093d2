"""A sweep as plotly.js reads it: a map of letters on colours for two answers, for one the good shares as lines."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from advisor.advice.evaluation import ALL_STYLES
from advisor.reports.charts.labels import Area, Region, area_of, placed
from advisor.reports.document.answers import QUESTIONS
from advisor.reports.figure_plotly import FONT
from advisor.reports.maps.regions import regions, softened
from advisor.reports.maps.shares import shares_figure
from advisor.reports.maps.words import (
    KINDS,
    VERDICT_LETTERS,
    axis_name,
    kind_of,
    margin_words,
    place_words,
    share_words,
)
from advisor.reports.palette import DARK, LIGHT, Palette
from advisor.reports.wording import design_name
from advisor.sweeps.border import AdvisedMap
from advisor.sweeps.contract import Axis, Cell, Sweep

HEIGHT = 520
GREYS = {
    "light": {"both": "#DDE3EA", "neither": "#8491A0", "unresolved": "#F6F7F9", "no_deadline": "#F6F7F9"},
    "dark": {"both": "#4A5666", "neither": "#0B0F14", "unresolved": "#263140", "no_deadline": "#263140"},
}
"""What is no design's own: neither colour may mean anything else."""
PAGE = {"light": "#FFFFFF", "dark": "#141B24"}


@dataclass(frozen=True)
class Here:
    x: float
    y: float | None = None


def map_figure(sweep: Sweep, border: AdvisedMap, here: Here, dark: bool = False) -> dict[str, Any]:
    """Cells that are not done are left out."""
    theme, palette = ("dark", DARK) if dark else ("light", LIGHT)
    if sweep.y is None:
        return shares_figure(sweep, border, here.x, palette)
    traces = [_cells(sweep, sweep.y, theme, palette), *_frames(sweep, sweep.y, palette)]
    traces += [*_borders(border, palette, PAGE[theme]), *_here(sweep, sweep.y, here, palette, PAGE[theme])]
    word = list(_here_word(sweep, sweep.y, here, palette, PAGE[theme]))
    taken = [_area_of_word(sweep, sweep.y, one) for one in word]
    layout = _layout(sweep, sweep.y, palette) | {
        "annotations": [*_regions(sweep, sweep.y, border, taken, palette, PAGE[theme]), *word]
    }
    return {
        "data": traces,
        "layout": layout,
        "config": {"displayModeBar": False, "responsive": True, "scrollZoom": False},
    }


def _cells(sweep: Sweep, y: Axis, theme: str, palette: Palette) -> dict[str, Any]:
    kinds = list(KINDS)
    colours = [getattr(palette, kind, None) or GREYS[theme][kind] for kind in kinds]
    places = {(cell.x, cell.y): cell for cell in sweep.cells}
    rows = [[places.get((across, up)) for across in sweep.x.values] for up in y.values]
    steps = len(kinds)
    scale = [[(place + end) / steps, colour] for place, colour in enumerate(colours) for end in (0, 1)]
    return {
        "type": "heatmap",
        "x": list(sweep.x.values),
        "y": list(y.values),
        "z": [[kinds.index(kind_of(cell)) if cell else None for cell in row] for row in rows],
        "text": [[VERDICT_LETTERS[kind_of(cell)] if cell else "" for cell in row] for row in rows],
        "customdata": [[_hover(sweep, cell) if cell else "" for cell in row] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"size": 11},
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "colorscale": scale,
        "zmin": -0.5,
        "zmax": steps - 0.5,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }


def _hover(sweep: Sweep, cell: Cell) -> str:
    axes = [sweep.x, sweep.y] if sweep.y else [sweep.x]
    named = zip(axes, place_words(sweep, cell), strict=True)
    lines = [", ".join(f"{axis_name(axis.field)} {value}" for axis, value in named if axis)]
    lines += [f"Synchronous: {share_words(cell.synchronous)}", f"Event-driven: {share_words(cell.event_driven)}"]
    if cell.margin is not None:
        lines.append(f"The better one is {margin_words(cell)} what is asked")
    lines.append(f"Advice: {design_name(cell.style)}; {KINDS[kind_of(cell)]}")
    return "<br>".join(lines)


def _frames(sweep: Sweep, y: Axis, palette: Palette) -> Iterator[dict[str, Any]]:
    across, up = edges(sweep.x.values), edges(y.values)
    xs: list[float | None] = []
    ys: list[float | None] = []
    for cell in sweep.cells:
        if not cell.disagrees or cell.y is None:
            continue
        column, row = sweep.x.values.index(cell.x), y.values.index(cell.y)
        left, right, low, high = across[column], across[column + 1], up[row], up[row + 1]
        xs += [left, right, right, left, left, None]
        ys += [low, low, high, high, low, None]
    if xs:
        line = {"color": palette.ink, "width": 2}
        yield {"type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": line, "hoverinfo": "skip"}


def edges(values: Sequence[float]) -> list[float]:
    """Cells meet half way between the values, and reach as far beyond the ends."""
    middles = [(low + high) / 2 for low, high in pairwise(values)]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


def on_axis(values: Sequence[float], value: float) -> bool:
    ends = edges(values)
    return ends[0] <= value <= ends[-1]


def _borders(border: AdvisedMap, palette: Palette, page: str) -> Iterator[dict[str, Any]]:
    """Ink on a halo, so that it is seen over every colour."""
    for place in np.unique(border.style)[:-1]:
        percent = np.rint(100 * softened(border.style == place)).astype("<i1")
        rows, columns = percent.shape
        packed = {
            "dtype": "i1",
            "bdata": base64.b64encode(percent.tobytes()).decode(),
            "shape": f"{rows}, {columns}",
        }
        for colour, width in ((page, 6), (palette.ink, 2.5)):
            yield {
                "type": "contour",
                "x": border.x.round(6).tolist(),
                "y": border.y.round(6).tolist(),
                "z": packed,
                "contours": {"start": 50, "end": 50, "size": 1, "coloring": "none"},
                "line": {"color": colour, "width": width, "smoothing": 1},
                "showscale": False,
                "hoverinfo": "skip",
            }


def _regions(
    sweep: Sweep, y: Axis, border: AdvisedMap, taken: list[Area], palette: Palette, page: str
) -> Iterator[dict[str, Any]]:
    def at(row: int, column: int) -> tuple[float, float]:
        return _share(sweep.x, float(border.x[column])), _share(y, float(border.y[row]))

    named = [(region, _advice(region)) for region in regions(border)] if len(border.named()) > 1 else []
    for place in placed(named, at, taken):
        yield {
            "text": _advice(place.region),
            "x": float(border.x[place.column]),
            "y": float(border.y[place.row]),
            "xanchor": place.anchor,
            "showarrow": False,
            "bgcolor": page,
            "borderpad": 3,
            "opacity": 0.92,
            "font": {"size": 12, "color": palette.of(ALL_STYLES[place.region.style])},
        }


def _advice(region: Region) -> str:
    return f"advice: {design_name(ALL_STYLES[region.style])}"


def _area_of_word(sweep: Sweep, y: Axis, word: dict[str, Any]) -> Area:
    return area_of(f"<> {word['text']}", _share(sweep.x, word["x"]), _share(y, word["y"]), word["xanchor"])


def _share(axis: Axis, value: float) -> float:
    """How far along its axis a value is drawn, 0 to 1."""
    ends = edges(axis.values)
    return (value - ends[0]) / (ends[-1] - ends[0])


def _inside(sweep: Sweep, y: Axis, here: Here) -> bool:
    return here.y is not None and on_axis(sweep.x.values, here.x) and on_axis(y.values, here.y)


def _here(sweep: Sweep, y: Axis, here: Here, palette: Palette, page: str) -> Iterator[dict[str, Any]]:
    if _inside(sweep, y, here):
        marker = {"symbol": "diamond", "size": 13, "color": page, "line": {"color": palette.ink, "width": 2.5}}
        yield {
            "type": "scatter",
            "mode": "markers",
            "x": [here.x],
            "y": [here.y],
            "marker": marker,
            "hoverinfo": "skip",
        }


def _here_word(sweep: Sweep, y: Axis, here: Here, palette: Palette, page: str) -> Iterator[dict[str, Any]]:
    if _inside(sweep, y, here):
        right = here.x > (sweep.x.values[0] + sweep.x.values[-1]) / 2
        yield {
            "text": "this workload",
            "x": here.x,
            "y": here.y,
            "xanchor": "right" if right else "left",
            "xshift": -12 if right else 12,
            "showarrow": False,
            "bgcolor": page,
            "borderpad": 2,
            "font": {"size": 12, "color": palette.ink},
        }


def _layout(sweep: Sweep, y: Axis, palette: Palette) -> dict[str, Any]:
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.muted},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "height": HEIGHT,
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": palette.burst,
            "bordercolor": palette.grid,
            "font": {"color": palette.ink, "size": 12},
            "align": "left",
        },
        "xaxis": _axis(sweep.x, palette),
        "yaxis": _axis(y, palette),
    }


def _axis(axis: Axis, palette: Palette) -> dict[str, Any]:
    ends = edges(axis.values)
    return {
        "title": {"text": axis_title(axis), "standoff": 8, "font": {"size": 12}},
        "range": [ends[0], ends[-1]],
        "automargin": True,
        "fixedrange": True,
        "zeroline": False,
        "showgrid": False,
        "linecolor": palette.grid,
        "ticks": "",
        "separatethousands": True,
    }


def axis_title(axis: Axis) -> str:
    unit = QUESTIONS[axis.field].unit
    return f"{axis_name(axis.field)} ({unit})" if unit else axis_name(axis.field)
