"""What every sentence of the advice must get right, whatever the figures: comparisons, and nouns and verbs that go with their numbers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.contract import Recommendation
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.scenario import scenario_from
from advisor.advice.templates import TEMPLATES
from advisor.advice.variations import changed, starting_number
from advisor.advice.words import apart, past, rates
from advisor.reports import wording
from advisor.reports.document.advice import advice_sections
from advisor.reports.document.answers import exact_words, value_words
from advisor.reports.maps.words import axis_value
from advisor.reports.terminal_text import terminal_text
from core.errors import InvalidInput
from core.numbers import count, plural, singular_of
from core.paths import nested
from simulator.inequalities import inequalities_of
from simulator.live.run.window import minutes
from tests.property.test_advice_properties import QUICK, THOROUGH, answers
from tests.rules_alone import advise_by_rules
from tests.unit.reports import results

FIGURE = r"(?<![\w.,])(?<!\d d )(?<!\d h )(?<!\d min )(\d(?:[\d.,]*\d)?(?: (?:%|/s|/h|/d|µs\b|ms\b|s\b|min\b|h\b|d\b))?(?: \d+ (?:s|min|h)\b)*)"
BETWEEN = r"(?:\([^)]*\)|p\d\d|[^.;:\d(])*?"
WORDS = r"\b(?:past|under|over|longer than|shorter than|more than|before the slowest|fewer than) [^\d.;:]*"
ALIKE = re.compile(rf"(?={FIGURE}{BETWEEN}{WORDS}{FIGURE}(?!\d|\.\d))")
"""Two figures, with no other between them but in brackets, and a word that says that they differ."""

WRONG = re.compile(
    r"(?<![\d.,])1 (?:are|were|have|jobs|requests|retries|workers|consumers|calls|services|tokens|seconds|minutes|hours|times|attempts|replications"
    r"|peaks|react|span|fit|bring|other services)\b"
    r"|\b0 (?:job|request|retry|worker|consumer|call|service) |\b(?:[02-9]|\d\d+) (?:job|request|retry|worker|consumer|service|is|was|has)\b"
    r"|\bretrie\b|\bretrys\b|\bnone \w+s an?\b| 1x times|\bmore than 1 are\b"
)


def sentences(answers_: Answers, advice: Recommendation) -> Iterator[str]:
    yield wording.recommendation_sentence(advice)
    yield from advice.delivery.why_not.values()
    yield re.sub(r"\s+", " ", terminal_text(answers_.name, "", advice_sections(advice, answers_)))
    yield from (section.state(answers_) for section in SECTIONS)


def alike(words: str) -> list[str]:
    return [words[match.start() :] for match in ALIKE.finditer(words) if match[1] == match[2]]


def require_figures_that_differ(answers_: Answers) -> None:
    advice = advise_by_rules(answers_, flips=False)
    texts = [
        advice.shortfall,
        advice.retries.why,
        advice.delivery.why,
        *advice.delivery.why_not.values(),
        *(reason.evidence for reason in advice.reasons),
        *(warning.text for warning in advice.warnings),
        *(monitor.text for monitor in advice.monitors),
    ]
    for words in texts:
        assert not alike(words), words


NUMERIC = [path for path, leaf in LEAVES.items() if leaf.numeric and "share_" not in path]
HAIRS = (0.0, 1e-4, 1e-6)
"""By what part of itself an answer lies past where a rule begins."""


def at_the_edge(base: Answers, hair: float) -> Iterator[Answers]:
    for flip in advise_by_rules(base).flips:
        if not LEAVES[flip.field].numeric or LEAVES[flip.field].kind == "integer":
            continue
        for side in (1, -1):
            try:
                yield changed(base, flip.field, flip.to * (1 + side * hair))
            except InvalidInput:
                continue


EDGES: Mapping[str, Mapping[str, Any]] = {
    "long processing begins": {"processing.p95_s": 10.0},
    "long processing begins, by a hair": {"processing.p95_s": 10.0001},
    "fast processing ends, by a hair": {"processing.p50_s": 0.5, "processing.p95_s": 1.99999},
    "as much arrives as is served": {"volume.mean_rate_per_s": 2.0865, "volume.peak_to_mean": 1},
    "a peak as large as the capacity": {"volume.peak_to_mean": 4.17355},
    "the timeout is the slowest": {"synchronous.client_timeout_s": 29.23},
    "pauses as long as the outage": {"resilience.outage_minutes": 0.25001},
    "the deadline is what retries take": {"caller.deadline_s": 34.9999},
    "what arrives in an outage is what may be lost": {
        "resilience.max_lost_jobs": 449,
        "volume.mean_rate_per_s": 0.4994,
    },
    "as many late as may be": {"caller.deadline_s": 29.2, "synchronous.hops": []},
    "recovery takes as long as it may": {"resilience.recover_within_minutes": 4.731},
}


@pytest.mark.parametrize("name", EDGES)
def test_figures_that_differ_are_not_written_alike_at_an_edge(name: str) -> None:
    require_figures_that_differ(answers_from(nested(EDGES[name])))


@pytest.mark.parametrize("hair", HAIRS)
@pytest.mark.parametrize("template", ["document_extraction", "form_classification", "chat_assistant"])
def test_figures_that_differ_are_not_written_alike_around_a_flip(template: str, hair: float) -> None:
    for near in at_the_edge(TEMPLATES[template].answers, hair):
        require_figures_that_differ(near)


@settings(QUICK, max_examples=40)
@given(answers())
def test_figures_that_differ_are_not_written_alike(base: Answers) -> None:
    require_figures_that_differ(base)


@pytest.mark.full
@THOROUGH
@given(answers())
def test_figures_that_differ_are_not_written_alike_in_thousands(base: Answers) -> None:
    require_figures_that_differ(base)


def test_the_pattern_finds_what_it_is_for() -> None:
    assert alike("Processing is long: p95 10 s, past 10 s.")
    assert alike("The answer takes 30 s at p99, past the 30 s total limit of gunicorn.")
    assert alike("The answer takes 30 s at p99 (processing 29.2 s, retries), past the 30 s total limit of it.")
    assert not alike("with p95 1 s that makes 8 h 45 min, past the deadline of 1 s")
    assert alike("the backlog needs 1 h 5 min to go, longer than 1 h 5 min")
    assert not alike("p95 10.4 s, past the 10 s that count")
    assert all(map(WRONG.search, ("1 are allowed", "1 retries", "by 1 retrie or more", "2 worker", "0 job ")))


@given(st.floats(1e-3, 1e7), st.floats(1e-9, 1e-2))
def test_two_figures_are_told_apart_or_called_equal(value: float, part: float) -> None:
    larger = value * (1 + part)
    for one, other in (apart(larger, value), rates(larger, value)):
        assert one != other or part < 1e-8
    assert past(value, value)[1] == "at"
    assert past(larger, value)[1] == ("past" if apart(larger, value)[0] != apart(larger, value)[1] else "at")


FEW: Mapping[str, tuple[int, ...]] = {
    "failures.max_retries": (0, 1, 2),
    "synchronous.client_retries": (0, 1, 2),
    "synchronous.workers": (1, 2),
    "synchronous.backlog": (0, 1, 2),
    "operations.max_workers": (1, 2),
    "provider.max_concurrency": (1, 2),
    "provider.requests_per_minute": (1, 2),
    "subscribers.count": (1, 2, 3),
    "resilience.max_lost_jobs": (0, 1, 2),
    "resilience.outage_minutes": (0, 1, 2),
    "volume.mean_rate_per_s": (1, 2),
    "volume.peaks_per_day": (0, 1, 2),
    "processing.output_tokens": (0, 1, 2),
}


@pytest.mark.parametrize("path", FEW)
@pytest.mark.parametrize("template", ["document_extraction", "form_classification"])
def test_a_noun_and_its_verb_go_with_the_number(template: str, path: str) -> None:
    for number in FEW[path]:
        for more in (
            {},
            {"subscribers.ordering": "global"},
            {"operations.max_workers": 1, "volume.mean_rate_per_s": 0.01},
        ):
            given_answers = answers_from({"template": template, **nested({**more, path: number})})
            for words in sentences(given_answers, advise_by_rules(given_answers)):
                assert not (match := WRONG.search(words)), words[max(0, match.start() - 60) : match.end() + 40]


@pytest.mark.parametrize("number", [0, 1, 2, 1000])
def test_every_unit_of_a_question_goes_with_its_number(number: int) -> None:
    for section in SECTIONS:
        for question in section.questions:
            if question.uncertain:
                assert not WRONG.search(value_words(question.path, number)), question.path
                on_an_axis = axis_value(question.path, number)
                assert not WRONG.search(on_an_axis), on_an_axis
                assert question.unit != "s" or on_an_axis.endswith(" s")


@pytest.mark.parametrize("number", [0, 1, 2, 100])
def test_the_simulations_sentences_go_with_their_numbers(number: int) -> None:
    scenario = scenario_from(
        {
            "arrivals": {"process": "poisson", "rate_per_s": 1},
            "service": {"distribution": "exponential", "mean_s": 1},
            "synchronous": {"workers": max(1, number), "backlog": number, "client_retries": number},
            "event_driven": {"consumers": number + 1, "max_queue": max(1, number)},
        }
    )
    of_design = wording.unstable_sentence(
        "synchronous", results.design_result(**results.unstable() | {"growth_per_min": number})
    )
    for words in (*inequalities_of(scenario), of_design, minutes(number), minutes(60 * number), minutes(3600 * number)):
        assert not WRONG.search(words), words
    assert minutes(1) == "1 second" and minutes(7200) == "2 hours"


def test_one_helper_knows_the_plurals() -> None:
    assert [count(n, "retry") for n in (0, 1, 2)] == ["0 retries", "1 retry", "2 retries"]
    assert [plural(n, "is", "are") for n in (0, 0.5, 1, 1.0001, 2)] == ["are", "are", "is", "is", "are"]
    assert [singular_of(many) for many in ("retries", "workers", "calls", "times")] == [
        "retry",
        "worker",
        "call",
        "time",
    ]
    assert plural(2, "day") == "days"


@given(st.sampled_from(NUMERIC), st.floats(1e-3, 1e3))
def test_a_flips_value_is_written_to_its_last_digit(path: str, value: float) -> None:
    to = float(f"{value:.5g}")
    same, other = exact_words(path, to), exact_words(path, float(f"{value * 1.0002:.5g}"))
    assert same != other or to == float(f"{value * 1.0002:.5g}")


def test_an_empty_p99_flips_upwards_from_where_the_lognormal_has_it() -> None:
    fast = answers_from(nested({"processing.p50_s": 0.6, "processing.p95_s": 1.5}))
    assert starting_number("processing.p99_s", fast) == pytest.approx(2.19, abs=0.01)
    advice = advise_by_rules(fast)
    (flip,) = (flip for flip in advice.flips if flip.field == "processing.p99_s")
    assert 29 < flip.to < 30
    assert "How long does the slowest one in a hundred take?” If 29.5 s or more:" in " ".join(
        terminal_text("", "", advice_sections(advice, fast)).split()
    )


def test_a_shortfall_is_reported_once_and_no_style_is_then_called_clear() -> None:
    heavy = answers_from(nested({"volume.mean_rate_per_s": 5.53}))
    advice = advise_by_rules(heavy)
    page = terminal_text("", wording.recommendation_sentence(advice), advice_sections(advice, heavy))
    text, _, flips = " ".join(page.split()).partition("WHAT WOULD CHANGE IT")
    assert text.startswith(
        "Neither design can keep up: 5.53 /s arrive, 2.09 /s can be served. The nearest single change"
    )
    assert text.count("5.53 /s arrive and at most 2.09 /s can be served") == 1
    assert "clearly" not in text and "If 0.777 /s or less: Event-driven, clearly." in flips
    assert advice.remedy is not None
    mended = advise_by_rules(changed(heavy, advice.remedy.field, advice.remedy.to), flips=False)
    assert mended.feasible and mended.shortfall == ""


def advice_text(**differs: Any) -> tuple[Recommendation, str]:
    base = answers_from(nested({path.replace("__", "."): value for path, value in differs.items()}))
    advice = advise_by_rules(base)
    return advice, re.sub(
        r"\s+", " ", terminal_text("", wording.recommendation_sentence(advice), advice_sections(advice, base))
    )


FAST_FORM = {"template": "form_classification", "failures__dead_letter": True}


def test_dead_letters_that_are_asked_for_are_not_said_to_be_gone_in_line() -> None:
    advice, words = advice_text(**FAST_FORM)
    assert advice.style == "synchronous" and "dead letters kept. Queues have it built in" in words
    assert "goes back to the caller as an error" in words and "is gone" not in words
    assert (
        "There is no dead-letter queue: what has failed for good is gone."
        in advice_text(failures__dead_letter=False)[1]
    )
    assert "goes to a dead-letter queue" in advice_text()[1]


def test_no_answer_fits_into_the_response_if_the_backlog_grows_without_end() -> None:
    advice, words = advice_text(**FAST_FORM, provider__requests_per_minute=40)
    assert not advice.feasible and advice.delivery.method == "inline"
    assert "Once a design is feasible: answer in the response. The answer takes" in words
    assert "at p99, waiting not counted." in words and "fits into the response" not in words


def test_advice_that_is_not_feasible_says_for_when_its_delivery_is() -> None:
    _, words = advice_text(volume__mean_rate_per_s=5.53)
    assert "Once a design is feasible: deliver by polling. The caller is" in words


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"failures__max_retries": 1}, "asks for 1 retry with a pause of up to 1 s, and dead letters kept"),
        ({"failures__backoff_base_s": 0}, "asks for 4 retries without a pause, and dead letters kept"),
        ({"resilience__max_lost_jobs": 3}, "and at most 3 may be lost"),
        (
            {"template": "form_classification", "volume__peak_to_mean": 1},
            "of the capacity (moderate below 70 %), without peaks.",
        ),
        (
            {"provider__max_concurrency": 60, "operations__max_workers": 21},
            "Up to 60 calls at once can be put to use: operations allow no more workers.",
        ),
    ],
)
def test_sentences_that_must_agree_with_the_answers(differs: Mapping[str, Any], words: str) -> None:
    assert words in advice_text(**differs)[1]
