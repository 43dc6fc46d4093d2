"""Why clear advice only leans: numbers that are off by little, or that are still the template's, lead to another style."""

import math
from collections.abc import Iterable, Mapping

from advisor.advice import library
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.contract import Doubt, Flip, Style
from advisor.advice.decision import StyleDecision
from advisor.advice.flips import distance
from advisor.advice.ranges import Range
from advisor.advice.variations import starting_number
from core.paths import value_at

NEAR_FLIP = math.log(1.2)
SURE_OF_STYLE = 0.9


def find_doubts(
    answers: Answers, decision: StyleDecision, flips: Iterable[Flip], probability: Mapping[Style, float] | None
) -> tuple[Doubt, ...]:
    """What keeps clear advice from being so; of a number the nearest flip alone."""
    if decision.strength != "clear":
        return ()
    doubts: dict[str | None, Doubt] = {}
    if probability is not None and probability[decision.style] < SURE_OF_STYLE:
        doubts[None] = Doubt(why="range")
    for flip in flips:
        becomes = flip.becomes
        if becomes.style == decision.style or not becomes.feasible or not LEAVES[flip.field].numeric:
            continue
        if distance(flip) <= NEAR_FLIP:
            doubts.setdefault(flip.field, Doubt(why="near", field=flip.field))
        elif _is_plausible_default(answers, flip):
            doubts.setdefault(flip.field, Doubt(why="default", field=flip.field))
    return tuple(doubts.values())


def _is_plausible_default(answers: Answers, flip: Flip) -> bool:
    """Whether the answer is the template's, and what the flip says, or beyond it, as likely as what unsettles a range that was given."""
    sheet = library.sheets().get(answers.template)
    default = sheet.defaults.get(flip.field) if sheet else None
    if default is None or default.low is None or default.high is None or value_at(answers, flip.field) != default.value:
        return False
    below = Range(default.low, default.high).share_below(flip.to)
    return (1 - below if flip.to > starting_number(flip.field, answers) else below) > 1 - SURE_OF_STYLE
