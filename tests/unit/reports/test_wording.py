"""Sentences for enums and verdicts."""

import math

import pytest

from advisor.advice.contract import Doubt, Flip, Recommendation
from advisor.reports import wording
from advisor.reports.document.answers import threshold_words
from simulator.result import Result
from tests.unit.reports import results


def test_a_verdict_is_a_sentence() -> None:
    assert wording.recommendation_sentence(results.recommendation()) == "Event-driven, clearly. Deliver by webhook."


def test_a_close_call_sounds_like_one() -> None:
    sentence = wording.headline("synchronous", "close")
    assert "close call" in sentence and "clearly" not in sentence


def test_a_hybrid_names_its_time_in_line() -> None:
    hybrid = results.recommendation(style="hybrid", strength="lean", inline_wait_s=10.0)
    assert wording.recommendation_sentence(hybrid) == (
        "Hybrid, on balance. Answer in the response within 10 s, later than that deliver by webhook."
    )


SHORT = "Neither design can keep up: 5.53 /s arrive, 2.09 /s can be served."


@pytest.mark.parametrize(
    ("advised", "sentence", "headline"),
    [
        ({"shortfall": SHORT}, SHORT, "Neither design can keep up."),
        (
            {"shortfall": SHORT, "remedy": {"field": "provider.max_concurrency", "to": 54, "text": "54 calls do."}},
            f"{SHORT} 54 calls do.",
            "Neither design can keep up.",
        ),
        (
            {},
            "Not feasible with these answers.",
            "Not feasible with these answers.",
        ),  # advice of before there were words for it
    ],
)
def test_what_is_not_feasible_is_not_called_clear(advised: dict[str, object], sentence: str, headline: str) -> None:
    infeasible = results.recommendation(feasible=False, **advised)
    assert wording.recommendation_sentence(infeasible) == sentence
    assert wording.advice_headline(infeasible) == headline
    assert wording.shown_style(infeasible) == "neither"
    assert wording.shown_style(results.recommendation()) == "event_driven"


@pytest.mark.parametrize("field", ["style", "strength"])
def test_every_style_and_strength_has_words(field: str) -> None:
    for value in Recommendation.model_fields[field].annotation.__args__:  # type: ignore[union-attr]
        assert wording.headline(**{"style": "hybrid", "strength": "lean", field: value}).endswith(".")


def test_every_outcome_sums_to_the_offered_jobs() -> None:
    result = results.result()
    for _, design in wording.designs_of(result):
        assert sum(getattr(design, outcome) for outcome in wording.OUTCOMES) == design.offered


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("event_driven", "Only the event-driven design meets the deadline of 2 min"),
        (["synchronous", "event_driven"], "The synchronous and event-driven designs both meet"),
        ("neither", "Neither design meets"),
        ("unresolved", "cannot tell yet"),
        ("no_deadline", "no deadline"),
    ],
)
def test_every_simulated_verdict_is_a_sentence(verdict: str | list[str], says: str) -> None:
    result = Result.parse(results.result().model_dump(by_alias=True) | {"verdict": verdict})
    sentence = wording.simulated_sentence(result, 120.0, 1.0)
    assert says in sentence and sentence.endswith(".")


@pytest.mark.parametrize(
    "verdict", ["event_driven", ["synchronous", "event_driven"], "neither", "unresolved", "no_deadline"]
)
def test_a_verdict_says_whether_it_was_found_in_simulation_or_live(verdict: str | list[str]) -> None:
    fields = results.result().model_dump(by_alias=True) | {"verdict": verdict}
    simulated, live = (
        wording.simulated_sentence(Result.parse(fields | {"engine": engine}), 120.0, 1.0)
        for engine in ("kernel", "live")
    )
    assert "simulation" in simulated and "live" not in simulated
    assert "live" in live and "simulation" not in live


def concluded(verdict: str, **difference: float) -> tuple[str, ...]:
    fields = results.result().model_dump(by_alias=True)
    fields["synchronous"] |= {"conclusion": "unresolved", "decided": 900, "decided_good": 882, "stable": True}
    fields["synchronous"]["intervals"] = {"good_share": (0.97, 0.99)}
    fields["event_driven"] |= {"conclusion": "meets", "decided": 299, "decided_good": 299, "stable": True}
    fields["event_driven"]["intervals"] = {"good_share": (0.99, 1.0)}
    fields["difference"] = {"good_share": difference} if difference else {}
    return wording.conclusion_sentences(Result.parse(fields | {"verdict": verdict}))


def test_each_design_is_concluded_on_with_its_interval_and_its_jobs() -> None:
    assert concluded("unresolved") == (
        "The synchronous design may or may not meet it: 98.0 ± 1.0 % in time, of 900 jobs.",
        "The event-driven design meets it: 100.0 % (99.0 to 100.0) in time, of 299 jobs.",
    )


def test_a_design_that_is_ahead_is_called_so_and_no_more() -> None:
    *_, ahead = concluded("unresolved", mean=0.02, low=0.01, high=0.03)
    assert ahead == "The event-driven design is ahead by 2.0 ± 1.0 points; that decides nothing about the deadline."
    assert len(concluded("unresolved", mean=0.02, low=-0.01, high=0.05)) == 2


def test_an_unresolved_verdict_names_what_would_resolve_it() -> None:
    fields = results.result().model_dump(by_alias=True) | {"verdict": "unresolved"}
    assert "more replications" in wording.simulated_sentence(Result.parse(fields), 120.0, 1.0)
    assert "longer recording" in wording.simulated_sentence(Result.parse(fields | {"resamples": 4}), 120.0, 1.0)
    fields["synchronous"] |= {"decided": 0}
    assert "longer than the deadline" in wording.simulated_sentence(Result.parse(fields), 120.0, 1.0)


def test_deadlines_a_class_are_all_named() -> None:
    sentence = wording.simulated_sentence(results.result(), {"urgent": 5.0, "batch": 3600.0}, 1.0)
    assert "urgent 5 s, batch 1 h" in sentence


def test_a_backlog_that_grew_as_long_as_it_was_recorded_and_a_run_too_short_are_said() -> None:
    recorded = results.design_result(growth_per_min=1.0, jobs_to_settle=40_000_000)
    growth, short = wording.stability_sentences([("synchronous", recorded)])
    assert "grew until the end of the recording, by 1 job a minute" in growth
    assert short.startswith("This run is too short") and short.endswith("It takes about 40,000,000 jobs.")
    assert wording.stability_sentences([("event_driven", results.design_result())]) == []


def test_an_unstable_design_gets_a_sentence_with_its_growth() -> None:
    growing = results.design_result(**results.unstable())
    assert "grows by 12.5 jobs a minute" in wording.unstable_sentence("event_driven", growing)


def test_a_flip_says_what_becomes_of_the_advice() -> None:
    recommendation = results.recommendation()
    flip: Flip = recommendation.flips[0]
    sentence = wording.flip_sentence(
        flip, recommendation, "“How long does the slowest one in twenty take?”", "If 1.9 s or less"
    )
    assert sentence == (
        "“How long does the slowest one in twenty take?” If 1.9 s or less: Synchronous, on balance. Answer in the response. "
        "(The typical time in proportion.)"
    )


def test_doubts_of_a_kind_are_one_sentence_with_all_its_answers() -> None:
    rate, peak = "volume.mean_rate_per_s", "volume.peak_to_mean"
    near = [Doubt(why="near", field=rate), Doubt(why="near", field=peak)]
    (both, paths), (ranges, none) = wording.doubt_sentences([*near, Doubt(why="range")])
    assert "one of these answers is off by a fifth" in both and paths == [rate, peak]
    assert "a tenth of the ranges" in ranges and not none
    ((one, _),) = wording.doubt_sentences(near[:1])
    assert "this answer is off by a fifth" in one


def test_a_number_stays_with_its_unit() -> None:
    assert (
        wording.unbroken("Within 3 min 20 s, at 1 % or 2 /s.")
        == "Within 3\u00a0min\u00a020\u00a0s, at 1\u00a0% or 2\u00a0/s."
    )
    assert wording.unbroken("20 sheep") == "20 sheep"
    assert wording.unbroken("batch 1 h 5 min, urgent 31 min 55 s.").count(" ") == 3


@pytest.mark.parametrize(
    ("path", "to", "now", "words"),
    [
        ("processing.p95_s", 1.8001, 1.4, "1.81 s"),
        ("processing.p95_s", 29.99997, 40.0, "29.9 s"),
        ("caller.deadline_s", 1220.4, 60.0, "20 min 25 s"),
        ("volume.mean_rate_per_s", 0.199, 0.4, "0.199 /s"),
        ("volume.mean_rate_per_s", 0.1234567, 0.01, "445 /h"),
        ("volume.peak_minutes", 4.68, 120.0, "4 min 40 s"),
        ("processing.input_tokens", 32_696, 60_000, "32,600 tokens"),
        ("provider.input_tokens_per_minute", 361_234.0, math.inf, "361,000 tokens/min"),
        ("subscribers.count", 3, 1, "3 services"),
        ("failures.transient_percent", 99.95, 2.0, "99.95 %"),
        ("volume.peak_to_mean", 1.0, 2.5, "1x"),
    ],
)
def test_a_threshold_has_three_digits_on_the_side_on_which_it_holds(
    path: str, to: float, now: float, words: str
) -> None:
    assert threshold_words(path, to, now) == words
