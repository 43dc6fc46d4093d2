"""Flips found with the kernel: the nearest value of each answer at which the advice changes, and what the evidence says there."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from advisor.advice.answers import CLASSES, LEAVES
from advisor.advice.brief_runs import BriefRuns
from advisor.advice.contract import Evidence, Flip, FlipOutcome, Style
from advisor.advice.decision import Conclusions, decide_concluded, decide_vectors, matters_if_raisable, with_hybrid
from advisor.advice.doubts import SURE_OF_STYLE
from advisor.advice.evaluation import Decisions, Evaluation
from advisor.advice.evidence import conclusions_of, evidence_jobs
from advisor.advice.flips import find_flips, rank
from advisor.advice.raised_limits import lifted_limits, try_raising
from advisor.advice.scenario import scenario_of
from advisor.advice.uncertainty import probabilities
from advisor.advice.variations import changed, reach, starting_number
from core.errors import InvalidInput
from core.paths import value_at
from simulator.conclusions import wanted_share
from simulator.experiment import BriefShare
from simulator.plan import EVENT_DRIVEN, HYBRID
from simulator.result import Conclusion
from simulator.stopping import require_wanted, workers_that

MOVE_ALONG = ("processing.p50_s", "processing.p99_s")
"""p95 takes them along."""
SEARCHED = (
    "volume.mean_rate_per_s",
    "processing.p95_s",
    "caller.deadline_s",
    "operations.max_workers",
    "provider.max_concurrency",
    "provider.requests_per_minute",
    "volume.peak_to_mean",
    "synchronous.workers",
    "volume.clients",
    "volume.backlog_jobs",
    "volume.peak_minutes",
    "synchronous.client_timeout_s",
    "caller.tolerated_miss_percent",
    "failures.poison_percent",
    "failures.transient_percent",
    "failures.max_retries",
    "subscribers.count",
    "provider.share_percent",
    "provider.input_tokens_per_minute",
    "provider.output_tokens_per_minute",
    "provider.requests_per_day",
    "provider.call_timeout_s",
    "processing.high_mean_s",
    "processing.input_tokens",
    "processing.output_tokens",
    "subscribers.handling_p95_s",
    "volume.interarrival_cv",
    "volume.peaks_per_day",
    "volume.think_s",
    "processing.high_in_flight",
    "processing.measured_in_flight",
    "caller.acknowledge_within_s",
    "synchronous.backlog",
    "synchronous.client_retries",
    "subscribers.keys",
    "operations.lease_s",
    "operations.max_deliveries",
    "operations.crashes_per_hour",
    "failures.failure_s",
    "failures.backoff_base_s",
    "failures.backoff_cap_s",
    "operations.min_workers",
    "resilience.result_retention_h",
    *(f"priorities.{name}.{quantile}_s" for name in CLASSES for quantile in ("p50", "p95")),
)
"""Numbers that the simulation depends on, those that change it most first. Flips of the others are those of the forces."""
MOST_JOBS_TO_SEARCH, TRIALS_A_NUMBER = 15_000_000, 6
"""If short runs have many requests, as many of these numbers are searched as that allows."""
EASIER_WITH_MORE = frozenset(
    {
        "caller.deadline_s",
        "caller.tolerated_miss_percent",
        "volume.think_s",
        "provider.requests_per_minute",
        "provider.input_tokens_per_minute",
        "provider.output_tokens_per_minute",
        "provider.requests_per_day",
        "provider.share_percent",
        "synchronous.client_timeout_s",
        "subscribers.keys",
    }
)
EASIER_WITH_MORE_CAPACITY = frozenset({"provider.max_concurrency", "synchronous.workers", "operations.max_workers"})
"""Easier with more unless calls slow each other down, or are refused."""
EASIER_WITH_LESS = frozenset(
    {
        "volume.mean_rate_per_s",
        "volume.peak_to_mean",
        "volume.clients",
        "volume.backlog_jobs",
        "volume.interarrival_cv",
        "processing.p95_s",
        "processing.input_tokens",
        "processing.output_tokens",
        "failures.transient_percent",
        "failures.poison_percent",
        "subscribers.handling_p95_s",
    }
)
SEARCHED_FROM_ZERO = frozenset({"failures.transient_percent", "failures.poison_percent", "failures.max_retries"})
FARTHEST = 32.0
"""A flip farther away than this factor is none."""
LEAST_FAR = math.log(1.5)
"""If the far end cannot be run, the middle is tried, and so on down to this factor."""
FROM_ZERO = 1e-3
"""From zero, the search begins at this part of the bound."""
FINEST = 0.01
"""A threshold is narrowed down to this part of it, and rounded away from the answer."""
ROUGH, ROUGH_FAR = 0.05, 0.1
"""The same part for flips that are not among the nearest, and for those farther away than the factor `FAR`."""
VERIFIED = 5
"""The nearest flips, which are narrowed down and put through the evidence."""
MOST_JOBS_TO_VERIFY, RUNS_TO_VERIFY, RUNS_TO_CHECK = 4_000_000, 6, 3
"""If the evidence at other values has more requests than that, further flips are about what the short runs show, or left out."""
VERIFIED_AT = (1.06, 1.15)
"""Factors by which a threshold is moved away from the answer until the evidence shows what the short runs did."""
CHECKED_AT = (1.03, 1.15)
"""The same for flips that are not among the nearest."""
EXACT_UP_TO = 10
"""Whole numbers up to this are never about."""
STEPPED_BACK = (1.04, 1.08, 1.16, 1.35)
"""Before a threshold by the first factor the evidence has to show the advice of now; if it shows what the flip says, it steps back farther."""
SURE_OF_MISSES, SURE_OF_MEETING = 4.0, 0.25
"""A share of misses this many times the tolerated one or more, or this part of it or less, needs no longer run to conclude."""
LIKELY_MISSES, LIKELY_MEETING = 1.6, 0.6
"""The same for a style that decides neither what is advised nor whether anything meets the deadline."""
FAR, NEAR_STEP = math.log(2.5), math.log(1.5)
"""Flips are near more often than not: a bracket wider than the one factor is cut at the other."""
PAST_CROSSING = 0.4
"""How far beyond the estimated crossing the next trial is, as a part of what is narrow."""
MOST_BREAKS = 3
_THREADS = 2
_FLOOR = 1e-4
"""Shares of missed requests are compared as logarithms from here on."""


@dataclass(frozen=True)
class FlipTrial:
    """What short runs show at one value."""

    missed: dict[Style, float]
    concluded: Conclusions
    find_outcome: Callable[[], FlipOutcome]
    is_sure: frozenset[Style] = frozenset()
    """Styles of which a longer run concludes the same."""
    is_likely: frozenset[Style] = frozenset()
    """Those of which it most likely does."""

    @cached_property
    def outcome(self) -> FlipOutcome:
        """Most trials of a search only tell where conclusions change."""
        return self.find_outcome()


class _Bracket(NamedTuple):
    """Two values of an answer between which something changes, and what is found at both."""

    old: float
    new: float
    at_old: FlipTrial
    at_new: FlipTrial


class _Candidate(NamedTuple):
    flip: Flip
    runs: int | None
    """For how many runs the evidence is asked; None if it is not."""


class Trials:
    """Decisions at other values of one answer, by one short run of each design with the requests of the evidence.

    The event-driven design has all consumers that are allowed: what they miss, every plan misses. The share that the synchronous one misses is
    corrected by what the evidence and the run of now differ by. A style meets if its share does; one that is unresolved now stays so within
    the interval of the evidence.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        evidence: Evidence,
        *,
        raisable: bool | None = None,
    ) -> None:
        self.evaluation, self.answers = evaluation, evaluation.answers
        self.concluded: Conclusions = {style: each.conclusion for style, each in evidence.styles.items()}
        self.raisable = raisable
        self.now = self._outcome(evaluation, self.concluded, raisable)
        brief = BriefRuns.plan(evaluation)
        self.brief_jobs, self._brief = brief.jobs, brief.shares()
        self._shows_raisable = raisable == self._raisable_by_short_run(evaluation, self.concluded)
        self._correction = _correction(evidence.styles["synchronous"].good_share, self._brief["synchronous"])
        self._margins = {
            style: (each.high - each.low) / 2 if each.conclusion == "unresolved" else 0.0
            for style, each in evidence.styles.items()
        }
        self._scenario = scenario_of(evaluation)
        self._plain = self._scenario.provider.slowdown is None and self._scenario.provider.pacing == "paced"

    def at(self, path: str, value: Any) -> FlipTrial | None:
        """None if the answers are not valid there. Raises Stopped once the search is no longer wanted."""
        require_wanted()
        unchanged = self._unchanged(path, value)
        try:
            evaluation = Evaluation.from_answers(changed(self.answers, path, value))
            enough = SURE_OF_MISSES / self._correction * evaluation.point.caller.tolerated
            shares = BriefRuns.plan(evaluation, unchanged).shares(enough_missed=enough)
            shares |= {style: self._brief[style] for style in unchanged}
        except InvalidInput:
            return None
        wanted = 1 - evaluation.answers.caller.tolerated_miss_percent / 100
        missed = self._missed(shares)
        concluded = {
            style: self._conclude(style, missed[style], share.stable, wanted) for style, share in shares.items()
        }
        concluded |= {style: self.concluded[style] for style in unchanged}
        settled = {style: missed[style] for style, share in shares.items() if share.settled}
        sure, likely = (
            unchanged | {style for style, of_style in settled.items() if _is_far(of_style, 1 - wanted, *factors)}
            for factors in ((SURE_OF_MISSES, SURE_OF_MEETING), (LIKELY_MISSES, LIKELY_MEETING))
        )
        return FlipTrial(missed, concluded, partial(self._outcome_of_run, evaluation, concluded), sure, likely)

    def _outcome_of_run(self, evaluation: Evaluation, concluded: Conclusions) -> FlipOutcome:
        raisable = self._raisable_by_short_run(evaluation, concluded) if self._shows_raisable else self.raisable
        return self._outcome(evaluation, concluded, raisable)

    def _outcome(self, evaluation: Evaluation, concluded: Conclusions, raisable: bool | None) -> FlipOutcome:
        """With ranges, as sure as they leave it."""
        outcome, sampled = outcome_of(evaluation, concluded, raisable=raisable), None
        if outcome.strength == "clear" and evaluation.answers.uncertain:
            sampled = probabilities(evaluation)
        is_sure = sampled is None or sampled[0][outcome.style] >= SURE_OF_STYLE
        return outcome if is_sure else outcome.model_copy(update={"strength": "lean"})

    def _raisable_by_short_run(self, evaluation: Evaluation, concluded: Conclusions) -> bool | None:
        """As now, if it makes no difference."""
        if not matters_if_raisable(evaluation.decisions, concluded):
            return self.raisable
        lifted = lifted_limits(evaluation)
        if lifted is None:
            return False
        share = BriefRuns.plan(lifted, (EVENT_DRIVEN, HYBRID)).shares()["synchronous"]
        wanted = 1 - evaluation.answers.caller.tolerated_miss_percent / 100
        return share.stable and share.in_time >= wanted

    def _conclude(self, style: Style, missed: float, stable: bool, wanted: float) -> Conclusion:
        margin = self._margins.get(style, 0.0)
        if not stable or 1 - missed + margin < wanted:
            return "misses"
        return "meets" if 1 - missed - margin >= wanted else "unresolved"

    def flips(self, path: str, of_forces: list[Flip]) -> Iterator[Flip]:
        """The nearest value in each direction at which anything changes, up to a factor of `FARTHEST`; `of_forces` if nothing does before it."""
        now = starting_number(path, self.answers)
        if value_at(self.answers, path) is None or not math.isfinite(now):
            yield from filter(None, [self._from_no_limit(path, flip) for flip in of_forces])
            return
        low, high = reach(path, self.evaluation.vectors)
        for up in (True, False):
            nearest = next((flip for flip in of_forces if (flip.to > now) == up), None)
            bound = high if up else low
            if bound == now:
                continue
            if now == 0 and path not in SEARCHED_FROM_ZERO:
                yield from () if nearest is None else (nearest,)
                continue
            flip = self._first_change(path, now, self._limit(path, now, bound, nearest, up=up), nearest, up=up)
            if flip is not None:
                yield flip

    def _from_no_limit(self, path: str, of_forces: Flip) -> Flip | None:
        """The highest limit at which anything changes, if there is none now: from so far above that of the forces that nothing does."""
        tried, far = self.tried(of_forces), min(reach(path, self.evaluation.vectors)[1], of_forces.to * FARTHEST)
        start = None if tried is None or not math.isinf(starting_number(path, self.answers)) else self.at(path, far)
        if start is None or start.concluded != self.concluded:
            return tried
        return self._first_change(path, far, float(of_forces.to), of_forces, up=False)

    def _limit(self, path: str, now: float, bound: float, nearest: Flip | None, *, up: bool) -> float:
        if nearest is not None:
            return float(nearest.to)
        far = (min(bound, now * FARTHEST) if now > 0 else bound) if up else max(bound, now / FARTHEST)
        if _is_integer(path):
            far = float(min(bound, math.ceil(far)) if up else max(bound, math.floor(far)))
        return far

    def _unchanged(self, path: str, value: Any) -> frozenset[Style]:
        """The styles that still meet, because another value only makes it easier, or still miss, because it makes it harder."""
        capacity = EASIER_WITH_MORE_CAPACITY if self._plain else frozenset()
        more, less = path in EASIER_WITH_MORE | capacity, path in EASIER_WITH_LESS
        if not more and not less:
            return frozenset()
        is_easier = more == (value > starting_number(path, self.answers))
        stays = "meets" if is_easier else "misses"
        return frozenset(style for style, concluded in self.concluded.items() if concluded == stays)

    def _first_change(self, path: str, now: float, limit: float, nearest: Flip | None, *, up: bool) -> Flip | None:
        if limit == now:
            return nearest
        if len(self._unchanged(path, limit)) == len(self.concluded):
            return nearest
        old, known, end = now, self._trial_now(), self.at(path, _as_given(path, limit))
        while end is None and now > 0 and abs(math.log(limit / now)) > LEAST_FAR:
            limit = _between(path, now, limit, 0.5, is_first=False)
            end = self.at(path, _as_given(path, limit))
        for _ in range(MOST_BREAKS):
            if end is None or end.concluded == known.concluded:
                break
            bracket = self._narrowed(path, _Bracket(old, limit, known, end), ROUGH)
            if self._differs(bracket.at_new.outcome):
                return self._flip(path, bracket.new, bracket.at_new.outcome, still=bracket.old)
            if bracket.new == limit:
                break
            old, known = bracket.new, bracket.at_new
        if end is None or not self._differs(end.outcome):
            return None
        if old != now or nearest is None:
            return self._changed_by_forces(path, old, limit, end)
        return nearest.model_copy(update={"becomes": end.outcome})

    def _differs(self, outcome: FlipOutcome | None) -> bool:
        """Whether that is other advice than now; what is not feasible is the same, whatever the forces favour."""
        return outcome is not None and outcome != self.now and (outcome.feasible or self.now.feasible)

    def _changed_by_forces(self, path: str, old: float, new: float, at_new: FlipTrial) -> Flip:
        """Where the advice changes beyond a value at which conclusions have changed, but it has not."""
        while not _is_narrow(path, old, new, ROUGH):
            middle = _between(path, old, new, 0.5, is_first=False)
            if middle in (old, new):
                break
            trial = self.at(path, _as_given(path, middle))
            if trial is None or self._differs(trial.outcome):
                new, at_new = middle, trial or at_new
            else:
                old = middle
        return self._flip(path, new, at_new.outcome, still=old)

    def _missed(self, shares: Mapping[Style, BriefShare]) -> dict[Style, float]:
        missed = {style: 1 - share.in_time for style, share in shares.items()}
        return missed | {"synchronous": missed["synchronous"] * self._correction}

    def _trial_now(self) -> FlipTrial:
        return FlipTrial(self._missed(self._brief), self.concluded, lambda: self.now)

    def _narrowed(self, path: str, bracket: "_Bracket", finest: float) -> "_Bracket":
        """The last value with the conclusions of `old` and the first with others.

        Each trial is beyond the estimated crossing by about half of what is narrow, on the side of the farther end, so that the next one on
        its other side ends the search. If two of them have not halved the bracket, it is halved.
        """
        old, new, at_old, at_new = bracket
        now, target, slow = old, 1 - wanted_share(self._scenario), 0
        if old == 0 and not _is_integer(path):
            old = FROM_ZERO * new
        while not _is_narrow(path, old, new, wanted := max(finest, ROUGH_FAR) if _is_beyond(now, old, FAR) else finest):
            part = 0.5 if slow > 1 else _past_crossing(_crossing(at_old, at_new, target), old, new, wanted)
            middle, width = _between(path, old, new, part, is_first=old == now), abs(new - old)
            if middle in (old, new):
                break
            trial = self.at(path, _as_given(path, middle))
            if trial is None or trial.concluded != at_old.concluded:
                new, at_new = middle, trial or at_new
            else:
                old, at_old = middle, trial
            slow = slow + 1 if abs(new - old) > width / 2 else 0
        return _Bracket(old, new, at_old, at_new)

    def _flip(self, path: str, to: float, becomes: FlipOutcome, still: float | None = None) -> Flip:
        """`about` if it was found by short runs, and not where forces alone decide."""
        from_ = value_at(self.answers, path)
        if still is None or _is_integer(path):
            exact = _as_given(path, to)
            known = None if still is None else _as_given(path, still)
            return Flip(
                field=path,
                from_=from_,
                to=exact,
                becomes=becomes,
                still=known,
                about=still is not None,
            )
        up = to > still
        low, high = LEAVES[path].low or 0.0, LEAVES[path].high or math.inf
        to = min(high, max(low, _to_digits(to, up=up)))
        return Flip(field=path, from_=from_, to=to, becomes=becomes, still=_to_digits(still, up=not up), about=True)

    def tried(self, flip: Flip) -> Flip | None:
        """A flip of the forces, or another choice, with what short runs find there; None if nothing changes."""
        trial = self.at(flip.field, flip.to)
        return (
            flip.model_copy(update={"becomes": trial.outcome})
            if trial is not None and self._differs(trial.outcome)
            else None
        )

    def others(self, path: str) -> list[Flip]:
        """The other choices of an answer, to be tried."""
        given = value_at(self.answers, path)
        return [
            Flip(field=path, from_=given, to=choice, becomes=self.now)
            for choice in LEAVES[path].choices or (False, True)
            if choice != given
        ]

    def affordable(self, flips: list[Flip]) -> dict[int, int]:
        """The places of the flips that the evidence is asked about, and for how many runs: the nearest, then those that are cheap to ask about."""
        jobs: dict[int, int] = {}
        for place, flip in enumerate(flips):
            try:
                jobs[place] = evidence_jobs(Evaluation.from_answers(changed(self.answers, flip.field, flip.to)))
            except InvalidInput:
                continue
        left, runs_at = MOST_JOBS_TO_VERIFY, dict[int, int]()
        for place in sorted(jobs, key=lambda place: (place >= VERIFIED, jobs[place] if place >= VERIFIED else place)):
            for runs in (RUNS_TO_VERIFY, RUNS_TO_CHECK) if place < VERIFIED else (RUNS_TO_CHECK,):
                if runs * jobs[place] <= left:
                    left -= runs * jobs[place]
                    runs_at[place] = runs
                    break
        return runs_at

    def confirmed(self, candidate: "_Candidate") -> Flip | None:
        """By the evidence as far as it may be asked; None if nothing changes there."""
        flip, runs = candidate
        return self.unasked(flip) if runs is None else self.asked(flip, runs)

    def asked(self, flip: Flip, runs: int) -> Flip | None:
        """By the evidence: the nearest flips are narrowed down, and small numbers of things; the others are looked at where they are."""
        is_small = _is_integer(flip.field) and _is_number(flip.to) and flip.to <= EXACT_UP_TO
        return self.verified(flip) if runs == RUNS_TO_VERIFY or is_small else self.checked(flip)

    def unasked(self, flip: Flip) -> Flip | None:
        """If the evidence is not asked: where a longer run most likely concludes the same, away from the answer; None if nowhere near."""
        if not flip.about:
            return flip
        trial = self.at(flip.field, flip.to)
        if trial is not None and trial.is_sure >= trial.concluded.keys():
            return flip
        for factor in CHECKED_AT if _is_number(flip.from_) else ():
            moved = _moved(flip, float(flip.to), factor)
            trial = self.at(flip.field, moved)
            if trial is not None and self._differs(trial.outcome) and trial.is_likely >= trial.concluded.keys():
                return flip.model_copy(update={"to": moved, "becomes": trial.outcome})
        return None

    def verified(self, flip: Flip) -> Flip | None:
        """The flip where the evidence says so: narrowed, moved away from the answer until it does, and `about` if not just before it.

        None if nothing changes there.
        """
        if flip.still is None or not _is_number(flip.still) or not _is_number(flip.from_):
            return self.checked(flip)
        path, whole = flip.field, _is_integer(flip.field)
        ends = [self.at(path, value) for value in (flip.still, flip.to)]
        to = float(flip.to)
        if ends[0] is not None and ends[1] is not None:
            to = self._narrowed(path, _Bracket(float(flip.still), to, ends[0], ends[1]), FINEST).new
        checked = self._moved_on(flip, to, (1.0, *VERIFIED_AT) if whole else VERIFIED_AT)
        if checked is None:
            return self.checked(flip)
        for factor in STEPPED_BACK:
            still = _moved(flip, to, 1 / factor)
            still = flip.from_ if (still - flip.from_) * (flip.to - flip.from_) <= 0 else still
            before = self._by_evidence(path, still, unresolved=True)
            if before != checked.becomes or still == flip.from_:
                break
            checked, to = checked.model_copy(update={"to": still}), float(still)
        is_still = before is not None and not self._differs(before)
        return checked.model_copy(update={"still": still if is_still else None, "about": not is_still})

    def checked(self, flip: Flip) -> Flip | None:
        """The flip with what the evidence says there, moved away from the answer if it is unresolved; None if nothing changes there."""
        if flip.about and _is_number(flip.from_):
            checked = self._moved_on(flip, float(flip.to), CHECKED_AT)
            if checked is not None:
                return checked
        becomes = self._by_evidence(flip.field, flip.to, unresolved=True)
        return flip.model_copy(update={"becomes": becomes}) if self._differs(becomes) else None

    def _moved_on(self, flip: Flip, to: float, factors: tuple[float, ...]) -> Flip | None:
        """Away from the answer by the first of the factors at which the evidence shows a change; None if by none of them."""
        for factor in factors:
            moved = flip.to if to == flip.to and factor == 1 else _moved(flip, to, factor)
            becomes = self._by_evidence(flip.field, moved)
            if self._differs(becomes):
                return flip.model_copy(update={"to": moved, "becomes": becomes})
        return None

    def _by_evidence(self, path: str, value: Any, *, unresolved: bool = False) -> FlipOutcome | None:
        """None if the answers are not valid there, or if a style is unresolved that is not so now, and that counts for nothing."""
        require_wanted()
        try:
            evaluation = Evaluation.from_answers(changed(self.answers, path, value))
            same = scenario_of(evaluation) == self._scenario
            concluded = self.concluded if same else self._concluded(path, value, evaluation)
            if not unresolved and "unresolved" in set(concluded.values()) - set(self.concluded.values()):
                return None
            raisable = self.raisable
            if not same and matters_if_raisable(evaluation.decisions, concluded):
                tried = try_raising(evaluation)
                raisable = tried is not None and tried.to_s is not None
        except InvalidInput:
            return None
        return self._outcome(evaluation, concluded, raisable)

    def _concluded(self, path: str, value: Any, evaluation: Evaluation) -> Conclusions:
        """By the evidence, of the styles of which a short run is not sure."""
        trial = self.at(path, value)
        if trial is None:
            raise InvalidInput([])
        concluded = dict(trial.concluded)
        unsure = [style for style in trial.concluded if style not in trial.is_sure]
        for style in sorted(unsure, key=lambda style: trial.concluded[style] == self.concluded.get(style)):
            if style not in trial.is_likely or _decides(style, evaluation, concluded):
                concluded |= conclusions_of(evaluation, (style,))
        return concluded


def simulated_flips(evaluation: Evaluation, evidence: Evidence, *, raisable: bool | None = None) -> tuple[Flip, ...]:
    """Flips of style and feasibility first, then of delivery, then of strength; the nearest of each first. None if a cycle is too long to try.

    Raises:
        Stopped: once it is no longer wanted (`stops_unless`).
    """
    try:
        trials = Trials(evaluation, evidence, raisable=raisable)
    except InvalidInput:
        return ()
    of_forces = find_flips(
        evaluation, partial(decide_vectors, concluded=with_hybrid(trials.concluded), raisable=raisable)
    )
    affordable = MOST_JOBS_TO_SEARCH // (TRIALS_A_NUMBER * max(1, trials.brief_jobs))
    numbers = SEARCHED[:affordable]
    choices = [path for path, leaf in LEAVES.items() if leaf.kind in ("choice", "flag") and path != "schema"]
    choices = choices if affordable >= len(SEARCHED) // 2 else []
    by_path = {path: [flip for flip in of_forces if flip.field == path] for path in numbers}
    others = [flip for flip in of_forces if flip.field not in (*numbers, *choices, *MOVE_ALONG)]
    others += [flip for path in choices for flip in trials.others(path)]

    def search(item: str | Flip | _Candidate) -> list[Flip]:
        if isinstance(item, str):
            return list(trials.flips(item, by_path[item]))
        flip = trials.tried(item) if isinstance(item, Flip) else trials.confirmed(item)
        return [] if flip is None else [flip]

    with workers_that(search, _THREADS, "flips") as search_all:
        flips = [flip for each in search_all([*numbers, *others]) for flip in each]
        flips.sort(key=lambda flip: rank(flip, trials.now))
        runs = trials.affordable(flips)
        candidates = [_Candidate(flip, runs.get(place)) for place, flip in enumerate(flips)]
        flips = [flip for each in search_all(candidates) for flip in each]
    return tuple(sorted(flips, key=lambda flip: rank(flip, trials.now)))


def outcome_of(evaluation: Evaluation, concluded: Conclusions, *, raisable: bool | None = None) -> FlipOutcome:
    decisions: Decisions = decide_concluded(evaluation.facts, evaluation.decisions, concluded, raisable=raisable)
    style, strength, method = decisions.outcome()
    return FlipOutcome(style=style, strength=strength, delivery=method, feasible=bool(decisions.feasible[0]))


def _correction(in_time: float, brief: BriefShare) -> float:
    missed, of_run = 1 - in_time, 1 - brief.in_time
    return min(2.0, max(0.5, missed / of_run)) if missed > 0 and of_run > 0 else 1.0


def _crossing(at_old: FlipTrial, at_new: FlipTrial, target: float) -> float:
    """Where between two values the missed share of the style whose conclusion changes crosses the tolerated one: the secant of logarithms."""
    changing = [style for style in at_old.concluded if at_new.concluded.get(style) != at_old.concluded[style]]
    parts = []
    for style in changing:
        old, new = (math.log(at.missed.get(style, 1.0) + _FLOOR) for at in (at_old, at_new))
        wanted = math.log(target + _FLOOR)
        if (old - wanted) * (new - wanted) < 0:
            parts.append((wanted - old) / (new - old))
    return min(parts) if parts else 0.5


def _past_crossing(part: float, old: float, new: float, wanted: float) -> float:
    if min(old, new) <= 0:
        return min(0.9, max(0.1, part))
    past = PAST_CROSSING * wanted / abs(math.log(new / old))
    return min(1 - past, max(past, part + past if part < 0.5 else part - past))


def _is_far(missed: float, tolerated: float, misses: float, meeting: float) -> bool:
    return missed > misses * tolerated or missed < meeting * tolerated


def _decides(style: Style, evaluation: Evaluation, concluded: Conclusions) -> bool:
    """Whether what is advised, or whether anything meets the deadline, depends on the conclusion of that style."""
    either: tuple[Conclusion, ...] = ("meets", "misses")
    outcomes = [outcome_of(evaluation, {**concluded, style: each}) for each in either]
    one, other = ((outcome.style, outcome.delivery, outcome.feasible) for outcome in outcomes)
    return one != other


def _between(path: str, old: float, new: float, part: float, *, is_first: bool) -> float:
    if min(old, new) > 0:
        ratio = abs(math.log(new / old))
        value = old * (new / old) ** (NEAR_STEP / ratio if is_first and ratio > FAR else part)
    else:
        value = old + (new - old) * part
    return float(min(max(old, new) - 1, max(min(old, new) + 1, round(value)))) if _is_integer(path) else value


def _is_beyond(now: float, value: float, factor: float) -> bool:
    return min(now, value) > 0 and abs(math.log(value / now)) > factor


def _is_narrow(path: str, old: float, new: float, finest: float) -> bool:
    return abs(new - old) <= max(1.0 if _is_integer(path) else 0.0, finest * max(old, new))


def _moved(flip: Flip, to: float, factor: float) -> Any:
    """A value near a threshold, moved away from the answer by a factor, or towards it by one below 1; integers by one at least."""
    up = flip.to > flip.from_
    value = to * factor if up else to / factor
    if _is_integer(flip.field):
        if factor < 1:
            return min(round(to) - 1, math.floor(value)) if up else max(round(to) + 1, math.ceil(value))
        return (
            round(to)
            if factor == 1
            else max(round(to) + 1, math.floor(value))
            if up
            else min(round(to) - 1, math.ceil(value))
        )
    return _to_digits(value, up=up == (factor >= 1))


def _to_digits(value: float, *, up: bool) -> float:
    """Rounded to three digits, upwards or downwards."""
    if value <= 0:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{(math.ceil if up else math.floor)(value / unit - (1e-9 if up else -1e-9)) * unit:.12g}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_given(path: str, value: float) -> Any:
    return round(value) if _is_integer(path) else value


def _is_integer(path: str) -> bool:
    return LEAVES[path].kind == "integer"
