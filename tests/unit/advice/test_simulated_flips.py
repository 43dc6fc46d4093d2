"""Flips as the evidence shows them: each is put through the advice, and held against brute force."""

import math
from functools import cache

import numpy as np
import pytest

from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.brief_runs import BriefRuns
from advisor.advice.consumer_search import planned_evidence
from advisor.advice.contract import Flip, FlipOutcome, Recommendation
from advisor.advice.decision import decide_vectors
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import alone, conclusions_of, evidence_of, shortened
from advisor.advice.raised_limits import find_raised_limits, is_raisable
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from advisor.advice.templates import TEMPLATES
from advisor.advice.trials import VERIFIED, Trials, outcome_of, simulated_flips
from advisor.advice.variations import changed, moved_along, reach, starting_number
from core.paths import value_at
from simulator.arrivals import PoissonArrivals
from simulator.experiment import share_of_one_run, simulate
from simulator.stability import load_of

SHEETS = {
    "document_extraction": TEMPLATES["document_extraction"].answers,
    "speech_transcription": TEMPLATES["speech_transcription"].answers,
    "agent_loops": TEMPLATES["agent_loops"].answers,
    "a fraud check": answers_from(
        {
            "template": "form_classification",
            "caller": {"deadline_s": 2},
            "volume": {"mean_rate_per_s": 6, "peak_to_mean": 1},
            "synchronous": {"workers": 10},
            "operations": {"max_workers": 10},
        }
    ),
}

STEADY = PoissonArrivals(process="poisson", rate_per_s=18.0)
FULL = {"speech_transcription", "agent_loops"}


def flips_of(answers: Answers) -> tuple[Flip, ...]:
    return flips_of_json(answers.model_dump_json())


@cache
def flips_of_json(answers: str) -> tuple[Flip, ...]:
    """Searched once for all tests of the same answers."""
    evaluation = Evaluation.from_answers(Answers.model_validate_json(answers))
    _, evidence = planned_evidence(evaluation)
    assert evidence is not None
    return simulated_flips(evaluation, evidence)


def outcome(advice: Recommendation) -> FlipOutcome:
    return FlipOutcome(
        style=advice.style, strength=advice.strength, delivery=advice.delivery.method, feasible=advice.feasible
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full if name in FULL else ()) for name in SHEETS]
)
def test_the_nearest_flips_are_what_is_advised_there_and_not_just_before(name: str) -> None:
    answers = SHEETS[name]
    now = outcome(advise(answers, flips=False))
    flips = flips_of(answers)
    assert flips
    for flip in flips[:VERIFIED]:
        there = outcome(advise(changed(answers, flip.field, flip.to), flips=False))
        assert there == flip.becomes or flip.about, flip
        assert flip.becomes != now, flip
        if flip.still is not None and not flip.about:
            assert outcome(advise(changed(answers, flip.field, flip.still), flips=False)) == now, flip
            assert abs(math.log(flip.to / flip.still)) < 0.2 or abs(flip.to - flip.still) <= 2, flip
    trials = trials_of(answers)
    for flip in flips:
        if not flip.about and flip.still is None and LEAVES[flip.field].kind == "number" and flip.from_ and flip.to:
            before = trials.at(flip.field, flip.to * (flip.from_ / flip.to) ** 0.2)
            assert before is None or before.outcome != flip.becomes, flip


@pytest.mark.parametrize("path", ["volume.mean_rate_per_s", "processing.p95_s"])
@pytest.mark.parametrize("name", ["document_extraction", "speech_transcription"])
def test_no_nearer_flip_is_found_by_trying_values_one_by_one(name: str, path: str) -> None:
    answers = SHEETS[name]
    evaluation = Evaluation.from_answers(answers)
    _, evidence = planned_evidence(evaluation)
    assert evidence is not None
    trials = Trials(evaluation, evidence)
    now, flips = starting_number(path, answers), [flip for flip in flips_of(answers) if flip.field == path]
    for up in (True, False):
        nearest = next((flip.to for flip in flips if (flip.to > now) == up), None)
        end = nearest / 1.15 if nearest and up else nearest * 1.15 if nearest else now * (8 if up else 1 / 8)
        for value in np.geomspace(now, end, 12)[1:] if (end > now) == up else ():
            trial = trials.at(path, float(value))
            assert trial is None or trial.outcome == trials.now, (path, value, trial)


def random_sheets(count: int) -> list[Answers]:
    """In the ranges of the templates, with a fixed seed."""
    random, sheets, names = np.random.default_rng(14), [], list(TEMPLATES)
    while len(sheets) < count:
        answers = TEMPLATES[names[len(sheets) % len(names)]].answers
        for path in ("volume.mean_rate_per_s", "processing.p95_s", "provider.max_concurrency"):
            if value_at(answers, path) is not None:
                value = value_at(answers, path) * 4 ** random.uniform(-1, 1)
                answers = changed(answers, path, round(value) if LEAVES[path].kind == "integer" else value)
        sheets.append(answers)
    return sheets


@pytest.mark.full
@pytest.mark.parametrize("place", range(20))
def test_no_nearer_flip_of_the_forces_is_found_by_6000_values_of_each_number(place: int) -> None:
    answers = random_sheets(20)[place]
    evaluation = Evaluation.from_answers(answers)
    _, evidence = planned_evidence(evaluation)
    assert evidence is not None
    trials = Trials(evaluation, evidence)
    flips = simulated_flips(evaluation, evidence)
    for path in (path for path, leaf in LEAVES.items() if leaf.numeric and value_at(answers, path)):
        now = starting_number(path, answers)
        low, high = reach(path, evaluation.vectors)
        for bound in (max(low, now / 32), min(high, now * 32)):
            nearest = next(
                (flip.to for flip in flips if flip.field == path and (flip.to > now) == (bound > now)), bound
            )
            values = np.geomspace(now, nearest, 6000)[1:-60]
            vectors = {name: np.repeat(one, len(values)) for name, one in evaluation.vectors.items()}
            vectors |= moved_along(path, values, evaluation.vectors)
            keys = decide_vectors(vectors, trials.concluded).key
            assert LEAVES[path].kind == "integer" or (keys == keys[0]).all(), (path, nearest)
            for value in np.geomspace(now, nearest, 40)[1:-4] if LEAVES[path].kind != "integer" else ():
                trial = trials.at(path, float(value))
                assert trial is None or trial.outcome == trials.now, (path, value)


def test_the_search_starts_from_the_answer_and_never_from_a_bound() -> None:
    """A deadline of a year is a bound; the flip is at what the evidence shows, and not at a part of the year."""
    flips = {flip.field: flip for flip in flips_of(TEMPLATES["chat_assistant"].answers)}
    assert 20 < flips["caller.deadline_s"].to < 40


@pytest.mark.parametrize("name", ["document_extraction", "image_moderation"])
def test_a_brief_run_has_the_share_in_time_of_the_whole_cycle(name: str) -> None:
    """Up to a point of what two whole cycles show."""
    for rate in (1.0, 2.0):
        base = TEMPLATES[name].answers
        answers = changed(base, "volume.mean_rate_per_s", base.volume.mean_rate_per_s * rate)
        evaluation = Evaluation.from_answers(answers)
        whole = simulate(shortened(scenario_of(evaluation), 1), replications=2, windows=False)
        brief = BriefRuns.plan(evaluation).shares()
        assert brief["synchronous"].in_time == pytest.approx(whole.synchronous.good_share, abs=0.01)
        assert brief["event_driven"].in_time == pytest.approx(whole.event_driven.good_share, abs=0.01)


@pytest.mark.parametrize("subscribers", [1, 3])
@pytest.mark.parametrize("name", ["form_classification", "image_moderation"])
def test_a_design_that_runs_alone_does_what_it_does_with_the_others(name: str, subscribers: int) -> None:
    """The other design has another number of consumers, or of workers, and that changes nothing."""
    answers = changed(TEMPLATES[name].answers, "subscribers.count", subscribers)
    scenario = scenario_of(Evaluation.from_answers(answers)).model_copy(update={"jobs": 2000, "arrivals": STEADY})
    both = simulate(scenario, replications=1, windows=False)
    for design, result in (("synchronous", both.synchronous), ("event_driven", both.event_driven)):
        lone = alone(scenario, design)
        assert lone != scenario
        assert share_of_one_run(lone, design, load_of(scenario, design, None, None)).in_time == pytest.approx(
            result.good_share, abs=1e-9
        )


def test_a_run_ends_once_enough_has_missed_and_not_before() -> None:
    evaluation = Evaluation.from_answers(TEMPLATES["document_extraction"].answers)
    whole = BriefRuns.plan(evaluation).shares()
    missed = 1 - whole["synchronous"].in_time
    assert 0.05 < missed < 0.9
    early = BriefRuns.plan(evaluation).shares(enough_missed=missed / 4)
    assert whole["synchronous"].in_time < early["synchronous"].in_time < 1 - missed / 4
    assert early["event_driven"] == whole["event_driven"]
    assert BriefRuns.plan(evaluation).shares(enough_missed=1.01 * missed) == whole


def test_a_run_that_has_missed_enough_ends_long_before_its_last_job() -> None:
    evaluation = Evaluation.from_answers(TEMPLATES["speech_transcription"].answers)
    whole, early = BriefRuns.plan(evaluation).shares(), BriefRuns.plan(evaluation).shares(enough_missed=0.05)
    assert whole["synchronous"].in_time < 0.4
    assert 0.6 < early["synchronous"].in_time < 0.95


@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_the_conclusion_of_one_style_alone_is_that_of_the_evidence(rate: float) -> None:
    base = TEMPLATES["document_extraction"].answers
    evaluation = Evaluation.from_answers(changed(base, "volume.mean_rate_per_s", rate * base.volume.mean_rate_per_s))
    evidence = evidence_of(evaluation)
    assert evidence is not None
    assert conclusions_of(evaluation, ("synchronous", "event_driven")) == {
        style: outcome.conclusion for style, outcome in evidence.styles.items() if style != "hybrid"
    }


def test_what_is_concluded_of_each_style_decides() -> None:
    evaluation = Evaluation.from_answers(TEMPLATES["document_extraction"].answers)
    only_synchronous = outcome_of(evaluation, {"synchronous": "meets", "event_driven": "misses"})
    assert (only_synchronous.style, only_synchronous.strength) == ("synchronous", "clear")
    neither = outcome_of(evaluation, {"synchronous": "misses", "event_driven": "misses"})
    assert (neither.feasible, neither.strength) == (False, "close")
    unsure = outcome_of(evaluation, {"synchronous": "unresolved", "event_driven": "meets"})
    assert (unsure.style, unsure.strength) == ("event_driven", "lean")


def trials_of(answers: Answers) -> Trials:
    evaluation = Evaluation.from_answers(answers)
    _, evidence = planned_evidence(evaluation)
    assert evidence is not None
    raised = find_raised_limits(evaluation, evidence)
    return Trials(evaluation, evidence, raisable=is_raisable(raised))


@pytest.mark.parametrize("path", ["caller.kind", "caller.streams_response", "subscribers.ordering"])
def test_another_choice_comes_to_what_is_advised_for_the_answers_with_it(path: str) -> None:
    """Whether a limit can be raised so that a synchronous design would do is found out for the answers with the choice."""
    answers = answers_from(
        {
            "template": "chat_assistant",
            "processing": {"p50_s": 9, "p95_s": 18},
            "caller": {"deadline_s": 60},
            "operations": {"max_workers": 60},
            "synchronous": {"workers": 60, "client_timeout_s": 20},
        }
    )
    trials = trials_of(answers)
    for flip in trials.others(path):
        there = outcome(advise(changed(answers, path, flip.to), flips=False))
        checked = trials.checked(flip)
        becomes = None if checked is None else checked.becomes
        assert becomes == (None if there == trials.now else there), flip


def test_advice_that_stays_infeasible_is_no_flip() -> None:
    trials = trials_of(changed(TEMPLATES["form_classification"].answers, "caller.deadline_s", 1.0))
    assert not trials.now.feasible
    assert [trials.tried(flip) for flip in trials.others("caller.bidirectional")] == [None]


def test_requests_that_are_there_at_the_start_count_as_in_the_long_run() -> None:
    """About 250 of 300 find no place: 1.2 % of a short run, and 0.12 % of a long one."""
    evaluation = Evaluation.from_answers(changed(TEMPLATES["form_classification"].answers, "volume.backlog_jobs", 300))
    long = simulate(scenario_of(evaluation), replications=2, windows=False)
    assert long.synchronous.rejected / long.synchronous.offered > 0.0005
    evidence = evidence_of(evaluation)
    assert evidence is not None
    brief = BriefRuns.plan(evaluation).shares()
    for style, result in (("synchronous", long.synchronous), ("event_driven", long.event_driven)):
        assert evidence.styles[style].good_share == pytest.approx(result.good_share, abs=0.0005)
        assert brief[style].in_time == pytest.approx(result.good_share, abs=0.001)
