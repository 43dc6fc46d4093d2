"""A sweep of one answer for plotly.js: both good shares with intervals, what is asked, and where the advice turns."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from advisor.reports.document.answers import QUESTIONS
from advisor.reports.maps.words import axis_title
from advisor.reports.palette import DASHES, Palette
from advisor.reports.plotly_theme import PLAIN_AXIS, themed_figure, upright, words_above, words_at
from advisor.reports.wording import design_name
from advisor.sweeps.capacity_search import DESIGNS
from advisor.sweeps.contract import Cell, GoodShare, SweepResult
from core.numbers import percent

SHARES_HEIGHT = 420

Upright = tuple[float, str, str, str]
"""A line across the plot: its place, its words, its colour, its dash."""


def shares_figure(sweep: SweepResult, here: float, palette: Palette) -> dict[str, Any]:
    """In percent. A design that grows without end has a gap: its share depends on how long it was watched."""
    uprights = list(_uprights(sweep, here, palette))
    unit = QUESTIONS[sweep.x.field].unit
    axis = PLAIN_AXIS | {"gridcolor": palette.grid}
    return themed_figure(
        [*_asked(sweep, palette), *(trace for design in DESIGNS for trace in _design(sweep, design, palette))],
        palette,
        margin={"l": 8, "r": 12, "t": 16 * (1 + len(uprights)), "b": 8},
        height=SHARES_HEIGHT,
        hovermode="x unified",
        xaxis=axis
        | {"title": {"text": axis_title(sweep.x), "standoff": 8}, "range": [sweep.x.values[0], sweep.x.values[-1]]}
        | {"unifiedhovertitle": {"text": f"%{{x:,.4~g}} {unit}"}},
        yaxis=axis | {"title": {"text": "good share (%)", "standoff": 8}, "range": [-2, 104]},
        shapes=[upright(x, colour, 1.5, dash) for x, _, colour, dash in uprights],
        annotations=[
            *_upright_words(uprights, sweep),
            *_design_names(sweep, palette),
            *_asked_words(sweep, palette),
        ],
    )


def turns(cells: Sequence[Cell]) -> list[tuple[float, str]]:
    """Where the advised style changes between neighbouring cells, and to what."""
    return [((one.x + other.x) / 2, other.style) for one, other in pairwise(cells) if one.style != other.style]


def _uprights(sweep: SweepResult, here: float, palette: Palette) -> Iterator[Upright]:
    for x, style in turns(sweep.cells):
        yield x, f"advice: {design_name(style)} from here", palette.of(style), "solid"
    if sweep.x.values[0] <= here <= sweep.x.values[-1]:
        yield here, "this workload", palette.muted, "solid"


def _of(cell: Cell, design: str) -> GoodShare:
    good: GoodShare = getattr(cell, design)
    return good


def _design(sweep: SweepResult, design: str, palette: Palette) -> Iterator[dict[str, Any]]:
    cells = [cell for cell in sweep.cells if _of(cell, design).stable]
    colour, x = palette.of(design), [cell.x for cell in cells]
    band = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip"}
    yield band | {"y": [100 * _of(cell, design).low for cell in cells]}
    yield band | {"y": [100 * _of(cell, design).high for cell in cells], "fill": "tonexty", "fillcolor": _faint(colour)}
    yield {
        "type": "scatter",
        "mode": "lines+markers",
        "name": design_name(design),
        "x": [cell.x for cell in sweep.cells],
        "y": [100 * _of(cell, design).good_share if _of(cell, design).stable else None for cell in sweep.cells],
        "line": {"color": colour, "dash": DASHES[design], "width": 2},
        "marker": {"size": 6, "symbol": "square" if design == "synchronous" else "circle", "color": colour},
        "hovertemplate": "%{y:.4~g} %",
    }


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _asked_shares(sweep: SweepResult) -> list[tuple[float, float]]:
    """In percent, at each value: the better design's good share, less its margin."""
    return [(cell.x, 100 * (_best(cell) - cell.margin)) for cell in sweep.cells if cell.margin is not None]


def _best(cell: Cell) -> float:
    return max(good.good_share if good.stable else 0.0 for good in (cell.synchronous, cell.event_driven))


def _asked(sweep: SweepResult, palette: Palette) -> Iterator[dict[str, Any]]:
    if asked := _asked_shares(sweep):
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": "asked for",
            "x": [x for x, _ in asked],
            "y": [share for _, share in asked],
            "line": {"color": palette.ink, "width": 1.2},
            "hovertemplate": "%{y:.4~g} %",
        }


def _asked_words(sweep: SweepResult, palette: Palette) -> Iterator[dict[str, Any]]:
    for x, share in _asked_shares(sweep)[-1:]:
        yield words_at(f"{percent(share)} is asked for", x, share, palette.ink, 11, xanchor="right", yanchor="top")


def _upright_words(uprights: list[Upright], sweep: SweepResult) -> Iterator[dict[str, Any]]:
    """Each line's words have their own row, so that near ones do not cover each other."""
    middle = (sweep.x.values[0] + sweep.x.values[-1]) / 2
    for row, (x, text, colour, _) in enumerate(uprights):
        yield words_above(text, x, "right" if x > middle else "left", colour, yshift=15 * row)


def _design_names(sweep: SweepResult, palette: Palette) -> Iterator[dict[str, Any]]:
    """In the middle of each line: above the higher one, below the lower one."""
    for design, other in zip(DESIGNS, reversed(DESIGNS), strict=True):
        stable = [cell for cell in sweep.cells if _of(cell, design).stable]
        if not stable:
            continue
        cell = stable[len(stable) // 2]
        own, others = _of(cell, design).good_share, _of(cell, other).good_share
        above = own > others or (own == others and design == DESIGNS[0])
        anchors: dict[str, Any] = {"yshift": 10, "yanchor": "bottom"} if above else {"yshift": -10, "yanchor": "top"}
        yield words_at(design_name(design), cell.x, 100 * own, palette.of(design), **anchors)
