"""The handbook documents everything that the advice rests on."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, get_args

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pydantic import BaseModel
from pytest_django import Settings

from advisor.advice.checks import CHECKS
from advisor.advice.handbook import entries
from advisor.advice.library import hops, profiles
from advisor.advice.rules import RULES
from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Decision
from advisor.decisions.services.library import hide_entry, save_entry
from advisor.teams.models import User
from simulator.scenario import Scenario


@pytest.mark.django_db
def test_every_rule_warning_template_hop_and_profile_has_its_place(client: Client) -> None:
    page = client.get(reverse("handbook")).content.decode()
    wanted = [
        *(f"rule-{rule.id}" for rule in RULES),
        *(f"warning-{check.code}" for check in CHECKS),
        *(f"template-{name}" for name in TEMPLATES),
        *(f"hop-{name}" for name in hops()),
        *(f"profile-{name}" for name in profiles()),
    ]
    assert [place for place in wanted if f'id="{place}"' not in page] == []
    assert all(escape(entry.text) in page for entry in entries())


def field_names(annotation: Any) -> Iterator[str]:
    """Of a Scenario and of all that it is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield name
            yield from field_names(field.annotation)
    for part in get_args(annotation):
        yield from field_names(part)


@pytest.mark.django_db
def test_every_field_of_a_scenario_has_its_place(client: Client) -> None:
    page = client.get(reverse("handbook")).content.decode()
    section = page.partition('id="scenario"')[2].partition("</section>")[0]
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"<code>(.*?)</code>", section))))
    assert sorted({*field_names(Scenario)} - words - {"schema_"}) == []


@pytest.mark.django_db
def test_members_read_their_own_library_and_all_others_the_shipped_one(
    settings: Settings, client: Client, decision: Decision, user: User
) -> None:
    own = {
        "title": "Our gateway",
        "limit_s": 12.0,
        "kind": "total",
        "source": "measured by us",
        "checked": "2026-11-24",
    }
    save_entry(decision.workspace, user, "hop", "", own)
    hide_entry(decision.workspace, user, "hop", "heroku_router")
    page = client.get(reverse("handbook")).content.decode()
    assert 'id="hop-own_our_gateway"' in page and "12 s, total" in page and "measured by us" in page
    assert 'id="hop-heroku_router"' not in page and "Library 2 edited" in page
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mode": "hosted"})
    page = Client().get(reverse("handbook")).content.decode()
    assert "Our gateway" not in page and 'id="hop-heroku_router"' in page


@pytest.mark.django_db
def test_its_glossary_says_what_the_glossary_of_the_documents_says(client: Client) -> None:
    documents = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    section = client.get(reverse("handbook")).content.decode().split('<h2 id="glossary">')[1].split("</section>")[0]
    entries = re.findall(r"<dt>(.+?)</dt>\s*<dd>\s*<p>\s*(.+?)\s*</p>", section)
    assert len(entries) == section.count("<dt>") > 40
    assert [entry for entry in entries if "| {} | {} |".format(*map(unescape, entry)) not in documents] == []
    terms = {term for term, _ in entries}
    assert {"Scenario", "Dead letter"} <= terms
    assert not terms & {"term", "field and case", "`arrivals: poisson`", "Use case"}
