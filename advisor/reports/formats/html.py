"""HTML in one file without external resources, for light, dark and paper: drawings, which scripts replace by charts that zoom."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import assert_never

from advisor.places import SHIPPED_FILES
from advisor.reports.charts.model import Chart, Table
from advisor.reports.document import Document
from advisor.reports.document.blocks import (
    Block,
    Drawing,
    ItemList,
    Listing,
    ListItem,
    Paragraph,
    Section,
    Subheading,
    TableBlock,
    linked,
)
from advisor.reports.document.record import ADDRESS
from advisor.reports.figure_plotly import chart_figure
from advisor.reports.palette import DARK, LIGHT
from advisor.reports.wording import unbroken

HERE = Path(__file__).parent
PAGE = Template((HERE / "report.html").read_text(encoding="utf-8"))
STYLESHEET = (HERE / "report.css").read_text(encoding="utf-8")
STRONG = ' class="strong"'
COLOURS = ("synchronous", "event_driven", "hybrid", "load", "ink", "muted", "grid", "burst", "outage")


PLOTLY = SHIPPED_FILES / "static" / "vendor" / "plotly" / "plotly-cartesian.min.js"


def render_html(document: Document, *, zooms: bool = True) -> bytes:
    """`zooms` False: without scripts, a quarter as large; its drawings are the same."""
    charts = [block.chart for section in document.sections for block in section.blocks if isinstance(block, Drawing)]
    scripts = _scripts() if charts and zooms else ()
    return PAGE.substitute(
        script_sources=" ".join(map(_source_of, scripts)) or "'none'",
        scripts="\n".join([*_figures(charts), *(f"<script>{script}</script>" for script in scripts)])
        if scripts
        else "",
        title=escape(document.title),
        style=STYLESHEET,
        light=_variables(LIGHT),
        dark=_variables(DARK),
        summary="\n".join(
            f"<dt>{escape(label)}</dt><dd>{_sourced(words) if label == ADDRESS else _words(words)}</dd>"
            for label, words in document.summary
        ),
        verdict=_words(document.verdict),
        contents="\n".join(
            f'<li><a href="#{section.id}">{escape(section.title)}</a></li>' for section in document.sections
        ),
        sections="\n".join(_section(section) for section in document.sections),
    ).encode()


@cache
def _scripts() -> tuple[str, ...]:
    return PLOTLY.read_text(encoding="utf-8"), (HERE / "report.js").read_text(encoding="utf-8")


def _source_of(script: str) -> str:
    """As the page's policy names a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _figures(charts: Sequence[Chart]) -> Iterator[str]:
    """The figures for plotly.js in the order of the drawings, and the dark colour of each light one."""
    figures = map(chart_figure, charts)
    values = {
        "figures": [{"data": figure["data"], "layout": figure["layout"]} for figure in figures],
        "dark-colours": {getattr(LIGHT, name).upper(): getattr(DARK, name) for name in COLOURS},
    }
    for name, value in values.items():
        text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")  # nothing in it ends the element
        yield f'<script type="application/json" id="{name}">{text}</script>'


def _variables(palette: object) -> str:
    return " ".join(f"--{name.replace('_', '-')}: {getattr(palette, name)};" for name in COLOURS)


def _words(text: str) -> str:
    return escape(unbroken(text))


def _section(section: Section) -> str:
    blocks = "\n".join(part for block in section.blocks for part in _block(block))
    return f'<section id="{section.id}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield f"<p{STRONG if block.strong else ''}>{_words(block.text)}</p>"
        case Subheading():
            yield f"<h3>{_words(block.text)}</h3>"
        case ItemList():
            tag = "ol" if block.ranked else "ul"
            yield f"<{tag}>{''.join(map(_point, block.items))}</{tag}>"
        case TableBlock():
            yield _table(block.table, block.caption, block.figures_from, has_sources=block.has_sources)
        case Drawing():
            yield _figure(block.chart)
        case Listing():
            yield f'<figure class="listing"><figcaption>{escape(block.caption)}</figcaption>'
            yield f'<pre tabindex="0"><code>{escape(block.text)}</code></pre></figure>'
        case _:
            assert_never(block)


def _point(point: ListItem) -> str:
    small = " ".join(filter(None, (escape(point.detail), _sourced(point.source))))
    return f"<li>{_words(point.text)}{f'<small>{small}</small>' if small else ''}</li>"


def _sourced(text: str) -> str:
    return "".join(
        f'<a href="{escape(piece)}" rel="noreferrer">{escape(piece)}</a>' if is_link else escape(piece)
        for piece, is_link in linked(text)
    )


def _table(table: Table, caption: str, figures_from: int, *, has_sources: bool = False) -> str:
    head = "".join(
        f'<th scope="col"{_side(column, figures_from)}>{escape(cell)}</th>' for column, cell in enumerate(table.headers)
    )
    rows = "\n".join(f"<tr>{''.join(_cells(row, figures_from, has_sources=has_sources))}</tr>" for row in table.rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _cells(row: tuple[str, ...], figures_from: int, *, has_sources: bool) -> Iterator[str]:
    yield f'<th scope="row">{escape(row[0])}</th>'
    for column, cell in enumerate(row[1:], 1):
        is_source = has_sources and column == len(row) - 1
        yield f"<td{_side(column, figures_from)}>{_sourced(cell) if is_source else escape(cell)}</td>"


def _side(column: int, figures_from: int) -> str:
    return ' class="figure"' if column >= figures_from else ""


def _figure(chart: Chart) -> str:
    notes = "".join(f"<p>{_words(note)}</p>" for note in chart.notes)
    numbers = _table(chart.table, f"Numbers of: {chart.title}", 1)
    return (
        f'<figure><figcaption><h3>{_words(chart.title)}</h3></figcaption>{notes}<div class="drawing">{_drawing(chart)}</div>'
        f"<details><summary>The same as a table</summary>{numbers}</details></figure>"
    )


def _drawing(chart: Chart) -> str:
    """The chart in the page's own colours and width."""
    from advisor.reports.figure_svg import svg  # matplotlib takes a third of a second to load

    drawn = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", svg(chart), count=1)
    for name in COLOURS:
        colour = getattr(LIGHT, name)
        drawn = re.sub(re.escape(colour), f"var(--{name.replace('_', '-')})", drawn, flags=re.IGNORECASE)
    return drawn
