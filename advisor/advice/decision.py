"""The decision: the forces choose among the styles that the evidence shows to meet the deadline."""

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.advice.contract import Evidence, Strength, Style, StyleEvidence
from advisor.advice.evaluation import ALL_STYLES, CLEAR, LEAN, Evaluation
from advisor.advice.rules.forces import reaches_adjustable
from simulator.result import Conclusion


@dataclass(frozen=True)
class StyleDecision:
    style: Style
    strength: Strength
    score: float
    feasible: bool
    """False if every style misses."""
    missing: frozenset[Style]
    """Styles that miss the deadline, or are ruled out."""


def decide_style(evaluation: Evaluation, evidence: Evidence | None) -> StyleDecision:
    """Without evidence the formulas of the rules rule styles out."""
    if evidence is None:
        return _by_formulas(evaluation)
    concluded = {style: outcome.conclusion for style, outcome in evidence.styles.items()}
    pull, case = float(evaluation.decisions.pull[0]), float(evaluation.decisions.hybrid_case[0])
    style = _chosen(preferences(pull, case), evidence.styles)
    raisable = bool(reaches_adjustable(evaluation.facts)[0]) and evaluation.point.capacity.peak_load < 1
    score = _score(pull, concluded, raisable)
    missing = frozenset(each for each in ALL_STYLES if concluded.get(each, "misses") == "misses")
    feasible = any(conclusion != "misses" for conclusion in concluded.values())
    return StyleDecision(style, _strength(style, score, case, concluded, feasible), score, feasible, missing)


def preferences(pull: float, case: float) -> tuple[Style, ...]:
    """The styles in the order in which the forces favour them; a hybrid only if something speaks for it."""
    simple: tuple[Style, Style] = ("event_driven", "synchronous") if pull > 0 else ("synchronous", "event_driven")
    return ("hybrid", *simple) if case > 0 else simple


def _chosen(preferred: tuple[Style, ...], outcomes: Mapping[Style, StyleEvidence]) -> Style:
    """The first that meets; if none is shown to, the first that may; if all miss, what the forces favour once one does."""
    for wanted in ("meets", "unresolved"):
        for style in preferred:
            if style in outcomes and outcomes[style].conclusion == wanted:
                return style
    return preferred[0]


def _score(pull: float, concluded: Mapping[Style, Conclusion], raisable: bool) -> float:
    """That of the forces, or clear if only one of the two simple styles meets; a limit that may be raised makes nothing clear."""
    match concluded["synchronous"], concluded["event_driven"]:
        case "misses", "meets":
            return max(pull, LEAN if raisable else CLEAR)
        case "meets", "misses":
            return min(pull, -CLEAR)
        case _:
            return pull


def _strength(
    style: Style, score: float, case: float, concluded: Mapping[Style, Conclusion], feasible: bool
) -> Strength:
    """Close while it is open whether the style meets; at most lean while it is open whether another does."""
    certainty = case if style == "hybrid" else score if style == "event_driven" else -score
    if not feasible or concluded[style] == "unresolved" or certainty < LEAN:
        return "close"
    return "clear" if certainty >= CLEAR and "unresolved" not in concluded.values() else "lean"


def _by_formulas(evaluation: Evaluation) -> StyleDecision:
    decisions = evaluation.decisions
    style, strength, _ = decisions.outcome()
    missing = frozenset(each for each, flags in decisions.ruled_out.items() if flags[0])
    return StyleDecision(style, strength, float(decisions.score[0]), bool(decisions.feasible[0]), missing)
