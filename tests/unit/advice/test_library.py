"""The data files: dated, sourced, complete; and nothing of them in code."""

import re
from pathlib import Path

import pytest

from advisor.advice import library, versions
from advisor.advice.checks import CHECKS
from advisor.advice.contradictions import CONTRADICTIONS
from advisor.advice.handbook import entries
from advisor.advice.rules import RULES
from advisor.advice.templates import TEMPLATES

DATE = re.compile(r"20\d\d-\d\d-\d\d")


def test_every_hop_and_profile_is_dated_and_sourced() -> None:
    for fact in (
        *library.hops().values(),
        *library.profiles().values(),
        *library.worker_kinds().values(),
        *library.brokers().values(),
    ):
        assert DATE.fullmatch(fact.checked)
        assert fact.source
        assert fact.note


def test_what_was_not_seen_at_its_source_says_so() -> None:
    assert not any(fact.unchecked for fact in library.hops().values())
    assert {name for name, profile in library.profiles().items() if profile.unchecked} == {"openai"}


@pytest.mark.parametrize("written", ["nginx", "NGINX", "aws_alb", "ALB", "api-gateway", "AWS API Gateway", "heroku"])
def test_a_hop_is_known_by_its_name_or_alias_however_it_is_written(written: str) -> None:
    assert library.hop_named(written) is not None


def test_versions_name_the_rules_and_every_data_file() -> None:
    named = versions()
    assert set(named) == {"rules", "templates", "hops", "profiles", "workers", "delivery", "brokers"}
    assert all(
        DATE.fullmatch(named[name]) for name in ("templates", "hops", "profiles", "workers", "delivery", "brokers")
    )


def test_no_vendor_is_named_in_code() -> None:
    vendors = re.compile(
        r"\b(aws|amazon|anthropic|openai|azure|heroku|cloudfront|cloudflare|gunicorn|nginx)\b", re.IGNORECASE
    )
    folder = Path(library.__file__).parent
    for path in folder.rglob("*.py"):
        assert not vendors.search(path.read_text(encoding="utf-8")), path.name


def test_the_handbook_has_every_rule_warning_template_hop_and_profile() -> None:
    listed = {(entry.kind, entry.id) for entry in entries()}
    assert listed == {
        *(("rule", rule.id) for rule in RULES),
        *(("warning", contradiction.code) for contradiction in CONTRADICTIONS),
        *(("warning", check.code) for check in CHECKS),
        *(("template", name) for name in TEMPLATES),
        *(("hop", name) for name in library.hops()),
        *(("profile", name) for name in library.profiles()),
        *(("worker", name) for name in library.worker_kinds()),
        *(("broker", name) for name in library.brokers()),
    }
    assert all(entry.title and entry.text for entry in entries())
