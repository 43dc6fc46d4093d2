"""Advice: Answers to Recommendation to Scenario. Pure: no web framework, no database, no queue."""

from advisor.advice import library
from advisor.advice.rules import RULES_VERSION

__all__ = ["RULES_VERSION", "versions"]


def versions() -> dict[str, str]:
    return {"rules": RULES_VERSION, **library.dates()}
