"""The advice of the rules alone, as while the simulator is not at hand: for tests of rules, sentences and formulas."""

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import recommend


def advise_by_rules(answers: Answers, *, flips: bool = True) -> Recommendation:
    return recommend(Evaluation.from_answers(answers), flips=flips)
