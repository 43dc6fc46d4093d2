"""Advice with its evidence, which follows the saved answers."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import advise
from advisor.decisions.models import Decision, Revision
from advisor.decisions.services import simulated_advice
from advisor.decisions.services.revisions import freeze_revision, save_answers
from advisor.decisions.services.simulated_advice import AdviceThreads, advise_revision, complete_recommendation
from advisor.teams.models import User
from core.errors import InvalidInput, Problem
from simulator.stopping import require_wanted
from tests.fakes.held_simulations import HeldSimulations

pytestmark = pytest.mark.simulated_advice


@pytest.fixture
def simulations(monkeypatch: pytest.MonkeyPatch) -> HeldSimulations:
    return HeldSimulations(monkeypatch)


def retyped(decision: Decision, user: User, rate_per_s: float) -> Revision:
    given = decision.latest().answers.model_dump()
    given["volume"]["mean_rate_per_s"] = rate_per_s
    return save_answers(decision, given, user, decision.draft_version)


def test_the_forces_alone_are_said_to_be_waiting_until_the_simulation_has_ended(
    decision: Decision, simulations: HeldSimulations
) -> None:
    revision = decision.latest()
    recommendation, awaited = advise_revision(revision)
    assert awaited == "simulating" and recommendation.evidence is None
    simulations.release()
    recommendation, awaited = advise_revision(revision)
    assert not awaited and recommendation.evidence is not None
    assert recommendation.infeasible["synchronous"][0].startswith("90 % of the synchronous requests")
    assert decision.latest().recommendation == recommendation


def test_a_simulation_of_older_answers_is_neither_shown_nor_stored(
    decision: Decision, user: User, simulations: HeldSimulations
) -> None:
    older = decision.latest()
    advise_revision(older)
    simulations.release()
    newer = retyped(decision, user, 3.0)
    assert advise_revision(newer).awaited == "simulating"
    advise_revision(older)
    simulations.release()
    assert advise_revision(older).recommendation.evidence is not None
    assert decision.latest().recommendation.evidence is None


def test_a_simulation_of_answers_that_have_changed_meanwhile_does_not_begin(
    decision: Decision, user: User, simulations: HeldSimulations
) -> None:
    for rate_per_s in (3.0, 4.0, 5.0):
        advise_revision(retyped(decision, user, rate_per_s))
    simulations.release()
    assert simulations.simulated == [5.0]


def test_a_simulation_that_is_under_way_is_given_up_once_its_answers_have_changed(
    decision: Decision, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves its thread to that of the new answers, which would wait for ever otherwise."""
    begun, older = threading.Event(), decision.latest()

    def simulated(evaluation: Evaluation, *_: object, **__: object) -> Recommendation:
        while evaluation.answers == older.answers:
            begun.set()
            require_wanted()
        return older.recommendation

    monkeypatch.setattr(simulated_advice, "recommend_simulated", simulated)
    threads = AdviceThreads(1)
    replaced = threads.ask(older, with_flips=False).future
    assert begun.wait(30)
    assert threads.result(retyped(decision, user, 3.0), 30, with_flips=False) == older.recommendation
    with pytest.raises(CancelledError):
        replaced.result(30)


def test_what_another_request_cannot_do_without_is_simulated_although_the_answers_have_changed(
    decision: Decision, user: User, simulations: HeldSimulations
) -> None:
    """A report of the answers of before, for example: it would have to begin again."""
    older = decision.latest()
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(simulated_advice.THREADS.result, older, None, with_flips=True)
        while not simulations.held:
            pass
        advise_revision(older)
        advise_revision(retyped(decision, user, 3.0))
        simulations.release()
        assert report.result(30).evidence is not None
    assert simulations.simulated == [older.answers.volume.mean_rate_per_s, 3.0]


def test_what_an_earlier_revision_searches_for_is_given_up_unless_a_request_waits_for_it(
    decision: Decision, user: User, simulations: HeldSimulations
) -> None:
    earlier = decision.latest()
    freeze_revision(earlier)
    search = simulated_advice.THREADS.ask(earlier, with_flips=True).future
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(simulated_advice.THREADS.result, earlier, 30.0, with_flips=False)
        while len(simulations.held) < 2:
            pass
        later = retyped(decision, user, 3.0)
        assert later.pk != earlier.pk
        advise_revision(later)
        assert search.cancelled()
        simulations.release()
        assert page.result(30).evidence is not None
    assert simulations.simulated == [earlier.answers.volume.mean_rate_per_s, 3.0]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            InvalidInput([Problem("hybrid.inline_wait_s", "must be at most 30 s")]),
            "Not simulated: hybrid.inline_wait_s must be at most 30 s.",
        ),
        (MemoryError(), "Not simulated: more requests would be in the system at once than a run can hold."),
    ],
)
def test_what_cannot_be_simulated_says_why_and_is_not_tried_again(
    decision: Decision, simulations: HeldSimulations, error: Exception, sentence: str
) -> None:
    simulations.finding = error
    advise_revision(decision.latest())
    simulations.release()
    recommendation, awaited = advise_revision(decision.latest())
    assert not awaited and recommendation.unsimulated == sentence
    assert advise_revision(decision.latest()).recommendation == recommendation and len(simulations.simulated) == 1


def test_without_a_deadline_nothing_is_simulated(decision: Decision, user: User, simulations: HeldSimulations) -> None:
    given = decision.latest().answers.model_dump()
    given["caller"]["deadline_s"] = None
    revision = save_answers(decision, given, user, decision.draft_version)
    advise_revision(revision)
    simulations.release()
    assert advise_revision(revision).recommendation.unsimulated.startswith("Not simulated: without a deadline")
    assert not simulations.simulated


def test_a_defect_of_the_simulator_is_said_but_not_stored(decision: Decision, simulations: HeldSimulations) -> None:
    simulations.finding = RuntimeError("oh")
    advise_revision(decision.latest())
    simulations.release()
    assert advise_revision(decision.latest()).recommendation.unsimulated == simulated_advice.FAILED
    assert not decision.latest().recommendation.unsimulated


def test_a_frozen_revision_gets_its_evidence_but_keeps_the_advice_of_other_rules(
    decision: Decision, simulations: HeldSimulations
) -> None:
    revision = decision.latest()
    freeze_revision(revision)
    assert advise_revision(revision).awaited == "simulating"
    revision.versions = revision.versions | {"rules": "older"}
    assert advise_revision(revision) == (revision.recommendation, "")


def test_nothing_waits_for_a_simulator_that_is_not_loaded(
    decision: Decision, simulations: HeldSimulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(simulated_advice, "is_warm", lambda: False)
    monkeypatch.setattr(simulated_advice.THREADS, "begin_warming", lambda: begun.append("loading"))
    assert advise_revision(decision.latest(), 60.0).awaited == "loading"
    assert begun == ["loading"] and not simulations.held


def test_a_file_has_the_advice_that_the_command_gives(decision: Decision) -> None:
    revision = decision.latest()
    assert complete_recommendation(revision) == advise(revision.answers) == decision.latest().recommendation


def test_advice_at_a_keystroke_waits_for_no_search_for_flips(
    decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many searches are under way: each takes seconds."""
    ended = threading.Event()

    def simulated(_answers: str, _trace: None, with_flips: bool, _unwanted: threading.Event) -> Recommendation:
        assert not with_flips or ended.wait(60)
        return advised

    advised = decision.latest().recommendation
    monkeypatch.setattr(simulated_advice, "_simulated", simulated)
    threads = AdviceThreads(1)
    others = [Revision(decision=decision, number=1, answers_json=decision.latest().answers_json) for _ in range(3)]
    searches = [threads.ask(one, with_flips=True).future for one in others]
    assert threads.ask(decision.latest(), with_flips=False).future.result(30) == advised
    ended.set()
    assert all(search.result(30) == advised for search in searches)
