"""Which answers a map may vary, and over what range."""

import math
from dataclasses import dataclass

from advisor.advice.answer_vectors import vectors_of
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.contract import FlipOutcome, Recommendation
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.variations import reach

USUAL = ("processing.p95_s", "volume.mean_rate_per_s", "volume.peak_to_mean", "caller.deadline_s")
"""What is offered first where nothing turns the style."""
WIDER = 3.0
"""The range goes this many times under and over the current answer, and past where the style turns."""
PAST = 1.3


@dataclass(frozen=True)
class Proposal:
    """The range that a map would begin with, and whether the style turns in it, or whether any style meets the deadline."""

    field: str
    low: float
    high: float
    turns: bool


def proposals(answers: Answers, recommendation: Recommendation) -> tuple[Proposal, ...]:
    """Every numeric answer that applies and has a value: first where the style turns, then the usual ones."""
    base = vectors_of(answers)
    turning = {
        flip.field: float(flip.to)
        for flip in reversed(recommendation.flips)
        if type(flip.to) in (int, float) and _turns(flip.becomes, recommendation)
    }
    asked = [
        question.path
        for section in SECTIONS
        for question in section.questions
        if question.applies(answers) and question.path in LEAVES and LEAVES[question.path].numeric
    ]
    order = [*reversed(turning), *USUAL, *asked]
    paths = [path for path in dict.fromkeys(order) if path in asked and path in base]
    candidates = (_proposal(path, float(base[path][0]), turning.get(path), *reach(path, base)) for path in paths)
    return tuple(proposal for proposal in candidates if proposal is not None)


def _turns(there: FlipOutcome, here: Recommendation) -> bool:
    return there.feasible != here.feasible or (there.feasible and there.style != here.style)


def _proposal(path: str, value: float, turn: float | None, lowest: float, highest: float) -> Proposal | None:
    known = [point for point in (value, turn) if point is not None and math.isfinite(point)]
    if not known:
        return None
    ends = [point for point in known if point > 0]
    low = _down(min(ends) / (PAST if min(ends) == turn else WIDER)) if ends and min(known) > 0 else min(known)
    high = _up(max(ends) * (PAST if max(ends) == turn else WIDER)) if ends else 1.0
    if LEAVES[path].kind == "integer":
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, lowest), min(high, highest)
    return Proposal(path, low, high, turn is not None) if low < high else None


def _down(value: float) -> float:
    unit = _unit(value)
    return float(f"{math.floor(value / unit) * unit:.6g}")


def _up(value: float) -> float:
    unit = _unit(value)
    return float(f"{math.ceil(value / unit) * unit:.6g}")


def _unit(value: float) -> float:
    return float(10.0 ** (math.floor(math.log10(value)) - 1))
