"""A Chart as SVG, for documents without external resources. The same chart gives the same bytes.

Letters stay text (the font is matplotlib's own DejaVu Sans, which the PDF embeds), so a document can be searched.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from math import inf
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from advisor.reports.charts.labels import placed_deadlines, placed_window_words
from advisor.reports.charts.model import HEADROOM, Chart, ChartView
from advisor.reports.charts.ticks import clock_ticks
from advisor.reports.palette import DASHES, LIGHT, WIDTHS
from core.numbers import plain

WIDTH_IN, HEIGHT_IN = 6.9, 2.75
STRIP_IN, STRIP_SHARE = 0.2, 0.15
"""The overview below a view: its height with its axis, and the plot's share of both plots."""
DASH_PATTERNS: dict[str, Any] = {"solid": "-", "dash": (0, (5, 2.5)), "dot": (0, (1.2, 1.8))}
HATCHES = {"synchronous": "////", "event_driven": "", "hybrid": ".."}

MATPLOTLIB_STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "hatch.linewidth": 0.8,
    "axes.edgecolor": LIGHT.grid,
    "axes.labelcolor": LIGHT.muted,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": LIGHT.muted,
    "ytick.color": LIGHT.muted,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
}


def svg(chart: Chart) -> str:
    """The drawing, with its alternative text as label; empty if there is nothing to draw."""
    if not chart.drawn:
        return ""
    with mpl.rc_context(MATPLOTLIB_STYLE | {"svg.hashsalt": chart.id}):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH_IN, _height(chart)), layout="constrained")
        FigureCanvasSVG(figure)
        with _quiet(figure):
            if chart.views:
                axes, strip = figure.subplots(2, 1, height_ratios=(1 - STRIP_SHARE, STRIP_SHARE))
                _lines(chart, axes, chart.views[0])
                _strip(chart, strip, chart.views[0])
            else:
                axes = figure.add_subplot()
                _bars(chart, axes) if chart.bars else _lines(chart, axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue(), chart)


def _height(chart: Chart) -> float:
    if chart.bars:
        return 0.75 + 0.21 * len(chart.groups) * len(chart.bars)
    return HEIGHT_IN + STRIP_IN if chart.views else HEIGHT_IN


@contextmanager
def _quiet(figure: Figure) -> Iterator[None]:
    figure.patch.set_alpha(0)
    yield
    for axes in figure.axes:
        axes.patch.set_alpha(0)


def _lines(chart: Chart, axes: Axes, view: ChartView | None = None) -> None:
    _axes(chart, axes)
    _drawn(chart, axes)
    high = chart.y.high if view is None else view.top
    if high is not None:
        axes.set_ylim(chart.y.low, high * HEADROOM)
    else:
        axes.set_ylim(0, max(axes.get_ylim()[1], 1e-9))
    if view is not None:
        axes.set_xlim(view.low, view.high)
        _clock(chart, axes, view.low, view.high)
        axes.set_xlabel("")
    _words(chart, axes, view)


def _drawn(chart: Chart, axes: Axes, scale: float = 1.0) -> None:
    for window in chart.windows:
        axes.axvspan(window.start, window.end, color=LIGHT.of(window.kind), lw=0, zorder=0)
    for line in chart.lines:
        axes.plot(
            line.x,
            line.y,
            color=LIGHT.of(line.style),
            ls=DASH_PATTERNS[DASHES[line.style]],
            lw=scale * 0.8 * WIDTHS[line.style] * (0.6 if line.faint else 1),
            alpha=0.65 if line.faint else None,
            drawstyle="steps-post" if line.shape == "step" else "default",
        )


def _strip(chart: Chart, axes: Axes, view: ChartView) -> None:
    """The whole run, small, with the view marked."""
    _drawn(chart, axes, 0.5)
    axes.axvspan(view.low, view.high, facecolor="none", edgecolor=LIGHT.ink, lw=0.8, zorder=3)
    axes.set_xlim(chart.x.low, chart.x.high)
    axes.set_ylim(0, None)
    axes.set_yticks([])
    axes.set_xlabel(f"{chart.x.title}: the whole run, with the part shown above marked")
    _clock(chart, axes, chart.x.low or 0.0, chart.x.high or 1.0)


def _clock(chart: Chart, axes: Axes, low: float, high: float) -> None:
    if chart.scale_s is not None:
        ticks = clock_ticks(low, high, chart.scale_s)
        axes.set_xticks([tick for tick, _ in ticks], [text for _, text in ticks])


def _axes(chart: Chart, axes: Axes) -> None:
    axes.grid(color=LIGHT.grid, lw=0.6)
    axes.set_xlabel(chart.x.title)
    axes.set_ylabel(chart.y.title)
    if chart.x.log:
        axes.set_xscale("log")
    _ticks(chart, axes)
    axes.set_xlim(chart.x.low, chart.x.high)


def _ticks(chart: Chart, axes: Axes) -> None:
    words = FuncFormatter(lambda value, _: plain(value, 4))
    axes.xaxis.set_major_formatter(words)
    axes.yaxis.set_major_formatter(words)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=chart.y.whole))
    if chart.x.ticks:
        axes.set_xticks([tick for tick, _ in chart.x.ticks], [text for _, text in chart.x.ticks], minor=False)
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))


def _words(chart: Chart, axes: Axes, view: ChartView | None) -> None:
    over = axes.get_xaxis_transform()
    for deadline, anchor, row in placed_deadlines(chart):
        axes.axvline(deadline.x, color=LIGHT.ink, lw=0.8, ls="-")
        axes.text(
            deadline.x, 1.01 + 0.055 * row, deadline.text, transform=over, ha=anchor, va="bottom", color=LIGHT.ink,
            fontsize=7.5,
        )  # fmt: skip
    low, high = (-inf, inf) if view is None else (view.low, view.high)
    for at, row, word in placed_window_words(chart, low, high):
        axes.text(at, 1.01 + 0.055 * row, word, transform=over, ha="left", va="bottom", color=LIGHT.muted, fontsize=7.5)
    for limit in chart.limits:
        if limit.x < axes.get_ylim()[1]:
            axes.axhline(limit.x, color=LIGHT.ink, lw=0.8)
            along = axes.get_yaxis_transform()
            axes.text(1, limit.x, limit.text, transform=along, ha="right", va="bottom", color=LIGHT.ink, fontsize=7.5)
    for mark in chart.marks:
        colour, shape = LIGHT.of(mark.style), "s" if mark.style == "synchronous" else "o"
        axes.plot([mark.x], [mark.y], ls="", marker=shape, ms=4, color=colour, clip_on=False)
        if mark.side != "none":
            _near(axes, mark.x, mark.y, mark.text, mark.side == "left", mark.side == "left", colour, 7.5)
    for line, spot in zip(
        chart.lines, [line.spot for line in chart.lines] if view is None else view.spots, strict=True
    ):
        if spot is not None:
            side = {"left": True, "right": False, "centre": None}[spot.side]
            _near(axes, spot.x, spot.y, line.words_at(spot), side, spot.above, LIGHT.of(line.style), 8.5)


def _near(axes: Axes, x: float, y: float, text: str, left: bool | None, above: bool, colour: str, size: float) -> None:
    """Three points off a place on the axes."""
    across = {True: "right", False: "left", None: "center"}[left]
    shift = {True: -3, False: 3, None: 0}[left]
    axes.annotate(
        text,
        (x, y),
        (shift, 3 if above else -3),
        textcoords="offset points",
        ha=across,
        va="bottom" if above else "top",
        color=colour,
        fontsize=size,
        annotation_clip=False,
    )


def _bars(chart: Chart, axes: Axes) -> None:
    height = 0.7 / len(chart.bars)
    for place, bars in enumerate(chart.bars):
        colour, hatch = LIGHT.of(bars.style), HATCHES[bars.style]
        rows = [group + (place - (len(chart.bars) - 1) / 2) * height for group in range(len(chart.groups))]
        axes.barh(
            rows,
            bars.values,
            height * 0.88,
            facecolor="none" if hatch else colour,
            edgecolor=colour,
            hatch=hatch,
            lw=0.8,
        )
        beyond = max((wanted.x for wanted in chart.deadlines), default=0.0)
        for row, value, text in zip(rows, bars.values, bars.texts, strict=True):
            named = f"{text}  {bars.label}" if row == rows[0] else text
            axes.annotate(
                named,
                (max(value, beyond), row),
                (4, 0),
                textcoords="offset points",
                va="center",
                color=colour,
                fontsize=8,
            )
        if bars.interval is not None:
            axes.hlines(rows[0], *bars.interval, color=LIGHT.ink, lw=1.2)
    for wanted in chart.deadlines:
        axes.axvline(wanted.x, color=LIGHT.ink, lw=0.8)
        over = axes.get_xaxis_transform()
        axes.text(wanted.x, 1.01, wanted.text, transform=over, ha="right", va="bottom", color=LIGHT.ink, fontsize=7.5)
    axes.set_yticks(range(len(chart.groups)), chart.groups)
    axes.invert_yaxis()
    axes.set_xlim(0, 128)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.grid(axis="x", color=LIGHT.grid, lw=0.6)
    axes.set_xlabel(chart.x.title)
    axes.spines["bottom"].set_visible(False)


def _inline(text: str, chart: Chart) -> str:
    """No prolog, ids that are unique in a page with several charts, and a label for screen readers."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{chart.id}-', body)
    body = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{chart.id}-", body)
    label = f'role="img" aria-label="{escape(chart.alt)}"'
    return body.replace("<svg ", f"<svg {label} ", 1).rstrip() + "\n"
