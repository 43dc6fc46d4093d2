"""Markdown: an architecture decision record. Every text is escaped; only http(s) addresses become links."""

import re
from collections.abc import Iterator
from typing import assert_never

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

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@$^!])")
_AUTOLINK = re.compile(r"(:)(?=//)|(?<=www)(\.)|(?<=mailto)(:)|(?<=xmpp)(:)", re.IGNORECASE)
_LINE_START = re.compile(r"^(\s*)([-+=:])")
_NUMBERED = re.compile(r"^(\s*\d+)([.)])(?=\s|$)")


def render_markdown(document: Document) -> bytes:
    return ("\n\n".join(_parts(document)) + "\n").encode()


def _parts(document: Document) -> Iterator[str]:
    yield f"# {escaped(document.title)}"
    yield "\n".join(
        f"- {label}: {_sourced(words) if label == ADDRESS else escaped(words)}" for label, words in document.summary
    )
    yield "## Decision"
    yield f"**{escaped(document.verdict)}**"
    for section in document.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield f"## {escaped(section.title)}"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield f"**{escaped(block.text)}**" if block.strong else escaped(block.text)
        case Subheading():
            yield f"### {escaped(block.text)}"
        case ItemList():
            yield "\n".join(
                _point(point, f"{place}." if block.ranked else "-") for place, point in enumerate(block.items, 1)
            )
        case TableBlock():
            yield f"*{escaped(block.caption)}*"
            yield _table(block.table.headers, block.table.rows, block.figures_from, has_sources=block.has_sources)
        case Drawing():
            yield f"### {escaped(block.chart.title)}"
            yield from map(escaped, block.chart.notes)
            yield _table(block.chart.table.headers, block.chart.table.rows, 1)
        case Listing():
            yield f"*{escaped(block.caption)}*"
            yield _fenced(block)
        case _:
            assert_never(block)


def _point(point: ListItem, mark: str) -> str:
    indent = " " * (len(mark) + 1)
    lines = [f"{mark} {escaped(point.text)}"]
    if point.detail or point.source:
        lines.append(f"{indent}{' '.join(filter(None, (escaped(point.detail), _sourced(point.source))))}")
    return "  \n".join(lines)


def _sourced(text: str) -> str:
    return "".join(f"[{escaped(piece)}](<{piece}>)" if is_link else escaped(piece) for piece, is_link in linked(text))


def _table(
    headers: tuple[str, ...], rows: tuple[tuple[str, ...], ...], figures_from: int, *, has_sources: bool = False
) -> str:
    rule = ["---:" if column >= figures_from else "---" for column in range(len(headers))]
    body = [[escaped(cell) for cell in row] for row in (headers, *rows)]
    if has_sources:
        body[1:] = [[*cells[:-1], _sourced(row[-1])] for cells, row in zip(body[1:], rows, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (body[0], rule, *body[1:]))


def _fenced(block: Listing) -> str:
    """The fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall("`+", block.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{block.language}\n{block.text}\n{fence}"


def escaped(text: str) -> str:
    """One line without emphasis, link, image, HTML, table cell, list or heading."""
    line = " ".join(text.split())
    line = _SPECIAL.sub(r"\\\1", line)
    line = _AUTOLINK.sub(lambda match: f"\\{match[0]}", line)
    line = _LINE_START.sub(r"\1\\\2", line)
    return _NUMBERED.sub(r"\1\\\2", line)
