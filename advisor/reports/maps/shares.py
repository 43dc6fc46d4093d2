"""A sweep of one answer as plotly.js reads it: both good shares with their intervals, what is asked, and where the advice turns."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from advisor.advice.evaluation import ALL_STYLES
from advisor.reports.document.answers import QUESTIONS
from advisor.reports.figure_plotly import FONT
from advisor.reports.maps.words import axis_name
from advisor.reports.palette import DASHES, Palette
from advisor.reports.wording import design_name
from advisor.sweeps.border import AdvisedMap
from advisor.sweeps.contract import Cell, GoodShare, Sweep
from core.numbers import percent

DESIGNS = ("synchronous", "event_driven")
HEIGHT = 420


def shares_figure(sweep: Sweep, border: AdvisedMap, here: float, palette: Palette) -> dict[str, Any]:
    """In percent. A design that grows without end has a gap: its share depends on how long it was watched."""
    return {
        "data": [*_asked(sweep, palette), *(trace for design in DESIGNS for trace in _design(sweep, design, palette))],
        "layout": _layout(sweep, border, here, palette),
        "config": {"displayModeBar": False, "responsive": True, "scrollZoom": False},
    }


def turns(border: AdvisedMap) -> list[tuple[float, str]]:
    style = border.style[0]
    return [
        (float(border.x[place] + border.x[place + 1]) / 2, ALL_STYLES[int(style[place + 1])])
        for place in np.flatnonzero(np.diff(style))
    ]


def _of(cell: Cell, design: str) -> GoodShare:
    found: GoodShare = getattr(cell, design)
    return found


def _design(sweep: Sweep, design: str, palette: Palette) -> Iterator[dict[str, Any]]:
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


def asked_of(sweep: Sweep) -> list[tuple[float, float]]:
    """The share that is asked for at each value: the better design's, less its margin."""
    return [(cell.x, _best(cell) - cell.margin) for cell in sweep.cells if cell.margin is not None]


def _best(cell: Cell) -> float:
    found = (_of(cell, design) for design in DESIGNS)
    return max(share.good_share if share.stable else 0.0 for share in found)


def _asked(sweep: Sweep, palette: Palette) -> Iterator[dict[str, Any]]:
    if asked := asked_of(sweep):
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": "asked for",
            "x": [x for x, _ in asked],
            "y": [100 * share for _, share in asked],
            "line": {"color": palette.ink, "dash": "longdash", "width": 1.2},
            "hovertemplate": "%{y:.4~g} %",
        }


def _asked_word(sweep: Sweep, palette: Palette) -> Iterator[dict[str, Any]]:
    for x, share in asked_of(sweep)[-1:]:
        yield {
            "text": f"{percent(100 * share)} is asked for",
            "x": x,
            "y": 100 * share,
            "xanchor": "right",
            "yanchor": "top",
            "showarrow": False,
            "font": {"size": 11, "color": palette.ink},
        }


def _layout(sweep: Sweep, border: AdvisedMap, here: float, palette: Palette) -> dict[str, Any]:
    lines = [(x, f"advice: {design_name(style)} from here", palette.of(style), "solid") for x, style in turns(border)]
    if sweep.x.values[0] <= here <= sweep.x.values[-1]:
        lines.append((here, "this workload", palette.muted, "dot"))
    unit = QUESTIONS[sweep.x.field].unit
    axis = {"automargin": True, "fixedrange": True, "zeroline": False, "gridcolor": palette.grid, "ticks": ""}
    title = f"{axis_name(sweep.x.field)} ({unit})" if unit else axis_name(sweep.x.field)
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.muted},
        "margin": {"l": 8, "r": 12, "t": 16 * (1 + len(lines)), "b": 8},
        "height": HEIGHT,
        "showlegend": False,
        "dragmode": False,
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": palette.burst,
            "bordercolor": palette.grid,
            "font": {"color": palette.ink, "size": 12},
        },
        "xaxis": axis
        | {"title": {"text": title, "standoff": 8}, "range": [sweep.x.values[0], sweep.x.values[-1]]}
        | {"unifiedhovertitle": {"text": f"%{{x:,.4~g}} {unit}"}},
        "yaxis": axis | {"title": {"text": "good share (%)", "standoff": 8}, "range": [-2, 104]},
        "shapes": [_upright(x, colour, dash) for x, _, colour, dash in lines],
        "annotations": [
            *(_upright_word(lines, place, sweep) for place in range(len(lines))),
            *_ends(sweep, palette),
            *_asked_word(sweep, palette),
        ],
    }


def _upright(x: float, colour: str, dash: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1.5, "dash": dash}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": line}


def _upright_word(lines: list[tuple[float, str, str, str]], place: int, sweep: Sweep) -> dict[str, Any]:
    """Each line's words have their own row, so that near ones do not cover each other."""
    x, text, colour, _ = lines[place]
    right = x > (sweep.x.values[0] + sweep.x.values[-1]) / 2
    placed = {"x": x, "y": 1, "yref": "paper", "yshift": 15 * place, "yanchor": "bottom"}
    return placed | {
        "text": text,
        "xanchor": "right" if right else "left",
        "showarrow": False,
        "font": {"size": 11, "color": colour},
    }


def _ends(sweep: Sweep, palette: Palette) -> Iterator[dict[str, Any]]:
    for place, design in enumerate(DESIGNS):
        stable = [cell for cell in sweep.cells if _of(cell, design).stable]
        if not stable:
            continue
        cell = stable[len(stable) // 2]
        other = _of(cell, DESIGNS[1 - place])
        above = _of(cell, design).good_share > other.good_share or (
            _of(cell, design).good_share == other.good_share and place == 0
        )
        yield {
            "text": design_name(design),
            "x": cell.x,
            "y": 100 * _of(cell, design).good_share,
            "yshift": 10 if above else -10,
            "yanchor": "bottom" if above else "top",
            "showarrow": False,
            "font": {"size": 12, "color": palette.of(design)},
        }
