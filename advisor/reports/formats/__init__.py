"""The formats of a report. To add one: a module with `render(document) -> bytes`, and its row here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from advisor.reports.document import Document
from advisor.reports.formats import asyncapi, html, json_, markdown, pdf


@dataclass(frozen=True)
class Format:
    """`render` gives the same bytes for the same document."""

    title: str
    extension: str
    content_type: str
    render: Callable[[Document], bytes]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "markdown": Format("Markdown", "md", "text/markdown; charset=utf-8", markdown.render_markdown),
        "html": Format("HTML", "html", "text/html; charset=utf-8", html.render_html),
        "pdf": Format("PDF", "pdf", "application/pdf", pdf.render_pdf),
        "json": Format("JSON", "json", "application/json", json_.render_json),
        "asyncapi": Format(
            "AsyncAPI",
            "asyncapi.json",
            "application/vnd.aai.asyncapi+json;version=3.0.0",
            asyncapi.render_asyncapi,
        ),
    }
)
