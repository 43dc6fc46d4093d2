"""Markdown: an architecture decision record after MADR 4. Every text is escaped; only http(s) addresses become links."""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from typing import assert_never

from advisor.reports.charts.model import Chart
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
from advisor.reports.document.options import Arguments, delivery_alternatives
from advisor.reports.document.record import ADDRESS
from advisor.reports.wording import uncapitalised
from core.numbers import duration, share

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@$^!])")
_AUTOLINK = re.compile(r"(:)(?=//)|(?<=www)(\.)|(?<=mailto)(:)|(?<=xmpp)(:)", re.IGNORECASE)
_LINE_START = re.compile(r"^(\s*)([-+=:])")
_NUMBERED = re.compile(r"^(\s*\d+)([.)])(?=\s|$)")


def render_markdown(document: Document, *, with_pictures: bool = False) -> bytes:
    """Pictures are references to the files that `chart_file` names; each chart's numbers are there as a table in any case."""
    return ("\n\n".join(_parts(document, with_pictures)) + "\n").encode()


def chart_file(chart: Chart) -> str:
    return f"chart-{chart.id}.svg"


def _parts(document: Document, with_pictures: bool) -> Iterator[str]:
    decision, recommendation = document.decision, document.recommendation
    status, date, makers = _front(document)
    # the empty line keeps parsers that know no front matter from reading a heading there: log4brains stops looking for metadata at one
    yield f"---\nstatus: {status}\ndate: {date}\ndecision-makers: [{', '.join(map(_quoted, makers))}]\n\n---"
    yield f"# {escaped(document.title)}"
    deciders = [f"- Deciders: {', '.join(map(escaped, makers))}"] if makers else []
    yield "\n".join((f"- Status: {status}", f"- Date: {date}", *deciders))
    yield "## Status"
    rows = dict(document.summary)
    yield escaped(rows.pop("Status"))
    yield "\n".join(
        f"- {label}: {_sourced(words) if label == ADDRESS else escaped(words)}" for label, words in rows.items()
    )
    yield "## Context and Problem Statement"
    yield escaped(decision.workload)
    yield "Should these requests be served synchronously or through events, and how do their results get back?"
    yield "## Decision Drivers"
    yield _bullets((*_wanted(document), *(reason.evidence for reason in recommendation.reasons)))
    yield "## Considered Options"
    yield _bullets(option.name for option in document.options)
    yield "## Decision Outcome"
    yield _chosen(document)
    yield f"**{escaped(document.verdict)}**"
    yield escaped(f"{decision.decided} {decision.shown}")
    yield from map(escaped, decision.doubts)
    if decision.picture is not None:
        yield from _block(Drawing(decision.picture), 3, with_pictures)
    yield "### Consequences"
    yield _arguments(document.consequences)
    yield "### Confirmation"
    yield from _confirmation(document)
    if decision.reopen:
        yield "### Revisit if"
        yield _bullets(condition.sentence for condition in decision.reopen)
    yield "## Pros and Cons of the Options"
    for option in document.options:
        yield f"### {option.name}"
        yield _arguments(option.arguments)
    methods = delivery_alternatives(recommendation)
    if methods:
        yield "### Other ways to deliver the results"
        yield _bullets(methods)
    yield "## More Information"
    for section in document.sections:
        if section.id not in ("decision", "alternatives", "consequences"):
            yield _heading(3, section.title)
            for block in section.blocks:
                yield from _block(block, 4, with_pictures)


def _front(document: Document) -> tuple[str, str, list[str]]:
    """Status, date of the decision, and who made it; a report that is made from a file is of a draft."""
    record = document.record
    if record is None:
        return "draft", document.date.isoformat(), []
    set_on = record.set_at.astimezone(datetime.UTC).date() if record.set_at else document.date
    makers = [" ".join(name.split()) for name in (record.set_by, record.owner) if name]
    return record.status, set_on.isoformat(), list(dict.fromkeys(makers))


def _quoted(text: str) -> str:
    """For YAML; nothing in it is markup to a reader that knows no front matter."""
    return '"' + re.sub(r"[^A-Za-z0-9\u00c0-\ud7ff .,'-]", lambda match: f"\\U{ord(match[0]):08x}", text) + '"'


def _wanted(document: Document) -> tuple[str, ...]:
    evidence = document.recommendation.evidence
    if evidence is None:
        return ()
    return (f"{share(evidence.wanted_share)} of the results are wanted within {duration(evidence.deadline_s)}.",)


def _chosen(document: Document) -> str:
    first = document.options[0]
    if not first.is_chosen:
        return "No option is chosen: as it is asked for, none is feasible."
    because = next(iter((*first.arguments.good, *first.arguments.neutral)), "No force speaks for another one.")
    return f'Chosen option: "{first.name}", because {escaped(_continued(because))}'


def _continued(sentence: str) -> str:
    """As it goes on after a word; a name in capitals stays."""
    return sentence if sentence[1:2].isupper() else uncapitalised(sentence)


def _arguments(arguments: Arguments) -> str:
    continued = Arguments(*(tuple(map(_continued, part)) for part in astuple(arguments)))
    return _bullets(continued.items("Good, because ", "Neutral, because ", "Bad, because "))


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def _confirmation(document: Document) -> Iterator[str]:
    """The commands of the method, which a review runs again."""
    commands = [
        block.text
        for part in document.sections
        if part.id == "method"
        for block in part.blocks
        if isinstance(block, Listing)
    ]
    yield "These commands recompute the advice and the simulation; their files are in the bundle of this revision:"
    yield _fenced(Listing("\n".join(commands), "", "sh"))
    alarms = [f"{monitor.metric}: alarm at {monitor.threshold}" for monitor in document.recommendation.monitors]
    if alarms:
        yield "In operation, these alarms stay silent:"
        yield _bullets(alarms)


def _heading(level: int, text: str) -> str:
    return f"{'#' * level} {escaped(text.rstrip('.,;:!'))}"


def _block(block: Block, level: int, with_pictures: bool) -> Iterator[str]:
    """`level` is that of a heading in it."""
    match block:
        case Paragraph():
            yield f"**{escaped(block.text)}**" if block.strong else escaped(block.text)
        case Subheading():
            yield _heading(level, block.text)
        case ItemList():
            yield "\n".join(
                _point(point, f"{place}." if block.ranked else "-") for place, point in enumerate(block.items, 1)
            )
        case TableBlock():
            yield f"*{escaped(block.caption)}:*"
            yield _table(block.table.headers, block.table.rows, block.figures_from, has_sources=block.has_sources)
        case Drawing():
            chart = block.chart
            yield _heading(level, chart.title)
            yield from map(escaped, chart.notes)
            if with_pictures and chart.drawn:
                yield f"![{escaped(chart.alt)}]({chart_file(chart)})"
            yield _table(chart.table.headers, chart.table.rows, 1)
        case Listing():
            yield f"*{escaped(block.caption)}:*"
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
    return f"{fence}{block.language or 'text'}\n{block.text}\n{fence}"


def escaped(text: str) -> str:
    """One line without emphasis, link, image, HTML, table cell, list or heading."""
    line = " ".join(text.split())
    line = _SPECIAL.sub(r"\\\1", line)
    line = _AUTOLINK.sub(lambda match: f"\\{match[0]}", line)
    line = _LINE_START.sub(r"\1\\\2", line)
    return _NUMBERED.sub(r"\1\\\2", line)
