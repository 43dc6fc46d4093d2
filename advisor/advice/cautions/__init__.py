"""Cross-checks: what is wrong or will go wrong with the answers, whichever style is chosen.

To add one, add an entry to the file where it belongs, and a test in tests/unit/advice/test_cautions.py.
"""

from advisor.advice.cautions.capacity import CAPACITY
from advisor.advice.cautions.failures import FAILURES
from advisor.advice.cautions.limits import LIMITS
from advisor.advice.cautions.shape import Case, Check
from advisor.advice.contract import Caution

__all__ = ["CHECKS", "Case", "Check", "cautions"]

CHECKS: tuple[Check, ...] = CAPACITY + LIMITS + FAILURES


def cautions(case: Case) -> tuple[Caution, ...]:
    return tuple(Caution(code=check.code, text=check.sentence(case)) for check in CHECKS if check.when(case))
