"""PDF/UA by typst. The words go in as JSON, so nothing in them is markup."""

import datetime
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, assert_never

import typst

from advisor.reports.document import Document
from advisor.reports.document.blocks import (
    Block,
    Drawing,
    ItemList,
    Listing,
    ListItem,
    Paragraph,
    Subheading,
    TableBlock,
    linked,
)
from advisor.reports.document.record import ADDRESS
from advisor.reports.palette import LIGHT
from advisor.reports.wording import unbroken

TEMPLATE = Path(__file__).parent / "report.typ"
FONTS = Path(str(find_spec("matplotlib").origin)).parent / "mpl-data" / "fonts" / "ttf"  # type: ignore[union-attr]
"""DejaVu Sans, in which the charts are written: with matplotlib wherever this runs."""
FIRST_BEYOND = "\u2e80"
"""From here on (East Asian scripts) our own fonts have no letters, and those of the machine must serve."""
LONG_WORD = re.compile(r"(\S{16})(?=\S)")
HASH = re.compile(r"[0-9a-f]{64}")
"""Fits its column, and is there to be copied."""
WORDY = 30
"""A column with a longer cell than this many letters takes a share of the width instead of what it needs."""


def render_pdf(document: Document) -> bytes:
    report = json.dumps(_data(document), ensure_ascii=False)
    noon = datetime.datetime.combine(document.date, datetime.time(12), tzinfo=datetime.UTC)
    return bytes(
        typst.compile(
            TEMPLATE,
            root=TEMPLATE.parent,
            font_paths=[FONTS],
            ignore_system_fonts=max(report) < FIRST_BEYOND,
            format="pdf",
            pdf_standards="ua-1",
            sys_inputs={"report": report},
            timestamp=int(noon.timestamp()),
        )
    )


def _set(text: str) -> str:
    """Keep numbers with their units, and let words break that are too long for a line."""
    return text if HASH.fullmatch(text) else LONG_WORD.sub("\\1\u200b", unbroken(text))


def _data(document: Document) -> dict[str, Any]:
    day = document.date
    return {
        "title": document.title,
        "heading": _set(document.title),
        "verdict": _set(document.verdict),
        "running": f"{_set(document.title)}, {day.day} {day:%B %Y}",
        "year": day.year,
        "month": day.month,
        "day": day.day,
        "summary": [
            (label, _sourced(words) if label == ADDRESS else [_plain(words)]) for label, words in document.summary
        ],
        "sections": [
            {"title": section.title, "blocks": [_block(block) for block in section.blocks]}
            for section in document.sections
        ],
        "colours": {"ink": LIGHT.ink, "muted": LIGHT.muted, "grid": LIGHT.grid},
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"kind": "paragraph", "text": _set(block.text), "strong": block.strong}
        case Subheading():
            return {"kind": "subheading", "text": _set(block.text)}
        case ItemList():
            return {"kind": "points", "ranked": block.ranked, "items": [_point(point) for point in block.items]}
        case TableBlock():
            return {"kind": "grid", "caption": block.caption, "figures_from": block.figures_from} | _table(block)
        case Drawing():
            from advisor.reports.figure_svg import svg  # matplotlib takes a third of a second to load

            chart = block.chart
            return {
                "kind": "drawing",
                "title": _set(chart.title),
                "alt": chart.alt,
                "notes": [_set(note) for note in chart.notes],
                "svg": svg(chart),
            }
        case Listing():
            return {"kind": "listing", "caption": block.caption, "text": block.text}
        case _:
            assert_never(block)


def _point(point: ListItem) -> dict[str, Any]:
    return {"text": _set(point.text), "detail": point.detail, "source": _sourced(point.source)}


def _sourced(text: str) -> list[dict[str, Any]]:
    return [
        {"address": piece, "text": _set(piece), "link": True} if is_link else _plain(piece)
        for piece, is_link in linked(text)
    ]


def _plain(text: str) -> dict[str, Any]:
    return {"text": _set(text), "link": False}


def _table(block: TableBlock) -> dict[str, Any]:
    """A column's width is 0 for what it needs, else its share of the rest."""
    table, last = block.table, len(block.table.headers) - 1
    longest = [max(len(row[column]) for row in (table.headers, *table.rows)) for column in range(len(table.headers))]
    widths = [0 if letters <= WORDY else letters**0.5 for letters in longest]
    rows = [
        [_sourced(cell) if block.has_sources and column == last else [_plain(cell)] for column, cell in enumerate(row)]
        for row in table.rows
    ]
    return {"headers": table.headers, "rows": rows, "widths": widths}
