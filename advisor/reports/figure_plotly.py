"""A Chart as plotly.js reads it."""

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np

from advisor.reports.charts.labels import placed_deadlines, placed_window_words
from advisor.reports.charts.model import HEADROOM, Axis, Chart, ChartView, Line, Spot
from advisor.reports.charts.ticks import clock_ticks, whole_step
from advisor.reports.palette import DARK, DASHES, LIGHT, WIDTHS, Palette
from advisor.reports.plotly_theme import level, lined_axis, packed_array, themed_figure, upright, words_above, words_at

PATTERNS = {"synchronous": "/", "event_driven": "", "hybrid": "."}
TEXT_POSITIONS = {"left": "top left", "right": "bottom right", "none": "middle center"}
FAINT = 0.65
MOST_SYMBOLS = 8
ANCHORS = {"left": "right", "right": "left", "centre": "center"}


def chart_figure(chart: Chart, dark: bool = False) -> dict[str, Any]:
    palette = DARK if dark else LIGHT
    traces = [*_lines(chart, palette), *_marks(chart, palette), *_bars(chart, palette)]
    rows = max((row + 1 for _, _, row in placed_deadlines(chart)), default=1)
    layout: dict[str, Any] = {
        "margin": {"l": 8, "r": 12, "t": 28 + 13 * max(0, rows - 2), "b": 8},
        "height": 300,
        "hovermode": "x unified" if chart.lines else "closest",
        "dragmode": "zoom" if chart.lines else False,
        "xaxis": _axis(chart.x, palette) | {"fixedrange": not chart.lines},
        "yaxis": _axis(chart.y, palette) | ({"range": [0, chart.y.high * HEADROOM]} if chart.y.high else {}),
        "shapes": [
            *_windows(chart, palette),
            *(upright(deadline.x, palette.ink, 1, "solid") for deadline in chart.deadlines),
            *(level(limit.x, palette.ink) for limit in chart.limits),
        ],
        "annotations": _annotations(chart, palette),
    }
    if chart.views:
        layout |= _overview(chart, palette)
    figure = themed_figure(traces, palette, **layout | (_bar_layout(chart, palette) if chart.bars else {}))
    return figure | {"tools": _tools(chart, palette)}


def _overview(chart: Chart, palette: Palette) -> dict[str, Any]:
    """The first view, and below it the whole run with the view marked."""
    first = chart.views[0]
    strip = {
        "visible": True,
        "thickness": 0.14,
        "range": [chart.x.low, chart.x.high],
        "bgcolor": "rgba(0,0,0,0)",
        "bordercolor": palette.grid,
        "borderwidth": 1,
    }
    shown = _shown(chart, first, palette)
    return {
        "height": 366,
        "margin": {"l": 8, "r": 12, "t": 28, "b": 14},
        "xaxis": _axis(chart.x, palette)
        | {"fixedrange": False, "range": shown["range"], "rangeslider": strip}
        | shown["ticks"],
        "yaxis": _axis(chart.y, palette) | {"range": shown["heights"]},
        "annotations": shown["annotations"],
    }


def _shown(chart: Chart, view: ChartView, palette: Palette) -> dict[str, Any]:
    ticks = clock_ticks(view.low, view.high, chart.scale_s or 1.0)
    return {
        "label": view.label,
        "ticks": {"tickvals": [tick for tick, _ in ticks], "ticktext": [text for _, text in ticks]},
        "range": [view.low, view.high],
        "heights": [0, view.top * HEADROOM],
        "annotations": _annotations(chart, palette, view),
    }


def _tools(chart: Chart, palette: Palette) -> dict[str, Any]:
    """What the page's script needs for the buttons of a chart: its views, and what it works out anew when a reader zooms."""
    return {
        "views": [_shown(chart, view, palette) for view in chart.views],
        "clock": chart.scale_s if chart.views else None,
        "over_time": chart.scale_s is not None,
        "whole": chart.y.whole,
        "fits": bool(chart.lines) and chart.scale_s is not None,
        "log": chart.x.log,
        "headroom": HEADROOM,
        "ink": palette.ink,
        "page": palette.page,
        "title": chart.title,
        "key": [
            {"text": line.words, "color": palette.of(line.style), "dash": DASHES[line.style], "faint": line.faint}
            for line in chart.lines
        ],
    }


def _lines(chart: Chart, palette: Palette) -> list[dict[str, Any]]:
    hover = f"%{{y:,.4~g}} {chart.y.unit}".rstrip()
    return [
        {
            "type": "scatter",
            "mode": "lines+markers" if line.symbol else "lines",
            "name": line.label,
            "x": packed_array(line.x, "f8" if chart.views else "f4"),
            "y": packed_array(line.y),
            "opacity": FAINT if line.faint else 1,
            "marker": {"symbol": line.symbol or "circle", "size": 7, "maxdisplayed": MOST_SYMBOLS},
            "line": {
                "color": palette.of(line.style),
                "dash": DASHES[line.style],
                "width": WIDTHS[line.style] * (0.6 if line.faint else 1),
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
        layout |= {"rangemode": "tozero"}
    if axis.whole:
        layout |= {"tickformat": ",d"} | ({} if axis.high is None else {"tick0": 0, "dtick": whole_step(axis.high)})
    if axis.unit:
        layout["unifiedhovertitle"] = {"text": f"%{{x:,.6~g}} {axis.unit}"}
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


def _annotations(chart: Chart, palette: Palette, view: ChartView | None = None) -> list[dict[str, Any]]:
    """In a view, if one is given."""
    low = -inf if view is None else view.low
    high = inf if view is None else view.high
    spots = [line.spot for line in chart.lines] if view is None else view.spots
    pairs = zip(chart.lines, spots, strict=True)
    lines = [_label(line, spot, chart.x, palette) for line, spot in pairs if spot is not None]
    deadlines = [
        words_above(deadline.text, _placed(deadline.x, chart.x), anchor, palette.ink, yshift=13 * row)
        for deadline, anchor, row in placed_deadlines(chart)
    ]
    limits = [
        words_at(limit.text, 1, limit.x, palette.ink, 11, xref="paper", xanchor="right", yanchor="bottom")
        for limit in chart.limits
        if view is None or limit.x < view.top * HEADROOM
    ]
    return [*lines, *deadlines, *limits, *_window_words(chart, palette, low, high)]


def _window_words(chart: Chart, palette: Palette, low: float, high: float) -> Iterator[dict[str, Any]]:
    for at, row, word in placed_window_words(chart, low, high):
        yield words_above(word, at, "left", palette.muted, yshift=13 * row)


def _label(line: Line, spot: Spot, x: Axis, palette: Palette) -> dict[str, Any]:
    anchors: dict[str, Any] = {"xanchor": ANCHORS[spot.side], "yanchor": "bottom" if spot.above else "top"}
    text = line.words_at(spot)
    return words_at(text, _placed(spot.x, x), spot.y, palette.of(line.style), yshift=2 if spot.above else -2, **anchors)


def _placed(x: float, axis: Axis) -> float:
    """An annotation on a logarithmic axis is placed by the logarithm."""
    return float(np.log10(x)) if axis.log else x
