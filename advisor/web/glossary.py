"""The terms of `docs/glossary.md` that pages use, and their marks in the HTML of a page."""

import re
from functools import cache, lru_cache

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify

from advisor.places import SHIPPED_FILES

GLOSSARY_SECTIONS = ("## What Crossover works with\n", "## Simulation\n")
NOT_ON_PAGES = ("Answers", "Rule", "Document", "Engine", "Tally", "Result")
"""Terms of these sections that the pages don't use."""
MARKED_TERMS = (
    "Backlog",
    "Backoff",
    "Broker",
    "Circuit breaker",
    "Consumer",
    "Dead letter",
    "Dispatch",
    "First token",
    "Goodput",
    "Herd",
    "Hop",
    "Idempotent",
    "Jitter",
    "Lag",
    "Offered load",
    "p50, p95, p99",
    "Poison",
    "Queue depth",
    "Replication",
    "Resample",
    "Utilisation",
    "Webhook",
)
"""Terms of the field, which not every reader knows. The other terms of the glossary are plain words, or are explained where they are used."""
FORMS = {"Idempotent": "idempotent|idempotency", "p50, p95, p99": "p(?:50|95|99)"}
UNMARKED = re.compile("a|button|code|dfn|h[1-4]|label|legend|option|output|script|select|style|summary|svg|textarea")
"""Elements in which no term is marked: they are pressed, are headings, or hold no prose."""
SPACE = "[ \u00a0-]"
_TAG = re.compile(r"(<[^>]*>)")
_NAME = re.compile(r"</?([a-z0-9]+)")


@cache
def glossary() -> list[tuple[str, str]]:
    """Term and meaning, as in `docs/glossary.md`."""
    text = (SHIPPED_FILES / "docs" / "glossary.md").read_text(encoding="utf-8")
    sections = (text.partition(heading)[2].partition("\n## ")[0] for heading in GLOSSARY_SECTIONS)
    lines = (line for section in sections for line in section.splitlines() if line.startswith("| "))
    rows = [(term, meaning) for term, meaning in (line.strip("| ").split(" | ") for line in lines)]
    return [row for row in rows if row[0] not in ("term", "---", *NOT_ON_PAGES)]


@cache
def _pattern() -> re.Pattern[str]:
    forms = (FORMS.get(term) or rf"{SPACE.join(term.lower().split())}s?" for term in MARKED_TERMS)
    groups = "|".join(f"(?P<t{place}>{form})" for place, form in enumerate(forms))
    return re.compile(rf"(?<![\w./-])(?:{groups})(?![\w/]|\.\w)", re.IGNORECASE)


@lru_cache(maxsize=8192)
def _has_terms(text: str) -> bool:
    """Most texts of a page are on the page before as well."""
    return _pattern().search(text) is not None


def mark_terms(html: SafeString) -> SafeString:
    """The HTML with a link to the handbook at the first use of each term in each section; the link's description is the meaning."""
    meanings = dict(glossary())
    marked: set[str] = set()
    unmarked = 0

    def mark(match: re.Match[str]) -> str:
        term = MARKED_TERMS[int((match.lastgroup or "")[1:])]
        if term in marked:
            return match[0]
        marked.add(term)
        address = f"{reverse('handbook')}#glossary-{slugify(term)}"
        link = '<a class="term" href="{}" aria-description="{}">{}</a>'
        return format_html(link, address, meanings[term], match[0])

    parts = _TAG.split(html)
    for place, part in enumerate(parts):
        name = _NAME.match(part) if place % 2 else None
        if name is None:
            if not unmarked and not place % 2 and _has_terms(part):
                parts[place] = _pattern().sub(mark, part)
        elif UNMARKED.fullmatch(name[1]):
            unmarked += -1 if part.startswith("</") else 1
        elif name[1] == "section":
            marked.clear()
    return SafeString("".join(parts))
