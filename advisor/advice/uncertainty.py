"""Ranges and "don't know": how probable each style is over a seeded sample, and which answer would settle it."""

from collections.abc import Mapping

import numpy as np

from advisor.advice.answer_vectors import AnswerVectors, NumberVector
from advisor.advice.answers import LEAVES
from advisor.advice.contract import Flip, Strength, Style
from advisor.advice.evaluation import ALL_STYLES, Codes, Evaluation, decide
from advisor.advice.ranges import ORDERED, Range
from advisor.advice.template_merge import SHARE_PATHS
from advisor.advice.variations import ALONE, moved_along

SAMPLES = 1000
SAMPLE_SEED = 20251130
BINS = 4
"""Into how many parts each answer's range is cut to see how much depends on it."""


def sampled(evaluation: Evaluation, samples: int = SAMPLES) -> tuple[AnswerVectors, dict[str, NumberVector]]:
    """Vectors of as many rows as samples, and the quantile of each uncertain answer in each.

    A Latin hypercube: each answer's quantiles are spread evenly and shuffled, with a fixed seed.
    """
    answers, base = evaluation.answers, evaluation.vectors
    random = np.random.default_rng(SAMPLE_SEED)
    vectors = {path: np.repeat(vector, samples) for path, vector in base.items()}
    quantiles: dict[str, NumberVector] = {}
    for path, uncertain in answers.uncertain.items():
        quantiles[path] = (random.permutation(samples) + random.random(samples)) / samples
        values = _drawn(uncertain, quantiles[path])
        if LEAVES[path].kind == "integer":
            values = np.round(values)
        vectors |= moved_along(path, values, base, frozenset(answers.uncertain) | ALONE.get(path, frozenset()))
    return _whole(vectors), quantiles


def probabilities(evaluation: Evaluation) -> tuple[dict[Style, float], str | None] | None:
    if not evaluation.answers.uncertain:
        return None
    vectors, quantiles = sampled(evaluation)
    styles = decide(vectors).style
    shares: dict[Style, float] = {style: float(np.mean(styles == place)) for place, style in enumerate(ALL_STYLES)}
    return shares, matters_most(styles, quantiles)


def settling_flip(strength: Strength, style: Style, flips: tuple[Flip, ...]) -> str | None:
    if strength != "close":
        return None
    return next((flip.field for flip in flips if flip.becomes.style != style and flip.becomes.feasible), None)


def _drawn(uncertain: Range, quantile: NumberVector) -> NumberVector:
    if uncertain.low == uncertain.high:
        return np.full_like(quantile, uncertain.low)
    low, high = np.log(uncertain.low + uncertain.offset), np.log(uncertain.high + uncertain.offset)
    values = np.exp(low + quantile * (high - low)) - uncertain.offset
    return np.asarray(np.clip(values, uncertain.low, uncertain.high), dtype=np.float64)


def _whole(vectors: dict[str, NumberVector]) -> AnswerVectors:
    total = np.sum([vectors[share] for share in SHARE_PATHS], axis=0)
    return (
        vectors
        | {share: 100 * vectors[share] / np.where(total > 0, total, 1.0) for share in SHARE_PATHS}
        | _ordered(vectors)
    )


def _ordered(vectors: dict[str, NumberVector]) -> dict[str, NumberVector]:
    ordered: dict[str, NumberVector] = {}
    for lower, upper in ORDERED:
        ordered[upper] = np.maximum(vectors[upper], ordered.get(lower, vectors[lower]))
    return ordered


def matters_most(styles: Codes, quantiles: Mapping[str, NumberVector]) -> str | None:
    """The answer between the parts of whose range the styles' shares vary most; None where one style wins everywhere."""
    if len(np.unique(styles)) == 1:
        return None

    def varies(quantile: NumberVector) -> float:
        part = np.minimum((quantile * BINS).astype(np.int64), BINS - 1)
        shares = [
            [np.mean(styles[part == place] == style) for style in range(len(ALL_STYLES))] for place in range(BINS)
        ]
        return float(np.var(shares, axis=0).sum())

    return max(quantiles, key=lambda path: varies(quantiles[path]))
