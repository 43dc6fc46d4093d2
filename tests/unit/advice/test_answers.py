"""Answers: what is given is laid over a template; what is wrong is named by its path."""

from typing import Any

import pytest

from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.templates import TEMPLATES
from core.errors import InvalidInput


def faults(given: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        answers_from(given)
    return {problem.path: problem.reason for problem in caught.value.problems}


def test_nothing_given_is_the_default_template() -> None:
    assert answers_from({}) == TEMPLATES["document_extraction"].answers
    assert answers_from({}).processing.p95_s == 20


def test_what_is_given_is_laid_over_deeply_and_lists_replace() -> None:
    answers = answers_from({"caller": {"kind": "partner"}, "synchronous": {"hops": ["alb"]}})
    assert answers.caller.kind == "partner"
    assert answers.caller.deadline_s == 1800
    assert answers.synchronous.hops == ("alb",)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_dump_reads_back_as_the_same_answers(name: str) -> None:
    given = {
        "template": name,
        "processing": {"p95_s": {"low": 12, "high": 60}},
        "volume": {"mean_rate_per_s": {"unknown": True}},
    }
    answers = answers_from(given)
    assert answers_from(answers.model_dump()) == answers
    assert Answers.model_validate_json(answers.model_dump_json()) == answers
    assert answers.model_dump()["processing"]["p95_s"] == {"low": 12, "high": 60}


def test_a_profile_lays_its_limits_under_what_is_given() -> None:
    provider = answers_from({"provider": {"profile": "anthropic_start", "requests_per_minute": 50}}).provider
    assert (provider.requests_per_minute, provider.output_tokens_per_minute) == (50, 400_000)


def test_a_range_is_read_as_its_geometric_mean() -> None:
    answers = answers_from({"processing": {"p95_s": {"low": 10, "high": 40}}})
    assert answers.processing.p95_s == pytest.approx(20)
    assert answers.uncertain["processing.p95_s"].high == 40


def test_an_unknown_number_takes_the_range_of_its_template() -> None:
    answers = answers_from({"processing": {"p95_s": {"unknown": True}}})
    assert (answers.uncertain["processing.p95_s"].low, answers.uncertain["processing.p95_s"].high) == (10, 45)
    assert answers.processing.p95_s == pytest.approx(450**0.5)


def test_any_number_may_be_unknown_in_every_template() -> None:
    for name in TEMPLATES:
        for leaf in LEAVES.values():
            if leaf.numeric and not leaf.path.startswith("priorities"):
                section, field = leaf.path.split(".")
                assert leaf.path in answers_from({"template": name, section: {field: {"unknown": True}}}).uncertain


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"processing": {"p50_s": 9, "p95_s": 4}}, "processing.p95_s"),
        ({"processing": {"p50_s": 1, "p95_s": 4, "p99_s": 3}}, "processing.p99_s"),
        ({"processing": {"p95_s": -1}}, "processing.p95_s"),
        ({"processing": {"p95_s": True}}, "processing.p95_s"),
        ({"processing": {"p95_s": "20"}}, "processing.p95_s"),
        ({"processing": {"p95_s": float("nan")}}, "processing.p95_s"),
        ({"processing": {"p95_s": float("inf")}}, "processing.p95_s"),
        ({"processing": {"p95_s": 2**70}}, "processing.p95_s"),
        ({"processing": {"p95_s": None}}, "processing.p95_s"),
        ({"processing": {"p95_s": {"low": 8, "high": 3}}}, "processing.p95_s"),
        ({"processing": {"p95_s": {"low": 8}}}, "processing.p95_s"),
        ({"processing": {"p95_s": {"low": 1, "high": 1e300}}}, "processing.p95_s"),
        ({"processing": {"p97_s": 3}}, "processing.p97_s"),
        ({"processing": 3}, "processing"),
        ({"caller": {"kind": "robot"}}, "caller.kind"),
        ({"caller": {"kind": False}}, "caller.kind"),
        ({"caller": {"streams_response": "no"}}, "caller.streams_response"),
        ({"synchronous": {"hops": ["nginks"]}}, "synchronous.hops"),
        ({"synchronous": {"workers": 1.5}}, "synchronous.workers"),
        ({"provider": {"profile": "acme"}}, "provider.profile"),
        ({"template": "acme"}, "template"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a‮b"}, "name"),
        ({"name": "   "}, "name"),
        ({"volume": {"peak_to_mean": 30, "peak_minutes": 60, "peaks_per_day": 1}}, "volume.peak_to_mean"),
        ({"operations": {"min_workers": 9, "max_workers": 3}}, "operations.max_workers"),
        ({"failures": {"retry_intervals_s": []}}, "failures.retry_intervals_s"),
        ({"failures": {"retry_intervals_s": [1] * 21}}, "failures.retry_intervals_s"),
        ({"failures": {"retry_intervals_s": [2, -1]}}, "failures.retry_intervals_s.1"),
        ({"operations": {"worker_kind": "celery"}}, "operations.worker_kind"),
        ({"operations": {"dispatch_s": 61}}, "operations.dispatch_s"),
        ({"failures": {"backoff_base_s": 9, "backoff_cap_s": 3}}, "failures.backoff_cap_s"),
        (
            {"priorities": {name: {"share_percent": 50} for name in ("urgent", "standard", "batch")}},
            "priorities",
        ),
        ({"priorities": {"urgent": {"share_percent": 120}}}, "priorities.urgent.share_percent"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(given: dict[str, Any], path: str) -> None:
    assert path in faults(given)


def test_a_template_value_gives_way_to_a_given_one_that_it_would_contradict() -> None:
    assert answers_from({"processing": {"p95_s": 1.5}}).processing.p50_s == pytest.approx(0.6)
    assert answers_from({"processing": {"p50_s": 40}}).processing.p95_s == pytest.approx(100)
    assert answers_from({"volume": {"peak_to_mean": 144}}).volume.peak_minutes == pytest.approx(10)
    assert answers_from({"operations": {"max_workers": 1, "min_workers": 1}}).operations.max_workers == 1
    assert answers_from({"operations": {"min_workers": 30}}).operations.max_workers == 30
    assert answers_from({"synchronous": {"workers": 50}}).operations.max_workers == 50
    assert answers_from({"operations": {"max_workers": 5}}).synchronous.workers == 5
    shares = answers_from({"priorities": {"urgent": {"share_percent": 55}}}).priorities
    assert (shares.standard.share_percent, shares.batch.share_percent) == (pytest.approx(35), pytest.approx(10))


def test_an_unknown_share_leaves_the_rest_to_the_others() -> None:
    answers = answers_from({"priorities": {"urgent": {"share_percent": {"unknown": True}}}})
    assert sum(priority.share_percent for priority in answers.priorities.shares().values()) == pytest.approx(100)
    assert answers_from(answers.model_dump()) == answers


def test_an_unknown_percentile_stays_on_its_side_of_the_others() -> None:
    answers = answers_from({"processing": {"p50_s": 1, "p95_s": 148.413, "p99_s": {"unknown": True}}})
    assert answers.processing.p99_s == pytest.approx(148.413)
    assert answers_from(
        {"operations": {"min_workers": 7, "max_workers": 9000}, "synchronous": {"workers": {"unknown": True}}}
    )
    assert (
        answers_from({"operations": {"min_workers": 500, "max_workers": {"unknown": True}}}).operations.max_workers
        == 500
    )


def test_an_unknown_peak_stays_within_what_the_mean_can_include() -> None:
    answers = answers_from({"volume": {"peak_minutes": {"unknown": True}, "peaks_per_day": 24, "peak_to_mean": 3}})
    assert answers.volume.peak_minutes <= 1440 / (24 * 3) * (1 + 1e-9)
    assert answers_from(answers.model_dump()) == answers


def test_a_hop_of_ones_own_is_given_with_its_limit() -> None:
    hops = answers_from(
        {"synchronous": {"hops": [{"name": "our gateway", "limit_s": 12, "kind": "total"}]}}
    ).synchronous.hops
    assert hops[0].limit_s == 12  # type: ignore[union-attr]
