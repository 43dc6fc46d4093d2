"""Marks on the terms of the glossary, in the HTML of a page."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.text import slugify

from advisor.decisions.models import Decision, Run
from advisor.web.glossary import MARKED_TERMS, glossary, mark_terms


def words_marked(html: str) -> list[str]:
    return re.findall(r'<a class="term"[^>]*>([^<]*)</a>', html)


def marked(html: str) -> str:
    return mark_terms(SafeString(html))


def test_the_first_use_in_each_section_is_marked() -> None:
    once = marked("<section><p>Lag and jitter; the lag grows.</p></section><section>A lag.</section>")
    assert words_marked(once) == ["Lag", "jitter", "lag"]
    assert (
        re.sub("</?a[^>]*>", "", once)
        == "<section><p>Lag and jitter; the lag grows.</p></section><section>A lag.</section>"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dead letters, a dead-letter queue", ["dead letters"]),
        ("an idempotency key for idempotent work", ["idempotency"]),
        ("p95 20\u00a0s, p50 8 s", ["p95"]),
        ("the queue\u00a0depth", ["queue\u00a0depth"]),
        ("lagging flags, jitter.py, /lag and consumer_id", []),
    ],
)
def test_a_term_is_found_in_its_forms_and_not_within_other_words(text: str, words: list[str]) -> None:
    assert words_marked(marked(text)) == words


def test_nothing_is_marked_in_what_is_pressed_or_in_a_heading_or_an_attribute() -> None:
    html = (
        '<h3>Lag</h3><a href="#x">lag</a><button>lag</button><summary>lag</summary><label for="y">lag</label>'
        '<svg aria-label="lag"><text>lag</text></svg><p title="lag">none</p>'
    )
    assert marked(html) == html
    assert words_marked(marked(f"{html}<p>lag &lt;lag&gt;</p>")) == ["lag"]


@pytest.mark.django_db
def test_every_mark_leads_to_an_entry_of_the_handbook_with_the_same_sentence(client: Client) -> None:
    handbook = client.get(reverse("handbook")).content.decode()
    meanings = dict(glossary())
    for term in MARKED_TERMS:
        assert f'id="glossary-{slugify(term)}"' in handbook
        [link] = re.findall(r'href="([^"]+)" aria-description="([^"]+)"', marked(term.partition(",")[0]))
        assert link == (f"{reverse('handbook')}#glossary-{slugify(term)}", escape(meanings[term]))


def test_advice_help_and_results_carry_marks(client: Client, decision: Decision, run: Run) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    advice = page.partition('id="advice-details"')[2]
    assert {"consumers", "jitter", "dead letter"} <= set(map(str.lower, words_marked(advice)))
    reasons = advice.partition('id="reasons-heading"')[2].partition("</section>")[0]
    assert "p95" in words_marked(reasons)
    for section in re.findall(r"<section.*?</section>", advice, re.DOTALL):
        addresses = re.findall(r'<a class="term" href="([^"]+)"', section)
        assert len(addresses) == len(set(addresses))
    assert words_marked(page.partition('id="field-failures-idempotent-help"')[2].partition("</p>")[0]) == []
    assert words_marked(page.partition('id="field-failures-jitter-help"')[2].partition("</p>")[0]) == ["jitter"]
    assert words_marked(client.get(reverse("run", args=[run.pk])).content.decode())
