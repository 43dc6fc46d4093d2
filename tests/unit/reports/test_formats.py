"""Every format says the same, is complete, and shows a hostile text literally."""

import base64
import datetime
import hashlib
import io
import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject
from ruamel.yaml import YAML

from advisor.reports import formats
from advisor.reports.charts import charts_of
from advisor.reports.document import Document
from advisor.reports.document.advice import advice_sections
from advisor.reports.document.blocks import Section, linked, table_block
from advisor.reports.formats import FORMATS
from advisor.reports.formats.markdown import escaped
from advisor.reports.terminal_text import terminal_text
from tests.unit.reports import results
from tests.unit.reports.documents import RECORD, RECORDING, TRACE_ID, advice_alone, document, recorded, spoken_by

HOSTILE = (
    '=1+1 #link("x")[y] $x$ *b* _i_ `c` <script>a</script> [a](javascript:b) | ![i](http://x/y) --- ``` <!-- &amp;'
)
REPORT = document()
HOSTILE_REPORT = spoken_by(HOSTILE)


MADR = (
    "## Context and Problem Statement",
    "## Decision Drivers",
    "## Considered Options",
    "## Decision Outcome",
    "### Consequences",
    "### Confirmation",
    "### Revisit if",
    "## Pros and Cons of the Options",
    "## More Information",
)
"""The headings of its template, in order, and one of ours."""


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return plain(" ".join(self.words))


def plain(words: str) -> str:
    return " ".join(words.split())


@cache
def rendered(name: str, report: Document) -> bytes:
    """Rendered once: a document is compared by identity."""
    return FORMATS[name].render(report)


def page_of(report: Document) -> Page:
    return Page(rendered("html", report).decode())


def pdf_of(report: Document) -> PdfReader:
    return PdfReader(io.BytesIO(rendered("pdf", report)))


@cache
def pdf_text(report: Document) -> str:
    return plain(" ".join(page.extract_text() for page in pdf_of(report).pages))


def test_every_module_of_the_formats_has_its_row_and_its_own_ending() -> None:
    modules = {path.stem for path in Path(formats.__file__).parent.glob("*.py")} - {"__init__"}
    in_table = {format_.render.__module__.rpartition(".")[2] for format_ in FORMATS.values()}
    assert modules == in_table, f"add a row for {modules - in_table} to FORMATS in advisor/reports/formats/__init__.py"
    endings = [format_.extension for format_ in FORMATS.values()]
    assert len(set(endings)) == len(endings), f"give each row of FORMATS an ending of its own, not {endings}"


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_document_gives_the_same_bytes(name: str) -> None:
    assert FORMATS[name].render(document()) == rendered(name, REPORT)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "Event-driven, clearly. Deliver by webhook.",
        "p99 34 s, past the 30 s limit of gunicorn.",
        "Only the event-driven design meets the deadline of 2 min",
        "The synchronous backlog fills to its limit of 100",
        "66 ± 2 s",
        "--seed 7 --replications 20",
        "How soon must the result be there?",
        "Accepted, set by Ada Lovelace on 2026-11-24T23:30:00Z",
        "1 of 2. Revision 1 accepted; revision 2 is a draft.",
        "Payments (https://crossover.example/workspaces/w)",
        "Grace Hopper",
    ],
)
def test_markdown_html_and_pdf_say_the_same(words: str) -> None:
    record = MarkdownIt("commonmark").enable("table").render(rendered("markdown", REPORT).decode())
    assert words in Page(record).text
    assert words in page_of(REPORT).text
    assert words in pdf_text(REPORT)


def test_json_holds_the_values_themselves() -> None:
    report = json.loads(rendered("json", REPORT))
    assert report["schema"] == "crossover/report@1"
    assert report["answers"]["schema"] == "crossover/answers@1"
    assert report["result"]["synchronous"]["rejected"] == 12_000
    assert json.loads(FORMATS["json"].render(advice_alone()))["result"] is None


def test_json_carries_the_status_and_where_it_is_kept() -> None:
    report = json.loads(rendered("json", REPORT))
    assert report["status"] == {
        "status": "accepted",
        "revision": 1,
        "set_by": "Ada Lovelace",
        "set_at": "2026-11-24T23:30:00Z",
        "saved_at": "2026-11-24T09:00:04Z",
        "is_open": False,
        "words": "Revision 1 accepted; revision 2 is a draft",
    }
    assert report["address"] == "https://crossover.example/decisions/d/revisions/1"
    assert report["workspace"] == "Payments" and report["owner"] == "Grace Hopper"
    from_a_file = json.loads(FORMATS["json"].render(advice_alone()))
    assert from_a_file["status"]["status"] is None and "Not recorded" in from_a_file["status"]["words"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_is_named_by_its_file_and_never_by_its_id(name: str) -> None:
    report = recorded()
    text = pdf_text(report) if name == "pdf" else rendered(name, report).decode()
    assert TRACE_ID not in text.replace("\u200b", "")
    repeats_it = ("bursty-hour.csv", RECORDING.sha256, "2026", "09:59:54Z") if name != "asyncapi" else ()
    for words in ("bursty hour.csv", *repeats_it):
        assert words in text.replace("\\", "")


class TestMarkdown:
    def test_it_is_a_decision_record_after_madr_4(self) -> None:
        text = rendered("markdown", REPORT).decode()
        _, front, body = text.split("---\n", 2)
        assert YAML(typ="safe", pure=True).load(front) == {
            "status": "accepted",
            "date": datetime.date(2026, 11, 24),
            "decision-makers": ["Ada Lovelace", "Grace Hopper"],
        }
        headings = re.findall(r"^#{1,3} .+$", body, re.MULTILINE)
        assert headings[0] == "# Invoice extraction"
        assert [line for line in headings if line in MADR] == list(MADR)
        assert 'Chosen option: "Event-driven", because p99 34 s, past the 30 s limit of gunicorn.' in body
        assert "- Good, because what has failed for good is kept" in body
        assert (
            "- Bad, because one subscriber." in body and "- Bad, because 1 alarm must be set up and answered." in body
        )
        assert "if 1.9 s or less (20 s today): Synchronous, on balance." in plain(body)
        confirmation = body.partition("### Confirmation")[2].partition("###")[0]
        assert "python3 manage.py simulate scenario.json --engine kernel --seed 7 --replications 20" in confirmation

    def test_parsers_of_decision_records_read_its_status_and_date(self) -> None:
        """log4brains takes a list before the first heading of level 2, and knows no front matter; adr-viewer takes a section Status."""
        tokens = MarkdownIt("commonmark").parse(rendered("markdown", REPORT).decode())
        places = [place for place, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
        listed = [token.content for token in tokens[: places[0]] if token.type == "inline"]
        assert listed[-3:] == ["Status: accepted", "Date: 2026-11-24", "Deciders: Ada Lovelace, Grace Hopper"]
        assert tokens[places[0] + 1].content == "Status"
        assert tokens[places[0] + 4].content.startswith("Accepted, set by Ada Lovelace")

    @pytest.mark.parametrize(
        "report", [REPORT, advice_alone(name="Why?"), recorded()], ids=["all", "advice", "recorded"]
    )
    def test_it_keeps_the_rules_of_markdownlint(self, report: Document) -> None:
        body = rendered("markdown", report).decode().split("---\n", 2)[2].lstrip("\n")
        outside = re.sub(r"^(`{3,})\w+\n.*?^\1$", "CODE", body, flags=re.DOTALL | re.MULTILINE)
        assert (
            "```\n" not in outside and "\n\n\n" not in outside and not re.search(r"[^ ] $|   $", outside, re.MULTILINE)
        )
        headings = re.findall(r"^(#+) (.+)$", outside, re.MULTILINE)
        assert len({words for _, words in headings}) == len(headings)
        assert not [words for _, words in headings if words[-1] in ".,;:!"]
        levels = [len(marks) for marks, _ in headings]
        assert levels.count(1) == 1 and all(later - earlier <= 1 for earlier, later in pairwise(levels))
        for paragraph in outside.split("\n\n"):
            is_emphasis = re.fullmatch(r"(\*\*?)[^*\n]+\1", paragraph)
            assert not is_emphasis or paragraph.strip("*")[-1] in ".,;:!?", paragraph
            if paragraph.startswith("|"):
                assert len({len(re.findall(r"(?<!\\)\|", line)) for line in paragraph.splitlines()}) == 1
                assert "|  |" not in paragraph

    def test_a_report_of_a_file_is_a_draft(self) -> None:
        text = FORMATS["markdown"].render(advice_alone()).decode()
        assert text.startswith("---\nstatus: draft\ndate: 2026-11-24\ndecision-makers: []\n")

    def test_hostile_words_are_shown_literally(self) -> None:
        source = rendered("markdown", HOSTILE_REPORT).decode()
        page = Page(MarkdownIt("gfm-like", {"linkify": False}).render(source))
        assert page.text.count(plain(HOSTILE)) >= 10
        assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
        assert {attributes["href"] for tag, attributes in page.tags if tag == "a"} == {"http://x/y", RECORD.address}

    @pytest.mark.parametrize(
        "words",
        ["- a", "+ a", "1. a", "2) a", "# a", "> a", "=== ", "---", "~~~", "```", "<script x", "<pre", "<? x",
         "<https://evil.example>", "| a |", "www.evil.example", "a@b.example",
         "https://evil.example", "mailto:a", "&lt;", "<b>", "**a**", "a  \nb", "[x]: http://y", ":::", "\\", "a_b_c"],
    )  # fmt: skip
    def test_no_words_become_markup(self, words: str) -> None:
        shown = Page(MarkdownIt("commonmark").render(escaped(words)))
        assert [tag for tag, _ in shown.tags] == ["p"]
        assert shown.text == plain(words)

    def test_a_listing_cannot_close_its_fence(self) -> None:
        source = FORMATS["markdown"].render(advice_alone(name="a ````` b")).decode()
        assert re.search(r"^`{6,}json$", source, re.MULTILINE)


class TestHtml:
    def test_it_loads_nothing_from_elsewhere(self) -> None:
        page = page_of(REPORT)
        tags = [tag for tag, _ in page.tags]
        assert "link" not in tags and "iframe" not in tags
        for _, attributes in page.tags:
            assert not attributes.get("src")
            assert not any(name.startswith("on") for name in attributes)
            assert not any("url(http" in (value or "") for value in attributes.values())

    def test_no_scripts_run_but_its_own_and_those_have_the_figures_of_every_chart(self) -> None:
        page = rendered("html", HOSTILE_REPORT).decode()
        scripts = re.findall(r"<script(.*?)>(.*?)</script>", page, re.DOTALL)
        own = [text for attributes, text in scripts if "application/json" not in attributes]
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in own]
        (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
        assert policy.split("script-src ")[1] == " ".join(f"'sha256-{digest}'" for digest in hashes)
        assert "Plotly" in own[0] and len(own) == 2
        (figures,) = [json.loads(text) for attributes, text in scripts if 'id="figures"' in attributes]
        assert len(figures) == page.count("<figure><figcaption><h3>") and all(figure["data"] for figure in figures)
        assert not [text for attributes, text in scripts if "application/json" in attributes and "<" in text]

    def test_it_has_a_language_a_title_and_ordered_headings(self) -> None:
        page = page_of(REPORT)
        assert ("html", {"lang": "en-GB"}) in page.tags
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1 and levels[0] == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))

    def test_every_chart_has_an_alternative_text_and_a_table(self) -> None:
        page = page_of(REPORT)
        alternatives = {attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"}
        charts = charts_of(results.result(), results.scenario())
        assert REPORT.decision.picture is not None
        assert alternatives == {REPORT.decision.picture.alt, *(chart.alt for chart in charts)}
        assert sum(tag == "details" for tag, _ in page.tags) == 8

    def test_its_contents_lead_to_every_section(self) -> None:
        page = page_of(REPORT)
        links = [
            attributes["href"] for tag, attributes in page.tags if tag == "a" and str(attributes["href"])[0] == "#"
        ]
        assert links == [f"#{part.id}" for part in REPORT.sections]

    def test_no_id_is_given_twice(self) -> None:
        ids = [attributes["id"] for _, attributes in page_of(REPORT).tags if "id" in attributes]
        assert len(ids) == len(set(ids))

    def test_charts_follow_light_and_dark(self) -> None:
        page = rendered("html", REPORT).decode()
        drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
        assert "var(--synchronous)" in drawings
        assert "#0072b2" not in drawings.lower()

    def test_hostile_words_are_shown_literally(self) -> None:
        page = page_of(HOSTILE_REPORT)
        assert "img" not in [tag for tag, _ in page.tags]
        assert page.text.count(plain(HOSTILE)) >= 10


@pytest.mark.slow
class TestPdf:
    def test_it_is_tagged_titled_dated_and_in_english(self) -> None:
        reader = pdf_of(REPORT)
        catalogue: Any = reader.trailer["/Root"]
        assert reader.metadata is not None and reader.metadata.title == "Invoice extraction"
        assert reader.metadata.creation_date is not None and reader.metadata.creation_date.year == 2026
        assert catalogue["/Lang"] == "en-GB"
        assert catalogue["/MarkInfo"]["/Marked"] is True or bool(catalogue["/MarkInfo"]["/Marked"])
        assert b"pdfuaid:part" in catalogue["/Metadata"].get_data()

    def test_its_outline_leads_to_every_section(self) -> None:
        outline = [entry.title for entry in pdf_of(REPORT).outline if not isinstance(entry, list)]
        assert [title for title in outline if title not in ("", "Contents")] == [part.title for part in REPORT.sections]

    def test_the_decision_is_the_whole_first_page_and_the_contents_follow(self) -> None:
        first, second = (page.extract_text() for page in pdf_of(REPORT).pages[:2])
        assert "What would reopen it" in first and "99 % wanted" in first and "Alternatives" not in first
        assert second.startswith("Contents")

    def test_a_table_is_kept_on_one_page(self) -> None:
        pages = [page.extract_text() for page in pdf_of(REPORT).pages]
        (page,) = [words for words in pages if "Results of the designs" in words]
        assert "Jobs offered" in page and "Delivery calls" in page
        long = [f"Q{place}" for place in range(90)]
        report = replace(REPORT, sections=(*REPORT.sections[:1], Section("long", "Long", (
            table_block(("Question",), ((name,) for name in long), "More than a page"),
        ))))  # fmt: skip
        words = pdf_text(report).split()
        assert [word for word in words if word in long] == long

    def test_pages_are_numbered(self) -> None:
        reader = pdf_of(REPORT)
        total = len(reader.pages)
        assert f"1 / {total}" in reader.pages[0].extract_text()

    def test_every_chart_has_its_alternative_text(self) -> None:
        catalogue: Any = pdf_of(REPORT).trailer["/Root"]
        texts = set(_alternatives(catalogue["/StructTreeRoot"]))
        assert {chart.alt for chart in charts_of(results.result(), results.scenario())} <= texts

    def test_words_in_charts_can_be_searched(self) -> None:
        assert "Time since the start (min)" in pdf_text(REPORT)

    def test_hostile_words_are_shown_literally(self) -> None:
        shown = pdf_text(HOSTILE_REPORT).replace(" ", "")
        assert shown.count('#link("x")[y]$x$*b*_i_`c`<script>') >= 10

    def test_links_lead_to_http_only(self) -> None:
        targets = {
            annotation.get_object()["/A"]["/URI"]
            for page in pdf_of(REPORT).pages
            for annotation in page.get("/Annots", [])
            if "/A" in annotation.get_object() and "/URI" in annotation.get_object()["/A"]
        }
        assert targets == {"https://docs.gunicorn.org/en/stable/settings.html#timeout", RECORD.address}


def _alternatives(node: object) -> list[str]:
    if isinstance(node, IndirectObject):
        node = node.get_object()
    if isinstance(node, ArrayObject):
        return [text for child in node for text in _alternatives(child)]
    if not isinstance(node, DictionaryObject):
        return []
    own = [str(node["/Alt"])] if "/Alt" in node else []
    return own + (_alternatives(node.raw_get("/K")) if "/K" in node else [])


class TestText:
    def test_the_verdict_is_the_first_line(self) -> None:
        assert terminal_text("", REPORT.verdict, REPORT.sections).splitlines()[0] == REPORT.verdict

    def test_no_line_of_prose_or_table_is_wider_than_the_page(self) -> None:
        sections = (
            *advice_sections(REPORT.recommendation, REPORT.answers),
            *(
                part
                for part in REPORT.sections
                if part.id in ("decision", "alternatives", "consequences", "simulation")
            ),
        )
        shown = terminal_text(REPORT.title, REPORT.verdict, sections)
        assert max(map(len, shown.splitlines())) <= 100

    def test_figures_are_aligned(self) -> None:
        lines = terminal_text("", REPORT.verdict, REPORT.sections).splitlines()
        rows = [line for line in lines if line.startswith(("of these", "Jobs offered"))]
        assert len({len(line) for line in rows}) == 1


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        ("See https://a.example/b?c=d#e.", ["https://a.example/b?c=d#e"]),
        ("javascript:alert(1) data:text/html,x file:///etc/passwd", []),
        ("http://a.example and https://b.example", ["http://a.example", "https://b.example"]),
        ("Anon., Book, 2003", []),
    ],
)
def test_only_web_addresses_become_links(source: str, addresses: list[str]) -> None:
    assert [piece for piece, is_link in linked(source) if is_link] == addresses
    assert "".join(piece for piece, _ in linked(source)) == source


def test_a_word_longer_than_the_line_is_broken_on_paper() -> None:
    heading = pdf_of(advice_alone(name="x" * 120)).pages[0].extract_text().splitlines()[0]
    assert len(heading) <= 40


@pytest.mark.parametrize("title", ["日本語の請求書", "Счета и العربية", "🚀 ★ ½"])
def test_a_title_in_any_script_gives_a_report(title: str) -> None:
    reader = pdf_of(advice_alone(name=title))
    assert reader.metadata is not None and reader.metadata.title == title
