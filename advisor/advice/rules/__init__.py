"""The table of rules. Nothing decides outside it.

To add a rule, add an entry to the file of what it favours, and a case to the table in tests/unit/advice/test_cases.py.
"""

from advisor.advice.rules.constraints import CONSTRAINTS
from advisor.advice.rules.for_both import FOR_BOTH
from advisor.advice.rules.for_calls import FOR_CALLS
from advisor.advice.rules.for_events import FOR_EVENTS
from advisor.advice.rules.shape import Rule

__all__ = ["CONSTRAINTS", "FORCES", "HYBRIDS", "RULES", "RULES_VERSION", "Rule"]

RULES_VERSION = "2026.11.4"

FORCES: tuple[Rule, ...] = FOR_EVENTS + FOR_CALLS
HYBRIDS: tuple[Rule, ...] = FOR_BOTH
RULES: tuple[Rule, ...] = CONSTRAINTS + HYBRIDS + FORCES
