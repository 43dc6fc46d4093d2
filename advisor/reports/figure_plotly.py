"""A Chart as plotly.js reads it."""

from typing import Any

import numpy as np

from advisor.reports.charts.model import HEADROOM, Axis, Chart, Line, Spot
from advisor.reports.palette import DARK, DASHES, LIGHT, WIDTHS, Palette
from advisor.reports.plotly_theme import lined_axis, packed_array, themed_figure, upright, words_above, words_at

PATTERNS = {"synchronous": "/", "event_driven": "", "hybrid": "."}
TEXT_POSITIONS = {"left": "top left", "right": "bottom right", "none": "middle center"}
ANCHORS = {"left": "right", "right": "left", "centre": "center"}


def chart_figure(chart: Chart, dark: bool = False) -> dict[str, Any]:
    palette = DARK if dark else LIGHT
    traces = [*_lines(chart, palette), *_marks(chart, palette), *_bars(chart, palette)]
    layout: dict[str, Any] = {
        "margin": {"l": 8, "r": 12, "t": 28, "b": 8},
        "height": 300,
        "hovermode": "x unified" if chart.lines else "closest",
        "xaxis": _axis(chart.x, palette),
        "yaxis": _axis(chart.y, palette) | ({"range": [0, chart.y.high * HEADROOM]} if chart.y.high else {}),
        "shapes": [
            *_windows(chart, palette),
            *(upright(deadline.x, palette.ink, 1, "longdash") for deadline in chart.deadlines),
        ],
        "annotations": _annotations(chart, palette),
    }
    return themed_figure(traces, palette, **layout | (_bar_layout(chart, palette) if chart.bars else {}))


def _lines(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    hover = f"%{{y:,.4~g}} {chart.y.unit}".rstrip()
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": line.label,
            "x": packed_array(line.x),
            "y": packed_array(line.y),
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
                "textposition": [TEXT_POSITIONS[mark.side] for mark in marks],
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
                "pattern": {"shape": PATTERNS[bars.style], "size": 6, "solidity": 0.4, "fillmode": "replace"},
            },
            "hovertemplate": f"{bars.label}: %{{text}}<extra></extra>",
        }
        for bars in chart.bars
    ]


def _axis(axis: Axis, palette: Palette) -> dict[str, Any]:
    layout = lined_axis(axis.title, palette, gridcolor=palette.grid)
    if axis.log:
        layout |= {"type": "log"}
    if axis.ticks:
        layout |= {"tickvals": [tick for tick, _ in axis.ticks], "ticktext": [text for _, text in axis.ticks]}
    if axis.low is not None and axis.high is not None:
        layout["range"] = [_placed(axis.low, axis), _placed(axis.high, axis)]
    elif axis.low is not None:
        layout["rangemode"] = "tozero"
    if axis.whole:
        layout |= {"tickformat": ",d"}
    if axis.unit:
        layout["unifiedhovertitle"] = {"text": f"%{{x:,.4~g}} {axis.unit}"}
    return layout


def _bar_layout(chart: Chart, palette: Palette) -> dict[str, Any]:
    """Room for the figures, and a key of coloured words above: bars have no line end for a label."""
    key = [
        words_above(
            f"{'▨' if PATTERNS[bars.style] else '■'} {bars.label}", place / max(2, len(chart.bars)), "left",
            palette.of(bars.style), 12, xref="paper", y=1.0,
        )
        for place, bars in enumerate(chart.bars)
    ]  # fmt: skip
    return {
        "barmode": "group",
        "bargap": 0.3,
        "height": 96 + 26 * len(chart.groups) * len(chart.bars),
        "yaxis": _axis(chart.y, palette) | {"autorange": "reversed", "title": {"text": ""}, "showgrid": False},
        "xaxis": _axis(chart.x, palette) | {"range": [0, 118], "tickvals": [0, 25, 50, 75, 100]},
        "annotations": key,
    }


def _windows(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    stretch = {"type": "rect", "layer": "below", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}}
    return [
        stretch | {"x0": window.start, "x1": window.end, "fillcolor": palette.of(window.kind)}
        for window in chart.windows
    ]


def _annotations(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    lines = [_label(line, line.spot, chart.x, palette) for line in chart.lines if line.spot is not None]
    deadlines = [
        words_above(deadline.text, _placed(deadline.x, chart.x), "right", palette.ink) for deadline in chart.deadlines
    ]
    windows = [words_above(window.kind, window.start, "left", palette.muted) for window in chart.first_windows]
    return [*lines, *deadlines, *windows]


def _label(line: Line, spot: Spot, x: Axis, palette: Palette) -> dict[str, Any]:
    anchors: dict[str, Any] = {"xanchor": ANCHORS[spot.side], "yanchor": "bottom" if spot.above else "top"}
    return words_at(line.words, _placed(spot.x, x), spot.y, palette.of(line.style), **anchors)


def _placed(x: float, axis: Axis) -> float:
    """An annotation on a logarithmic axis is placed by the logarithm."""
    return float(np.log10(x)) if axis.log else x
