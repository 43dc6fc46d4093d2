"""Answers to vectors, facts and decisions: style, strength and delivery by the table of rules. Numbers only."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from advisor.advice.answer_vectors import AnswerVectors, FlagVector, NumberVector, vectors_of
from advisor.advice.answers import Answers
from advisor.advice.contract import Method, Strength, Style
from advisor.advice.delivery import ALL_METHODS, answers_all_in_line, method_of
from advisor.advice.facts import FactVectors, PointFacts, facts_of
from advisor.advice.rules import CONSTRAINTS, FORCES, HYBRIDS
from advisor.advice.rules.rule import ALL

LEAN, CLEAR = 0.15, 0.5
"""From these scores on, either way, advice leans or is clear."""

DIGITS = 9
"""Digits of a score: what the order of additions does to it stays beneath."""

ALL_STYLES: tuple[Style, ...] = ALL
STRENGTHS: tuple[Strength, ...] = ("close", "lean", "clear")

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Decisions:
    """What each row comes to. `style`, `strength` and `method` are places in ALL_STYLES, STRENGTHS and ALL_METHODS."""

    style: Codes
    strength: Codes
    method: Codes
    score: NumberVector
    hybrid_case: NumberVector
    """The strength of the case for a hybrid; 0 if there is none."""
    pull: NumberVector
    """The score of the forces alone, whatever is ruled out."""
    ruled_out: dict[Style, FlagVector]

    def outcome(self, row: int = 0) -> tuple[Style, Strength, Method]:
        return ALL_STYLES[self.style[row]], STRENGTHS[self.strength[row]], ALL_METHODS[self.method[row]]

    @cached_property
    def feasible(self) -> FlagVector:
        return np.asarray(~np.all(list(self.ruled_out.values()), axis=0), dtype=np.bool_)

    @cached_property
    def key(self) -> Codes:
        """One number a row that differs wherever the decision does. What is not feasible is one decision, whatever the forces favour."""
        key = (self.style * len(STRENGTHS) + self.strength) * len(ALL_METHODS) + self.method
        return np.where(self.feasible, key, -1)


def decide(vectors: AnswerVectors) -> Decisions:
    return decide_facts(facts_of(vectors))


def decide_facts(facts: FactVectors) -> Decisions:
    """Hard constraints first, then the weighted forces, then the case for both at once.

    What rules out every style (too little capacity, a deadline that nothing keeps) does not choose between them: the advice says it first, and
    still names the style that fits once it is mended.
    """
    ruled_out, no_inline = _ruled_out(facts)
    pull = np.clip(_pull(facts), -1.0, 1.0)
    score = np.where(no_inline, np.maximum(pull, CLEAR), pull)

    case = _hybrid_case(facts)
    hybrid = case > 0
    style = np.where(
        hybrid,
        ALL_STYLES.index("hybrid"),
        np.where(score > 0, ALL_STYLES.index("event_driven"), ALL_STYLES.index("synchronous")),
    )
    certainty = np.where(hybrid, case, np.abs(score))
    strength = np.searchsorted([LEAN, CLEAR], certainty, side="right")
    in_line = (style == ALL_STYLES.index("synchronous")) | (hybrid & answers_all_in_line(facts))
    return Decisions(style, strength, method_of(facts, in_line), score, case, pull, ruled_out)


def _ruled_out(facts: FactVectors) -> tuple[dict[Style, FlagVector], FlagVector]:
    fired = [(rule.rules_out, rule.when(facts)) for rule in CONSTRAINTS]

    def out(style: Style, *, alone: bool = False) -> FlagVector:
        flags = [when for styles, when in fired if style in styles and (len(styles) == 1 or not alone)]
        return np.asarray(np.any(flags, axis=0), dtype=np.bool_)

    return {style: out(style) for style in ALL_STYLES}, out("synchronous", alone=True)


def _pull(facts: FactVectors) -> NumberVector:
    signs = {"event_driven": 1.0, "synchronous": -1.0}
    total = np.zeros_like(facts.load.rate)
    for rule in FORCES:  # in this order whatever the number of rows, so that one row alone gets the same sum
        total = total + signs[rule.favours] * rule.weight(facts) * rule.when(facts)
    return np.asarray(np.round(total, DIGITS), dtype=np.float64)


def _hybrid_case(facts: FactVectors) -> NumberVector:
    cases = [rule.weight(facts) * rule.when(facts) for rule in HYBRIDS]
    return np.asarray(np.max(cases, axis=0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Equal to itself alone, so that what follows from it can be kept."""

    answers: Answers
    vectors: AnswerVectors
    facts: FactVectors
    point: PointFacts
    decisions: Decisions

    @classmethod
    def from_answers(cls, answers: Answers) -> Self:
        vectors = vectors_of(answers)
        facts = facts_of(vectors)
        return cls(answers, vectors, facts, PointFacts.from_facts(facts, answers), decide_facts(facts))

    @classmethod
    def of_each(cls, sheets: Sequence[Answers]) -> list[Self]:
        """As `from_answers` of each sheet, computed together. All have the same number of given pauses between retries."""
        each = [vectors_of(answers) for answers in sheets]
        together = {path: np.concatenate([vectors[path] for vectors in each]) for path in (each[0] if each else {})}
        facts = facts_of(together) if each else None
        decisions = decide_facts(facts) if facts is not None else None
        evaluations = []
        for row, (answers, vectors) in enumerate(zip(sheets, each, strict=True)):
            own: FactVectors = _row_of(facts, row)
            evaluations.append(cls(answers, vectors, own, PointFacts.from_facts(own, answers), _row_of(decisions, row)))
        return evaluations


def _row_of(value: Any, row: int) -> Any:
    """One row of the vectors in a dataclass or a mapping, as vectors of one row."""
    if isinstance(value, np.ndarray):
        return value[row : row + 1]
    if isinstance(value, dict):
        return {name: _row_of(each, row) for name, each in value.items()}
    return type(value)(**{field.name: _row_of(getattr(value, field.name), row) for field in fields(value)})
