"""Answers tried with the kernel: what is advised at another value, and the nearest value at which that changes."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, cast

from advisor.advice.answers import LEAVES
from advisor.advice.contract import Evidence, Flip, FlipOutcome, Style, StyleEvidence
from advisor.advice.decision import decide_style
from advisor.advice.delivery import chosen_method
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import brief_scenario_json
from advisor.advice.flips import find_flips, rank
from advisor.advice.variations import changed, reach, starting_number
from core.errors import InvalidInput
from core.paths import value_at
from simulator.conclusions import wanted_share
from simulator.scenario import Scenario
from simulator.simulate import shares_of_one_run

SEARCHED = (
    "volume.mean_rate_per_s",
    "volume.peak_to_mean",
    "volume.clients",
    "processing.p95_s",
    "caller.deadline_s",
    "caller.tolerated_miss_percent",
    "synchronous.workers",
    "synchronous.client_timeout_s",
    "operations.max_workers",
    "provider.max_concurrency",
    "provider.requests_per_minute",
    "provider.input_tokens_per_minute",
    "provider.output_tokens_per_minute",
    "provider.requests_per_day",
    "failures.transient_percent",
    "failures.poison_percent",
    "failures.max_retries",
)
"""Numbers that the simulation depends on and that are given: both sides of each are searched."""
MOVE_ALONG = ("processing.p50_s", "processing.p99_s")
"""p95 takes them along."""
MOST_OTHERS = 12
"""Of flips of other answers that the rules find, the nearest are tried."""
_THREADS = 2
FARTHEST = 32.0
"""A flip farther away than this factor is none."""
STEPS = (1.02, 1.1, 1.3, 2.0, 5.0, FARTHEST)
FINEST = 0.01
"""A threshold is narrowed down to this part of it, and rounded away from the answer."""
BRIEF_JOBS = 10_000
"""Jobs of a trial, rounded up to whole cycles of the peaks."""


IsWanted = Callable[[], bool]


MOST_JOBS_OF_A_TRIAL = 1_000_000


class SearchStopped(Exception):
    pass


class Trials:
    """Decisions at other values of one answer. A trial is one short run with the requests of the evidence; a style meets if its share does."""

    def __init__(self, evaluation: Evaluation, is_wanted: IsWanted = lambda: True) -> None:
        self.answers, self.vectors, self.is_wanted = evaluation.answers, evaluation.vectors, is_wanted
        self.now = _outcome(evaluation, _trial(evaluation))

    def at(self, path: str, value: Any) -> FlipOutcome | None:
        """None if the answers are not valid there. Raises SearchStopped once the search is no longer wanted."""
        if not self.is_wanted():
            raise SearchStopped
        try:
            evaluation = Evaluation.from_answers(changed(self.answers, path, value))
            return _outcome(evaluation, _trial(evaluation))
        except InvalidInput:
            return None

    def differs(self, path: str, value: Any) -> bool:
        outcome = self.at(path, value)
        return outcome is not None and outcome != self.now

    def flips(self, path: str) -> Iterator[Flip]:
        """The nearest value in each direction at which anything changes, up to a factor of `FARTHEST`."""
        now = starting_number(path, self.answers)
        if value_at(self.answers, path) is None or not math.isfinite(now) or now <= 0:
            return
        low, high = reach(path, self.vectors)
        for values in (self._tried(path, now, high), self._tried(path, now, low)):
            if values and self.differs(path, values[-1]):
                first = next(place for place, value in enumerate(values) if self.differs(path, value))
                yield self._flip(path, self._narrowed(path, values[first - 1] if first else now, values[first]))

    def _tried(self, path: str, now: float, bound: float) -> list[float]:
        """Values from the nearest on; none is a bound, unless that is within reach."""
        up = bound > now
        values = [min(bound, now * step) if up else max(bound, now / step) for step in STEPS]
        if _is_integer(path):
            values = [float(math.ceil(value) if up else math.floor(value)) for value in values]
        kept = [value for value in values if value != now and min(now, bound) <= value <= max(now, bound)]
        return list(dict.fromkeys(kept))

    def _narrowed(self, path: str, old: float, new: float) -> float:
        while not self._is_narrow(path, old, new):
            middle = math.sqrt(old * new) if min(old, new) > 0 else (old + new) / 2
            if _is_integer(path):
                middle = float(round(middle))
                if middle in (old, new):
                    break
            old, new = (old, middle) if self.differs(path, middle) else (middle, new)
        return new if _is_integer(path) else self._rounded(path, old, new)

    @staticmethod
    def _is_narrow(path: str, old: float, new: float) -> bool:
        return abs(new - old) <= 1 if _is_integer(path) else abs(new - old) <= FINEST * max(old, new)

    def _rounded(self, path: str, old: float, new: float) -> float:
        away = math.ceil if new > old else math.floor
        for digits in (2, 3):
            unit = 10.0 ** (math.floor(math.log10(new)) + 1 - digits) if new > 0 else 1.0
            value = float(f"{away(new / unit) * unit:.12g}")
            if abs(value / new - 1) <= 2 * FINEST and self.differs(path, value):
                return value
        return new

    def _flip(self, path: str, to: float) -> Flip:
        value = round(to) if _is_integer(path) else to
        becomes = self.at(path, value) or self.now
        return Flip(field=path, from_=value_at(self.answers, path), to=value, becomes=becomes)

    def verified(self, flip: Flip) -> Flip | None:
        """A flip of the rules with what the trial finds there; None if nothing changes."""
        becomes = self.at(flip.field, flip.to)
        return None if becomes in (None, self.now) else flip.model_copy(update={"becomes": becomes})


def simulated_flips(evaluation: Evaluation, is_wanted: IsWanted = lambda: True) -> tuple[Flip, ...]:
    """Flips of style and feasibility first, then of delivery, then of strength; the nearest of each first.

    Raises:
        SearchStopped: once `is_wanted` says no; it is asked before each trial.
    """
    trials = Trials(evaluation, is_wanted)
    others = [flip for flip in find_flips(evaluation) if flip.field not in (*SEARCHED, *MOVE_ALONG)][:MOST_OTHERS]
    with ThreadPoolExecutor(_THREADS) as pool:
        searched = pool.map(lambda path: list(trials.flips(path)), SEARCHED)
        verified = pool.map(trials.verified, others)
        flips = [flip for by_path in searched for flip in by_path] + [flip for flip in verified if flip is not None]
    return tuple(sorted(flips, key=lambda flip: rank(flip, trials.now)))


def _is_integer(path: str) -> bool:
    return LEAVES[path].kind == "integer"


def _trial(evaluation: Evaluation) -> Evidence:
    return _run(brief_scenario_json(evaluation, BRIEF_JOBS, MOST_JOBS_OF_A_TRIAL))


@lru_cache(maxsize=4096)
def _run(scenario_json: str) -> Evidence:
    """The conclusions are those of the shares themselves: near the threshold a trial is no proof, only the nearest guess."""
    scenario = Scenario.model_validate_json(scenario_json)
    wanted = wanted_share(scenario)
    styles: dict[Style, StyleEvidence] = {
        cast(Style, design): StyleEvidence(
            conclusion="meets" if stable and share >= wanted else "misses",
            good_share=share,
            low=share,
            high=share,
            stable=stable,
        )
        for design, (share, stable) in shares_of_one_run(scenario).items()
    }
    return Evidence(jobs=BRIEF_JOBS, replications=1, deadline_s=0.0, wanted_share=wanted, styles=styles)


def _outcome(evaluation: Evaluation, evidence: Evidence) -> FlipOutcome:
    decision = decide_style(evaluation, evidence)
    return FlipOutcome(
        style=decision.style,
        strength=decision.strength,
        delivery=chosen_method(evaluation.facts, decision.style),
        feasible=decision.feasible,
    )
