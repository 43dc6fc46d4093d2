"""A Chart as plotly.js reads it: data, layout and configuration, for the cartesian bundle.

The title is left to the page, which sets it as text above the drawing: there it wraps and is read aloud.
"""

import base64
from typing import Any

import numpy as np

from advisor.reports.charts.model import Axis, Chart, Floats, Line, Spot
from advisor.reports.palette import DARK, DASHES, LIGHT, WIDTHS, Palette

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
HEADROOM = 1.06
HATCHES = {"synchronous": "/", "event_driven": "", "hybrid": "."}


def figure(chart: Chart, dark: bool = False) -> dict[str, Any]:
    """Arrays are packed as plotly.js unpacks them (float32, base64)."""
    palette = DARK if dark else LIGHT
    traces = [*_lines(chart, palette), *_marks(chart, palette), *_bars(chart, palette)]
    layout = _layout(chart, palette)
    return {
        "data": traces,
        "layout": layout,
        "config": {"displayModeBar": False, "responsive": True, "scrollZoom": False},
    }


def _packed(values: Floats) -> dict[str, str]:
    raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return {"dtype": "f4", "bdata": base64.b64encode(raw).decode("ascii")}


def _lines(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    hover = f"%{{y:,.4~g}} {chart.y.unit}".rstrip()
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": line.label,
            "x": _packed(line.x),
            "y": _packed(line.y),
            "line": {
                "color": palette.of(line.style),
                "dash": line.dash or DASHES[line.style],
                "width": WIDTHS[line.style],
                "shape": "hv" if line.shape == "step" else "linear",
            },
            "hovertemplate": hover,
        }
        for line in chart.lines
    ]


def _marks(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    positions = {"left": "top left", "right": "bottom right", "none": "middle center"}
    traces = []
    for style in dict.fromkeys(mark.style for mark in chart.marks):
        marks = [mark for mark in chart.marks if mark.style == style]
        symbol = "square" if style == "synchronous" else "circle"
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [mark.x for mark in marks],
                "y": [mark.y for mark in marks],
                "text": ["" if mark.side == "none" else mark.text for mark in marks],
                "textposition": [positions[mark.side] for mark in marks],
                "textfont": {"color": palette.of(style), "size": 11},
                "marker": {"color": palette.of(style), "size": 7, "symbol": symbol},
                "hoverinfo": "skip",
                "cliponaxis": False,
            }
        )
    return traces


def _bars(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": bars.label,
            "y": list(chart.groups),
            "x": list(bars.values),
            "text": list(bars.texts),
            "textposition": "outside",
            "cliponaxis": False,
            "marker": {
                "color": palette.of(bars.style),
                "pattern": {"shape": HATCHES[bars.style], "size": 6, "solidity": 0.4, "fillmode": "replace"},
            },
            "hovertemplate": f"{bars.label}: %{{text}}<extra></extra>",
        }
        for bars in chart.bars
    ]


def _layout(chart: Chart, palette: Palette) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.muted},
        "margin": {"l": 8, "r": 12, "t": 28, "b": 8},
        "height": 300,
        "showlegend": False,
        "dragmode": False,
        "hovermode": "x unified" if chart.lines else "closest",
        "hoverlabel": {
            "bgcolor": palette.burst,
            "bordercolor": palette.grid,
            "font": {"color": palette.ink, "size": 12},
        },
        "xaxis": _axis(chart.x, palette),
        "yaxis": _axis(chart.y, palette) | ({"range": [0, chart.y.high * HEADROOM]} if chart.y.high else {}),
        "shapes": [*_windows(chart, palette), *_deadlines(chart, palette)],
        "annotations": [*_labels(chart, palette), *_deadline_texts(chart, palette), *_window_texts(chart, palette)],
    }
    if chart.bars:
        layout |= _bar_layout(chart, palette)
    return layout


def _axis(axis: Axis, palette: Palette) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "title": {"text": axis.title, "standoff": 8, "font": {"size": 12}},
        "automargin": True,
        "fixedrange": True,
        "zeroline": False,
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "ticks": "",
        "separatethousands": True,
    }
    if axis.log:
        shown |= {"type": "log"}
    if axis.ticks:
        shown |= {"tickvals": [tick for tick, _ in axis.ticks], "ticktext": [text for _, text in axis.ticks]}
    if axis.low is not None and axis.high is not None:
        shown["range"] = [_placed(axis.low, axis), _placed(axis.high, axis)]
    elif axis.low is not None:
        shown["rangemode"] = "tozero"
    if axis.whole:
        shown |= {"tickformat": ",d"}
    if axis.unit:
        shown["unifiedhovertitle"] = {"text": f"%{{x:,.4~g}} {axis.unit}"}
    return shown


def _bar_layout(chart: Chart, palette: Palette) -> dict[str, Any]:
    """Room for the figures, and a key of coloured words above: bars have no line end for a label."""
    key = [
        {
            "text": f"{'▨' if HATCHES[bars.style] else '■'} {bars.label}",
            "font": {"color": palette.of(bars.style), "size": 12},
            "xref": "paper",
            "yref": "paper",
            "x": place / max(2, len(chart.bars)),
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
        }
        for place, bars in enumerate(chart.bars)
    ]
    rows = len(chart.groups) * len(chart.bars)
    return {
        "barmode": "group",
        "bargap": 0.3,
        "height": 96 + 26 * rows,
        "yaxis": _axis(chart.y, palette) | {"autorange": "reversed", "title": {"text": ""}, "showgrid": False},
        "xaxis": _axis(chart.x, palette) | {"range": [0, 118], "tickvals": [0, 25, 50, 75, 100]},
        "annotations": key,
    }


def _windows(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    return [
        {
            "type": "rect",
            "layer": "below",
            "xref": "x",
            "yref": "paper",
            "x0": window.start,
            "x1": window.end,
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
            "fillcolor": palette.burst if window.kind == "burst" else palette.outage,
        }
        for window in chart.windows
    ]


def _window_texts(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    first = {window.kind: window for window in reversed(chart.windows)}
    return [
        {
            "text": kind,
            "x": window.start,
            "y": 1,
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 11, "color": palette.muted},
        }
        for kind, window in first.items()
    ]


def _deadlines(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    return [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": deadline.x,
            "x1": deadline.x,
            "y0": 0,
            "y1": 1,
            "line": {"color": palette.ink, "width": 1, "dash": "longdash"},
        }
        for deadline in chart.deadlines
    ]


def _deadline_texts(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    return [
        {
            "text": deadline.text,
            "x": _placed(deadline.x, chart.x),
            "y": 1,
            "yref": "paper",
            "xanchor": "right",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 11, "color": palette.ink},
        }
        for deadline in chart.deadlines
    ]


def _labels(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    return [_label(line, line.spot, chart.x, palette) for line in chart.lines if line.spot is not None]


def _label(line: Line, spot: Spot, x: Axis, palette: Palette) -> dict[str, Any]:
    return {
        "text": line.words,
        "x": _placed(spot.x, x),
        "y": spot.y,
        "xanchor": {"left": "right", "right": "left", "centre": "center"}[spot.side],
        "yanchor": "bottom" if spot.above else "top",
        "showarrow": False,
        "font": {"size": 12, "color": palette.of(line.style)},
    }


def _placed(x: float, axis: Axis) -> float:
    """An annotation on a logarithmic axis is placed by the logarithm."""
    return float(np.log10(x)) if axis.log else x
