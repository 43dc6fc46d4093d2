"""The decision: the forces choose among the styles that the evidence shows to meet the deadline."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from advisor.advice.answer_vectors import AnswerVectors, FlagVector, NumberVector
from advisor.advice.contract import Evidence, Strength, Style
from advisor.advice.delivery import answers_all_in_line, method_of
from advisor.advice.evaluation import ALL_STYLES, CLEAR, LEAN, STRENGTHS, Decisions, Evaluation, decide_facts
from advisor.advice.facts import FactVectors, facts_of
from advisor.advice.rules.forces import reaches_adjustable
from simulator.result import Conclusion

Conclusions = Mapping[Style, Conclusion]
"""What is concluded of each style that was simulated."""
_SYNCHRONOUS, _EVENT_DRIVEN, _HYBRID = (ALL_STYLES.index(style) for style in ("synchronous", "event_driven", "hybrid"))


@dataclass(frozen=True)
class StyleDecision:
    style: Style
    strength: Strength
    score: float
    feasible: bool
    """False if every style misses."""
    missing: frozenset[Style]
    """Styles that miss the deadline, or are ruled out."""


def decide_style(evaluation: Evaluation, evidence: Evidence | None, *, raisable: bool | None = None) -> StyleDecision:
    """Without evidence the formulas of the rules rule styles out. `raisable` as in `decide_concluded`."""
    decisions = evaluation.decisions
    if evidence is None:
        missing = frozenset(each for each, flags in decisions.ruled_out.items() if flags[0])
    else:
        concluded = {style: outcome.conclusion for style, outcome in evidence.styles.items()}
        decisions = decide_concluded(evaluation.facts, decisions, concluded, raisable=raisable)
        missing = missing_styles(concluded)
    style, strength, _ = decisions.outcome()
    return StyleDecision(style, strength, float(decisions.score[0]), bool(decisions.feasible[0]), missing)


def with_hybrid(concluded: Conclusions) -> Conclusions:
    """A hybrid that is not simulated, since no force speaks for it now, is taken to do as well as the better of the others."""
    if "hybrid" in concluded:
        return concluded
    best = min(concluded.values(), key=("meets", "unresolved", "misses").index)
    return {**concluded, "hybrid": best}


def missing_styles(concluded: Conclusions) -> frozenset[Style]:
    """Those that miss, or were not simulated because no force speaks for them."""
    return frozenset(each for each in ALL_STYLES if concluded.get(each, "misses") == "misses")


def decide_vectors(vectors: AnswerVectors, concluded: Conclusions, *, raisable: bool | None = None) -> Decisions:
    """What the forces choose in each row if these are the conclusions there."""
    facts = facts_of(vectors)
    return decide_concluded(facts, decide_facts(facts), concluded, raisable=raisable)


def decide_concluded(
    facts: FactVectors, decisions: Decisions, concluded: Conclusions, *, raisable: bool | None = None
) -> Decisions:
    """The decisions by the same forces, with these conclusions of the simulation in place of the formulas.

    `raisable`: whether the simulation shows that the synchronous design meets the deadline once limits are raised that a setting changes;
    None: by the formulas.
    """
    pull, case = decisions.pull, decisions.hybrid_case
    style = _chosen_in_rows(pull, case, concluded)
    by_formulas = reaches_adjustable(facts) & (facts.capacity.peak_load < 1)
    score = _score(pull, concluded, by_formulas if raisable is None else np.full_like(by_formulas, raisable))
    certainty = np.where(style == _HYBRID, case, np.where(style == _EVENT_DRIVEN, score, -score))
    missing = missing_styles(concluded)
    open_styles = [place for place, each in enumerate(ALL_STYLES) if concluded.get(each) == "unresolved"]
    strength = np.searchsorted([LEAN, CLEAR], certainty, side="right")
    if (
        open_styles
    ):  # close while it is open whether the style meets; at most lean while it is open whether another does
        strength = np.where(np.isin(style, open_styles), 0, np.minimum(strength, STRENGTHS.index("lean")))
    if len(missing) == len(ALL_STYLES):
        strength = np.zeros_like(strength)
    in_line = (style == _SYNCHRONOUS) | ((style == _HYBRID) & answers_all_in_line(facts))
    return replace(
        decisions,
        style=style,
        strength=strength,
        method=method_of(facts, in_line),
        score=score,
        ruled_out={each: np.full_like(case, each in missing, dtype=np.bool_) for each in ALL_STYLES},
    )


def matters_if_raisable(decisions: Decisions, concluded: Conclusions) -> bool:
    """Whether advice is stronger if no limit can be raised so that the synchronous design meets the deadline."""
    alone = concluded.get("synchronous") == "misses" and concluded.get("event_driven") == "meets"
    return alone and float(decisions.pull[0]) < CLEAR


def _chosen_in_rows(pull: NumberVector, case: NumberVector, concluded: Conclusions) -> np.ndarray:
    style = np.zeros(len(pull), dtype=np.int64)
    for pulls, speaks in product((False, True), repeat=2):
        chosen = _chosen(preferences(float(pulls), float(speaks)), concluded)
        style = np.where(((pull > 0) == pulls) & ((case > 0) == speaks), ALL_STYLES.index(chosen), style)
    return style


def preferences(pull: float, case: float) -> tuple[Style, ...]:
    """The styles in the order in which the forces favour them; a hybrid only if something speaks for it."""
    simple: tuple[Style, Style] = ("event_driven", "synchronous") if pull > 0 else ("synchronous", "event_driven")
    return ("hybrid", *simple) if case > 0 else simple


def _chosen(preferred: tuple[Style, ...], concluded: Conclusions) -> Style:
    """The first that meets; if none is shown to, the first that may; if all miss, what the forces favour once one does."""
    for wanted in ("meets", "unresolved"):
        for style in preferred:
            if concluded.get(style) == wanted:
                return style
    return preferred[0]


def _score(pull: NumberVector, concluded: Conclusions, raisable: FlagVector) -> NumberVector:
    """That of the forces, or clear if only one of the two simple styles meets; a limit that may be raised makes nothing clear."""
    match concluded["synchronous"], concluded["event_driven"]:
        case "misses", "meets":
            return np.maximum(pull, np.where(raisable, LEAN, CLEAR))
        case "meets", "misses":
            return np.minimum(pull, -CLEAR)
        case _:
            return pull
