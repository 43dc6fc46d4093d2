"""One evaluation of the answers: everything that advice, its flips and its rule inputs are computed from."""

from dataclasses import dataclass
from typing import Self

from advisor.advice.answers import Answers
from advisor.advice.columns import Columns, columns_of
from advisor.advice.decision import Decisions, decide_facts
from advisor.advice.facts import FactVectors, Point, facts_of


@dataclass(frozen=True)
class Evaluation:
    answers: Answers
    vectors: Columns
    facts: FactVectors
    point: Point
    decisions: Decisions

    @classmethod
    def from_answers(cls, answers: Answers) -> Self:
        vectors = columns_of(answers)
        facts = facts_of(vectors)
        return cls(answers, vectors, facts, Point.from_facts(facts, answers), decide_facts(facts))
