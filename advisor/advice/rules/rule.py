"""The one shape that every rule has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advisor.advice.answer_vectors import FlagVector, NumberVector
from advisor.advice.contract import Favours, Style
from advisor.advice.facts import FactVectors, PointFacts

SEED_SOURCE = "A. Prajapat, Event-Driven Architecture for AI Workloads: When and How to Use It, 30 Nov 2025"
NIELSEN_SOURCE = "J. Nielsen, Usability Engineering, 1993: 0.1, 1 and 10 s are the limits of attention"
PATTERNS_SOURCE = "G. Hohpe and B. Woolf, Enterprise Integration Patterns, 2003"
HOPS_SOURCE = "Time limits of the hops, from the dated data file"

ALL: tuple[Style, ...] = ("synchronous", "event_driven", "hybrid")


@dataclass(frozen=True)
class Rule:
    """One force: when it applies, which style it favours and how strongly, and the sentence that says why.

    `weight` (0 to 1) counts towards the score for synchronous or event-driven; for hybrid it is the strength of its case. A rule that
    `rules_out` styles is a hard constraint: it comes before all weights, and its own weight is not added to them.
    """

    id: str
    title: str
    about: str
    """What it weighs and from which value on, for the handbook."""
    favours: Favours
    when: Callable[[FactVectors], FlagVector]
    weight: Callable[[FactVectors], NumberVector]
    sentence: Callable[[PointFacts], str]
    """The evidence: the user's own number, with the threshold next to it."""
    source: str
    cites: tuple[str, ...] = ()
    """The facts that `sentence` reads, as paths in `Facts`."""
    cites_also: Callable[[PointFacts], tuple[str, ...]] | None = None
    """Facts that `sentence` reads in some cases only."""
    rules_out: tuple[Style, ...] = ()
    shortfall: Callable[[PointFacts], str] | None = None
    """What no design can do, as the headline of advice that is not feasible; given by every rule that rules out all styles."""
    mend: Callable[[PointFacts], str] | None = None
    """What would take that away, by arithmetic alone; empty where none does."""

    def cited(self, point: PointFacts) -> tuple[str, ...]:
        return self.cites + (self.cites_also(point) if self.cites_also else ())


def constant(weight: float) -> Callable[[FactVectors], NumberVector]:
    return lambda f: np.full_like(f.load.rate, weight)
