"""Ranges and "don't know" by simulation: a short run of each design for each sample, with the same requests."""

import math
from typing import Any, NamedTuple

import numpy as np

from advisor.advice.answer_vectors import AnswerVectors
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.brief_runs import BriefRuns
from advisor.advice.contract import Style
from advisor.advice.decision import Conclusions
from advisor.advice.evaluation import ALL_STYLES, Codes, Evaluation, decide
from advisor.advice.template_merge import merge_mappings
from advisor.advice.trials import outcome_of
from advisor.advice.uncertainty import matters_most, sampled
from core.errors import InvalidInput
from core.paths import nested, value_at
from simulator.stopping import require_wanted, workers_that

MOST_SAMPLES = 200
LONG_JOBS, MOST_LONG_JOBS = 15_000, 1_500_000
"""Samples whose short runs have more requests than the first are simulated one for several that have about as many, so that their requests
together stay below the second."""
MOST_JOBS_OF_SAMPLES, FEWEST_SAMPLES = 10_000_000, 20
"""If those of the given answers have more than their part of these requests, there are fewer samples, or none."""
_THREADS = 2


class SampledStyles(NamedTuple):
    probability: dict[Style, float]
    settle: str | None
    """The answer that matters most; None if one style is best in every sample."""
    regret: dict[Style, float]
    """Of each style that was simulated in every sample: what it has less in time than the best one of the sample, on average."""


class _Drawn(NamedTuple):
    evaluation: Evaluation
    runs: BriefRuns


class _Sample(NamedTuple):
    style: Style | None
    in_time: dict[Style, float]


def simulate_samples(evaluation: Evaluation) -> SampledStyles | None:
    """None without ranges, or if the runs would take too long.

    Raises:
        Stopped: once they are no longer wanted (`stops_unless`).
    """
    if not evaluation.answers.uncertain:
        return None
    try:
        count = min(MOST_SAMPLES, MOST_JOBS_OF_SAMPLES // max(1, BriefRuns.plan(evaluation).jobs))
    except InvalidInput:
        return None
    if count < FEWEST_SAMPLES:
        return None
    vectors, quantiles = sampled(evaluation, count)
    drawn = _drawn(_sheets(evaluation, vectors))
    simulated = _simulated_for(np.array([each.runs.jobs if each else 0 for each in drawn]))

    def run(row: int) -> _Sample:
        require_wanted()
        return _simulate(drawn[row])

    with workers_that(run, _THREADS, "samples") as run_all:
        by_row = dict(zip(rows := np.unique(simulated).tolist(), run_all(rows), strict=True))
    by_formulas, samples = decide(vectors).style, [by_row[row] for row in simulated.tolist()]
    styles = np.array(
        [
            by_formulas[row] if sample.style is None else ALL_STYLES.index(sample.style)
            for row, sample in enumerate(samples)
        ]
    )
    shares: dict[Style, float] = {style: float(np.mean(styles == place)) for place, style in enumerate(ALL_STYLES)}
    of_simulated = {path: quantile[simulated] for path, quantile in quantiles.items()}
    return SampledStyles(shares, matters_most(styles, of_simulated), _regrets([one for one in samples if one.in_time]))


def _simulated_for(jobs: Codes) -> Codes:
    """For each sample the row of the one that is simulated for it: itself, unless its runs are long."""
    simulated = np.arange(len(jobs))
    long = np.argsort(jobs, kind="stable")[np.count_nonzero(jobs <= LONG_JOBS) :]
    size = max(1, math.ceil(int(jobs[long].sum()) / MOST_LONG_JOBS))
    for start in range(0, len(long), size):
        alike = long[start : start + size]
        simulated[alike] = alike[len(alike) // 2]
    return simulated


def _regrets(samples: list[_Sample]) -> dict[Style, float]:
    everywhere = [style for style in ALL_STYLES if samples and all(style in sample.in_time for sample in samples)]
    return {
        style: float(np.mean([max(one.in_time.values()) - one.in_time[style] for one in samples]))
        for style in everywhere
    }


def _sheets(evaluation: Evaluation, vectors: AnswerVectors) -> list[Answers | None]:
    """Of each sample; None if its answers are not valid together."""
    answers, base = evaluation.answers, evaluation.vectors
    count, given = len(next(iter(vectors.values()))), answers.model_dump()

    def is_varied(path: str) -> bool:
        """What moves along and is not given, such as a p99 of the lognormal, stays so."""
        is_given = value_at(answers, path) is not None
        return path in answers.uncertain or (is_given and bool(np.any(_differs(base[path], vectors[path]))))

    varied = [path for path in LEAVES if path in base and is_varied(path)]

    def sheet(row: int) -> Answers | None:
        values = {
            path: _written(path, float(vectors[path][row]))
            for path in varied
            if path in answers.uncertain or _differs(base[path][0], vectors[path][row])
        }
        try:
            return Answers.parse(merge_mappings(given, nested(values)))
        except InvalidInput:
            return None

    return [sheet(row) for row in range(count)]


def _drawn(sheets: list[Answers | None]) -> list[_Drawn | None]:
    """Of each sample; None if its answers are not valid together, or their runs would take too long."""
    evaluations = iter(Evaluation.of_each([sheet for sheet in sheets if sheet is not None]))
    return [None if sheet is None else _drawn_of(next(evaluations)) for sheet in sheets]


def _drawn_of(evaluation: Evaluation) -> _Drawn | None:
    try:
        return _Drawn(evaluation, BriefRuns.plan(evaluation))
    except InvalidInput:
        return None


def _simulate(drawn: _Drawn | None) -> _Sample:
    if drawn is None:
        return _Sample(None, {})
    evaluation, shares = drawn.evaluation, drawn.runs.shares()
    wanted = 1 - evaluation.answers.caller.tolerated_miss_percent / 100
    concluded: Conclusions = {
        style: "meets" if share.stable and share.in_time >= wanted else "misses" for style, share in shares.items()
    }
    return _Sample(outcome_of(evaluation, concluded).style, {style: share.in_time for style, share in shares.items()})


def _differs(one: Any, other: Any) -> Any:
    return ~((one == other) | (np.isnan(one) & np.isnan(other)))


def _written(path: str, value: float) -> Any:
    return round(value) if LEAVES[path].kind == "integer" else value
