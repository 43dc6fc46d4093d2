"""A Chart as SVG, for documents without external resources. The same chart gives the same bytes.

Letters stay text (the font is matplotlib's own DejaVu Sans, which the PDF embeds), so a document can be searched.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from advisor.reports.charts.model import HEADROOM, Chart
from advisor.reports.palette import DASHES, LIGHT, WIDTHS
from core.numbers import plain

WIDTH_IN, HEIGHT_IN = 6.9, 2.75
DASH_PATTERNS: dict[str, Any] = {
    "solid": "-",
    "dash": (0, (5, 2.5)),
    "dot": (0, (1.2, 1.8)),
    "dashdot": (0, (5, 2, 1.2, 2)),
    "longdash": (0, (9, 3)),
    "longdashdot": (0, (9, 2.5, 1.2, 2.5)),
}
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
        axes = figure.add_subplot()
        with _quiet(figure):
            _bars(chart, axes) if chart.bars else _lines(chart, axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue(), chart)


def _height(chart: Chart) -> float:
    return 0.75 + 0.21 * len(chart.groups) * len(chart.bars) if chart.bars else HEIGHT_IN


@contextmanager
def _quiet(figure: Figure) -> Iterator[None]:
    figure.patch.set_alpha(0)
    yield
    for axes in figure.axes:
        axes.patch.set_alpha(0)


def _lines(chart: Chart, axes: Axes) -> None:
    _axes(chart, axes)
    for window in chart.windows:
        axes.axvspan(window.start, window.end, color=LIGHT.of(window.kind), lw=0, zorder=0)
    for line in chart.lines:
        axes.plot(
            line.x,
            line.y,
            color=LIGHT.of(line.style),
            ls=DASH_PATTERNS[line.dash or DASHES[line.style]],
            lw=0.8 * WIDTHS[line.style],
            drawstyle="steps-post" if line.shape == "step" else "default",
        )
    if chart.y.high is not None:
        axes.set_ylim(chart.y.low, chart.y.high * HEADROOM)
    else:
        axes.set_ylim(0, max(axes.get_ylim()[1], 1e-9))
    _words(chart, axes)


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


def _words(chart: Chart, axes: Axes) -> None:
    over = axes.get_xaxis_transform()
    for deadline in chart.deadlines:
        axes.axvline(deadline.x, color=LIGHT.ink, lw=0.8, ls=(0, (8, 3)))
        axes.text(
            deadline.x, 1.01, deadline.text, transform=over, ha="right", va="bottom", color=LIGHT.ink, fontsize=7.5
        )
    for window in chart.first_windows:
        axes.text(
            window.start, 1.01, window.kind, transform=over, ha="left", va="bottom", color=LIGHT.muted, fontsize=7.5
        )
    for mark in chart.marks:
        colour, shape = LIGHT.of(mark.style), "s" if mark.style == "synchronous" else "o"
        axes.plot([mark.x], [mark.y], ls="", marker=shape, ms=4, color=colour, clip_on=False)
        if mark.side != "none":
            _near(axes, mark.x, mark.y, mark.text, mark.side == "left", mark.side == "left", colour, 7.5)
    for line in chart.lines:
        if line.spot is not None:
            side = {"left": True, "right": False, "centre": None}[line.spot.side]
            _near(axes, line.spot.x, line.spot.y, line.words, side, line.spot.above, LIGHT.of(line.style), 8.5)


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
        for row, value, text in zip(rows, bars.values, bars.texts, strict=True):
            named = f"{text}  {bars.label}" if row == rows[0] else text
            axes.annotate(
                named, (value, row), (4, 0), textcoords="offset points", va="center", color=colour, fontsize=8
            )
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
