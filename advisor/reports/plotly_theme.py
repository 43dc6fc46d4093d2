"""What every plotly.js figure has in common: configuration, colours, axes, words on the plot and upright lines."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from advisor.reports.palette import Palette

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False}
PLAIN_AXIS = {"automargin": True, "fixedrange": True, "zeroline": False, "ticks": ""}


def themed_figure(traces: Sequence[dict[str, Any]], palette: Palette, **layout: Any) -> dict[str, Any]:
    """JSON-ready data for the cartesian bundle: no legend, no tools, no dragging, the page's own background.

    The title is left to the page, which sets it as text above the drawing: there it wraps and is read aloud.
    """
    common = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.muted},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": hover_label(palette),
    }
    return {"data": list(traces), "layout": common | layout, "config": CONFIG}


def hover_label(palette: Palette) -> dict[str, Any]:
    return {"bgcolor": palette.burst, "bordercolor": palette.grid, "font": {"color": palette.ink, "size": 12}}


def lined_axis(title: str, palette: Palette, **more: Any) -> dict[str, Any]:
    own = {
        "title": {"text": title, "standoff": 8, "font": {"size": 12}},
        "linecolor": palette.grid,
        "separatethousands": True,
    }
    return PLAIN_AXIS | own | more


def words_at(text: str, x: float, y: float, colour: str, size: int = 12, **more: Any) -> dict[str, Any]:
    """An annotation without an arrow, in axis units unless `more` says otherwise."""
    return {"text": text, "x": x, "y": y, "showarrow": False, "font": {"size": size, "color": colour}} | more


def words_above(text: str, x: float, anchor: str, colour: str, size: int = 11, **more: Any) -> dict[str, Any]:
    """Words on top of the plot."""
    above = {"yref": "paper", "xanchor": anchor, "yanchor": "bottom"}
    return words_at(text, x, 1, colour, size) | above | more


def upright(x: float, colour: str, width: float, dash: str) -> dict[str, Any]:
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": line}


def level(y: float, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1}
    return {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line}


def packed_array(values: ArrayLike, kind: str = "f4") -> dict[str, str]:
    """As plotly.js unpacks it: little-endian numbers of a `kind`, base64, with a shape from two dimensions on."""
    array = np.ascontiguousarray(values, dtype=f"<{kind}")
    data = {"dtype": kind, "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    return data if array.ndim < 2 else data | {"shape": ", ".join(map(str, array.shape))}
