"""What a Document is made of. Texts are plain text, never markup."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from advisor.reports.charts.model import Chart, Table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Paragraph:
    text: str
    strong: bool = False


@dataclass(frozen=True)
class Subheading:
    text: str


@dataclass(frozen=True)
class ListItem:
    """A list entry: a sentence, the detail behind it, and the source of that."""

    text: str
    detail: str = ""
    source: str = ""


@dataclass(frozen=True)
class ItemList:
    """A list; numbered if the order is a rank."""

    items: tuple[ListItem, ...]
    ranked: bool = False


@dataclass(frozen=True)
class TableBlock:
    """Columns from `figures_from` on hold figures and are right-aligned. Addresses in a last column of sources are links."""

    table: Table
    caption: str
    figures_from: int = 1
    has_sources: bool = False


@dataclass(frozen=True)
class Drawing:
    chart: Chart


@dataclass(frozen=True)
class Listing:
    text: str
    caption: str
    language: str = ""


Block: TypeAlias = Paragraph | Subheading | ItemList | TableBlock | Drawing | Listing


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    blocks: tuple[Block, ...]


def one_section(id_: str, title: str, parts: Iterable[Section | None]) -> Section:
    """The parts under one title, each under a subheading of its own."""
    blocks = (block for part in parts if part is not None for block in (Subheading(part.title), *part.blocks))
    return Section(id_, title, tuple(blocks))


def table_block(
    headers: tuple[str, ...], rows: Iterable[tuple[str, ...]], caption: str, figures_from: int = 1
) -> TableBlock:
    return TableBlock(Table(headers, tuple(tuple(cell(text) for text in row) for row in rows)), caption, figures_from)


def cell(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would compute when it is pasted."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~!$&'*+,;=:@%/?#-]*)?")


def linked(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is an address."""
    end = 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(".,;:!?'")
        if match.start() > end:
            yield text[end : match.start()], False
        yield address, True
        end = match.start() + len(address)
    if end < len(text):
        yield text[end:], False
