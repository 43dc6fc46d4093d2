"""Sections as plain text, 100 columns wide, for the command line. Charts are left out."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import assert_never

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
)

TERMINAL_WIDTH = 100
NARROWEST = 20


def terminal_text(title: str, verdict: str, sections: Iterable[Section]) -> str:
    parts = [_wrapped(verdict), _wrapped(title)] if title else [_wrapped(verdict)]
    for section in sections:
        blocks = "\n\n".join(filter(None, (_block(block) for block in section.blocks)))
        parts.append(f"{section.title.upper()}\n{blocks}")
    return "\n\n".join(parts) + "\n"


def _wrapped(sentence: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        sentence,
        TERMINAL_WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _block(block: Block) -> str:
    match block:
        case Paragraph() | Subheading():
            return _wrapped(block.text)
        case ItemList():
            return "\n".join(
                _point(point, f"{place}. " if block.ranked else "- ") for place, point in enumerate(block.items, 1)
            )
        case TableBlock():
            return f"{block.caption}\n\n" + "\n".join(_grid(block))
        case Listing():
            return textwrap.indent(block.text, "    ")
        case Drawing():
            return ""
        case _:
            assert_never(block)


def _point(point: ListItem, mark: str) -> str:
    indent = " " * len(mark)
    lines = [_wrapped(point.text, mark, indent)]
    lines += [_wrapped(more, indent, indent) for more in (point.detail, point.source) if more]
    return "\n".join(lines)


def _grid(block: TableBlock) -> Iterator[str]:
    """Figures are right-aligned; a table that is too wide is wrapped in its widest columns."""
    rows = [block.table.headers, *block.table.rows]
    columns = len(block.table.headers)
    widths = [max(len(row[column]) for row in rows) for column in range(columns)]
    excess = sum(widths) + 2 * (columns - 1) - TERMINAL_WIDTH
    for _ in range(excess):
        widest = widths.index(max(widths))
        widths[widest] = max(min(NARROWEST, widths[widest]), widths[widest] - 1)
    yield _row(block.table.headers, widths, block.figures_from)[0]
    yield "  ".join("-" * width for width in widths)
    for row in block.table.rows:
        yield from _row(row, widths, block.figures_from)


def _row(row: tuple[str, ...], widths: list[int], figures_from: int) -> list[str]:
    cells = [
        textwrap.wrap(cell, width, break_long_words=False) or [""] for cell, width in zip(row, widths, strict=True)
    ]
    lines = []
    for line in range(max(map(len, cells))):
        parts = [cell[line] if line < len(cell) else "" for cell in cells]
        aligned = [
            part.rjust(width) if column >= figures_from else part.ljust(width)
            for column, (part, width) in enumerate(zip(parts, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return lines
