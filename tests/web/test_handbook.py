"""The handbook documents everything that the advice rests on."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from advisor.advice.cautions import CHECKS
from advisor.advice.handbook import entries
from advisor.advice.library import hops, profiles
from advisor.advice.rules import RULES
from advisor.advice.templates import TEMPLATES


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
