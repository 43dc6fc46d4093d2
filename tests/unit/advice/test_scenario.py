"""From Answers to a Scenario: nothing is lost, nothing is invented, and both designs get the same."""

from typing import Any

import pytest

from advisor.advice import library
from advisor.advice.answers import Answers, answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_from, scenario_of
from advisor.advice.templates import TEMPLATES
from core.errors import InvalidInput
from core.paths import value_at
from simulator.arrivals import BurstArrivals, TraceArrivals
from simulator.experiment import simulate
from simulator.scenario import Scenario, Slowdown
from simulator.services import LognormalService
from tests.rules_alone import advise_by_rules


def scenario(given: dict[str, Any]) -> Scenario:
    answers = answers_from(given)
    return scenario_of(Evaluation.from_answers(answers))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_becomes_a_scenario_that_reads_back(name: str) -> None:
    made = scenario({"template": name})
    assert scenario_from(made.model_dump(by_alias=True, mode="json")) == made


@pytest.mark.parametrize("name", TEMPLATES)
def test_without_a_plan_there_are_as_many_consumers_as_are_allowed_and_both_designs_have_the_same_retries(
    name: str,
) -> None:
    made = scenario({"template": name})
    assert made.event_driven.consumers == answers_from({"template": name}).operations.max_workers
    assert made.synchronous.inline_retries is None


def test_peaks_become_bursts_of_which_the_mean_includes_all() -> None:
    arrivals = scenario({}).arrivals
    assert isinstance(arrivals, BurstArrivals)
    assert (arrivals.rate_per_s, arrivals.peak_to_mean, arrivals.peak_s, arrivals.every_s) == (0.5, 8, 900, 86_400)


@pytest.mark.parametrize(
    ("volume", "process"),
    [
        ({"peak_to_mean": 1}, "poisson"),
        ({"peaks_per_day": 0}, "poisson"),
        ({"peak_to_mean": 1, "interarrival_cv": 0}, "regular"),
        ({"peak_to_mean": 1, "interarrival_cv": 3}, "gamma"),
    ],
)
def test_a_load_without_peaks_is_a_stationary_process(volume: dict[str, Any], process: str) -> None:
    made = scenario({"volume": volume})
    assert made.arrivals.process == process
    assert made.warmup_jobs > 0


def test_a_trace_is_replayed_once_from_its_id_or_on_the_command_line_from_its_path() -> None:
    uploaded = scenario({"volume": {"trace": "7f1f3d5e-3c52-4b5e-9f0e-0a1b2c3d4e5f"}})
    assert isinstance(uploaded.arrivals, TraceArrivals)
    assert uploaded.arrivals.trace == "7f1f3d5e-3c52-4b5e-9f0e-0a1b2c3d4e5f"
    assert (uploaded.jobs, uploaded.warmup_jobs) == (None, 0)
    local = scenario({"volume": {"trace": "arrivals.csv"}})
    assert isinstance(local.arrivals, TraceArrivals)
    assert local.arrivals.path == "arrivals.csv"


def test_what_a_full_backlog_does_is_simulated_and_watched() -> None:
    """Answers of before there was a choice were refused."""
    answers = answers_from({"synchronous": {"overflow": "drop"}})
    assert scenario({"synchronous": {"overflow": "drop"}}).synchronous.overflow == "drop"
    assert scenario({}).synchronous.overflow == "refuse"
    before = answers.model_dump(mode="json", by_alias=True)
    del before["synchronous"]["overflow"]
    assert Answers.parse(before).synchronous.overflow == "refuse"

    def watched(**synchronous: Any) -> list[str]:
        given = {"template": "form_classification", "synchronous": synchronous}
        return [monitor.metric for monitor in advise_by_rules(answers_from(given), flips=False).monitors]

    assert "dropped connections (ListenOverflows) and client timeouts" in watched(overflow="drop")
    assert "refused requests (503) and client timeouts" in watched(overflow="refuse")
    assert "refused requests (503) and client timeouts" in watched(overflow="drop", backlog=None)


@pytest.mark.parametrize("name", ["accept_s", "dispatch_s", "retry_tick_s"])
def test_costs_are_those_of_the_kind_of_worker_unless_they_are_given(name: str) -> None:
    """Answers from before there was a choice have none."""
    for kind, known in library.worker_kinds().items():
        design = scenario({"operations": {"worker_kind": kind}}).event_driven
        assert getattr(design, name) == getattr(known, name)
        design = scenario({"operations": {"worker_kind": kind, name: 0.25}}).event_driven
        assert getattr(design, name) == 0.25
    before = answers_from({}).model_dump(mode="json", by_alias=True)
    for field in ("worker_kind", name):
        del before["operations"][field]
    old = Answers.parse(before)
    assert getattr(scenario_of(Evaluation.from_answers(old)).event_driven, name) == 0


def test_a_list_of_pauses_is_simulated_as_it_is() -> None:
    assert scenario({"failures": {"retry_intervals_s": [2, 5, 10]}}).retries.intervals_s == (2, 5, 10)
    assert scenario({}).retries.intervals_s is None
    before = answers_from({}).model_dump(mode="json", by_alias=True)
    del before["failures"]["retry_intervals_s"]
    assert Answers.parse(before).failures.retry_intervals_s is None


def test_quotas_are_our_share_of_them() -> None:
    provider = scenario({"provider": {"requests_per_minute": 600, "share_percent": 25}}).provider
    assert provider.requests_per_minute == 150
    assert provider.max_concurrency == 20


def test_hops_bring_their_limits_and_without_a_waiting_caller_there_is_none() -> None:
    limits = [(hop.name, hop.limit_s, hop.kind) for hop in scenario({}).synchronous.hops]
    assert limits == [("nginx", 60, "idle"), ("gunicorn", 30, "total")]
    nobody = scenario({"caller": {"kind": "nobody"}})
    assert nobody.synchronous.hops == ()
    assert nobody.synchronous.client_timeout_s is None
    assert nobody.event_driven.delivery.method == "none"


def test_a_streamed_response_meets_the_streaming_limit_of_a_hop() -> None:
    hops = {"hops": ["api-gateway"]}
    plain = scenario({"synchronous": hops}).synchronous.hops[0].limit_s
    streamed = scenario({"synchronous": hops, "caller": {"streams_response": True}}).synchronous.hops[0].limit_s
    assert (plain, streamed) == (29, 900)


@pytest.mark.parametrize(
    ("first_token_s", "way", "cut"),
    [
        (1, {"client_timeout_s": 20, "hops": []}, False),
        (21, {"client_timeout_s": 20, "hops": []}, True),
        (110, {"client_timeout_s": None, "hops": [{"name": "proxy", "limit_s": 100, "kind": "idle"}]}, True),
        (90, {"client_timeout_s": None, "hops": [{"name": "proxy", "limit_s": 100, "kind": "idle"}]}, False),
        (1, {"client_timeout_s": None, "hops": [{"name": "proxy", "limit_s": 100, "kind": "total"}]}, True),
        (None, {"client_timeout_s": 20, "hops": [{"name": "proxy", "limit_s": 100, "kind": "idle"}]}, False),
    ],
)
def test_the_advice_and_the_simulation_agree_on_whether_a_stream_is_cut(
    first_token_s: float | None, way: dict[str, Any], cut: bool
) -> None:
    """An answer of two minutes, and a limit on the way."""
    answers = answers_from(
        {
            "template": "chat_assistant",
            "caller": {"deadline_s": 300, "streams_response": True, "first_token_s": first_token_s},
            "volume": {"mean_rate_per_s": 0.1, "peak_to_mean": 1, "peaks_per_day": 0},
            "processing": {"p50_s": 130, "p95_s": 131},
            "failures": {"transient_percent": 0, "poison_percent": 0},
            "synchronous": {"client_retries": 0, "workers": 60, **way},
            "operations": {"max_workers": 60},
        }
    )
    recommendation = advise_by_rules(answers, flips=False)
    made = scenario_of(Evaluation.from_answers(answers))
    result = simulate(made.model_copy(update={"jobs": 500, "warmup_jobs": 0}), replications=1).synchronous
    limits = {"inline_limit", "first_token_limit", "adjustable_limit"}
    assert any(reason.rule in limits for reason in recommendation.reasons) is cut
    assert result.timed_out == (500 if cut else 0)


def test_a_class_whose_slowest_response_would_be_past_every_bound_has_the_longest_that_there_is() -> None:
    answers = answers_from(
        {"processing": {"p50_s": 0.05, "p95_s": 20, "p99_s": 30}, "priorities": {"standard": {"p50_s": 2_500_000}}}
    )
    service = scenario_of(Evaluation.from_answers(answers)).service_by_queue["standard"]
    assert isinstance(service, LognormalService)
    assert (service.p95_s, service.p99_s) == (1e9, 1e9)


def test_classes_become_queues_most_urgent_first() -> None:
    assert list(scenario({}).event_driven.queues) == ["urgent", "standard", "batch"]
    assert list(scenario({"template": "batch_enrichment"}).event_driven.queues) == ["batch"]


def test_synchronous_advice_still_gives_the_other_design_the_delivery_it_would_have() -> None:
    assert scenario({"template": "form_classification"}).event_driven.delivery.method == "sse"


def test_a_recommended_hybrid_is_simulated_too() -> None:
    made = scenario({"template": "image_moderation", "caller": {"needs_immediate_response": True}})
    assert made.hybrid is not None
    assert made.hybrid.inline_wait_s == 10
    assert scenario({}).hybrid is None


def test_a_hand_written_scenario_names_its_hops() -> None:
    given = {
        "arrivals": {"process": "poisson", "rate_per_s": 1},
        "service": {"distribution": "exponential", "mean_s": 20},
        "synchronous": {"hops": ["nginx", {"name": "own", "limit_s": 5, "kind": "total"}]},
    }
    assert [hop.limit_s for hop in scenario_from(given).synchronous.hops] == [60, 5]
    given["synchronous"] = {"hops": ["nginks"]}
    with pytest.raises(InvalidInput) as caught:
        scenario_from(given)
    assert caught.value.problems[0].path == "synchronous.hops.0"


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({"volume": {"backlog_jobs": 500}}, "backlog_jobs", 500),
        ({"volume": {"clients": 40, "think_s": 30}}, "arrivals.clients", 40),
        ({"volume": {"clients": 40, "think_s": 30}}, "arrivals.think_s", 30),
        (
            {"processing": {"high_mean_s": 40, "high_in_flight": 32, "measured_in_flight": 2}},
            "provider.slowdown",
            Slowdown(measured_in_flight=2, high_in_flight=32, high_mean_s=40),
        ),
        ({"processing": {"high_mean_s": 2}}, "provider.slowdown", None),
        ({"provider": {"call_timeout_s": 60}}, "provider.call_timeout_s", 60),
        ({"provider": {"pacing": "none", "retry_after": "ignored"}}, "provider.pacing", "none"),
        ({"provider": {"pacing": "none", "retry_after": "ignored"}}, "provider.retry_after", "ignored"),
        ({"failures": {"failure_s": 5}}, "failures.failure_s", 5),
        ({"operations": {"lease_s": 300}}, "event_driven.lease_s", 300),
        ({"operations": {"lease_s": 300, "lease_ends": "stops"}}, "event_driven.lease_ends", "stops"),
        ({"operations": {"max_deliveries": 3}}, "event_driven.max_deliveries", 3),
        ({"operations": {"crashes_per_hour": 0.5}}, "event_driven.crashes_per_hour", 0.5),
        ({"operations": {"crashes_per_hour": 0.5, "acknowledges": "early"}}, "event_driven.acknowledges", "early"),
        (
            {"operations": {"crashes_per_hour": 0.5, "acknowledges": "early", "lease_s": 300}},
            "event_driven.lease_s",
            None,
        ),
        ({"operations": {"acknowledges": "early", "lease_s": 300}}, "event_driven.acknowledges", "late"),
        ({"subscribers": {"ordering": "global"}}, "event_driven.ordering", "one_at_a_time"),
        ({"subscribers": {"ordering": "per_key", "keys": 40}}, "event_driven.keys", 40),
        ({"subscribers": {"ordering": "per_key"}}, "event_driven.ordering", "none"),
        ({"provider": {"requests_per_day": 5000, "share_percent": 40}}, "provider.requests_per_day", 2000),
        (
            {"processing": {"p50_s": 10, "p95_s": 30}, "priorities": {"batch": {"p50_s": 60}}},
            "service_by_queue",
            {"batch": LognormalService(distribution="lognormal", p50_s=60, p95_s=180)},
        ),
    ],
)
def test_what_is_asked_of_load_and_model_is_simulated(given: dict[str, Any], path: str, expected: Any) -> None:
    assert value_at(scenario(given), path) == expected


def test_a_backlog_at_the_start_counts_from_the_first_request() -> None:
    """A warm-up would leave the backlog out first."""
    steady = {"volume": {"peak_to_mean": 1}}
    assert scenario(steady).warmup_jobs > 0
    assert scenario({"volume": {"peak_to_mean": 1, "backlog_jobs": 500}}).warmup_jobs == 0


def test_a_recording_replaces_a_number_of_clients_too() -> None:
    given = {"volume": {"clients": 40, "trace": "march.csv"}}
    assert scenario(given).arrivals.process == "trace"
    assert advise_by_rules(answers_from(given), flips=False) == advise_by_rules(
        answers_from({"volume": {"trace": "march.csv"}}), flips=False
    )
