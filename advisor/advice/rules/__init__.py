"""The table of rules. Nothing decides outside it."""

from advisor.advice.rules.constraints import CONSTRAINTS
from advisor.advice.rules.forces import FORCES, HYBRIDS
from advisor.advice.rules.rule import Rule

__all__ = ["CONSTRAINTS", "FORCES", "HYBRIDS", "RULES", "RULES_VERSION", "Rule"]

RULES_VERSION = "2026.11.16"

RULES: tuple[Rule, ...] = CONSTRAINTS + HYBRIDS + FORCES
