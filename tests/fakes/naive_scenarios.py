"""Small random scenarios that turn every knob of the kernel, for hypothesis.

Times are round numbers, so that much happens at the very instant of something else: work ends as patience does, an autoscaler looks as a job arrives.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.arrivals import TraceArrivals
from simulator.live.run.support import find_unsupported
from simulator.scenario import Scenario
from simulator.services import EmpiricalService
from simulator.trace_columns import Floats
from simulator.traces import Trace
from tests.fakes.naive_draws import Draws

CONTINUOUS = {"exponential", "lognormal", "gamma"}
rates = st.sampled_from([0.3, 1.0, 2.5])
times = st.sampled_from([0.2, 0.5, 1.0, 3.0])


ROWS = 45
INSTANTS = np.cumsum(np.tile([0.0, 0.0, 0.4173, 3.0119, 0.1371, 0.7193, 1.0457, 0.0, 0.2239], ROWS // 9))
TRACES = {
    "instants": Trace(INSTANTS),
    "tokens": Trace(
        INSTANTS, np.tile([100.0, 900.0, 2500.0], ROWS // 3), np.tile([20.0, 400.0, 0.0, 90.0, 1500.0], ROWS // 5)
    ),
    "durations": Trace(INSTANTS, service_s=np.tile([0.5137, 2.0391, 0.1123], ROWS // 3)),
}
DURATIONS_S = 0.2 + 4 * (np.arange(1, 41) * 0.6180339887 % 1) ** 3
"""Many, and not round: of few durations two consumers often get the same ones in another order, and end together but for rounding."""


def trace_of(scenario: Scenario) -> Trace | None:
    return TRACES[scenario.arrivals.trace or ""] if isinstance(scenario.arrivals, TraceArrivals) else None


def durations_of(scenario: Scenario) -> Floats | None:
    service = scenario.service
    return DURATIONS_S if isinstance(service, EmpiricalService) and service.path is not None else None


def mean_of_service(scenario: Scenario) -> float:
    return Draws(scenario, 0, trace_of(scenario), durations_of(scenario)).mean_service()


def maybe(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | value


arrivals = st.one_of(
    st.fixed_dictionaries({"process": st.sampled_from(["regular", "poisson"]), "rate_per_s": rates}),
    st.fixed_dictionaries({"process": st.just("gamma"), "rate_per_s": rates, "cv": st.sampled_from([0.4, 1.0, 2.5])}),
    st.fixed_dictionaries(
        {
            "process": st.just("bursts"),
            "rate_per_s": rates,
            "peak_to_mean": st.sampled_from([1.0, 3.0, 5.0]),
            "peak_s": st.just(4.0),
            "every_s": st.just(20.0),
            "cv": st.sampled_from([1.0, 1.0, 3.0, 0.4]),
        }
    ),
    st.fixed_dictionaries(
        {"process": st.just("trace"), "trace": st.sampled_from(list(TRACES)), "speed": st.sampled_from([0.5, 1.0, 3.0])}
    ),
    st.fixed_dictionaries(
        {"process": st.just("daily"), "rate_per_s": st.just(0.0003), "peak_to_mean": st.sampled_from([1.0, 1.6, 2.0])}
    ),
)
closed = st.fixed_dictionaries(
    {
        "process": st.just("closed"),
        "clients": st.sampled_from([1, 3, 8]),
        "think_s": st.sampled_from([0.2913, 1.0, 4.0]),
        "think": st.sampled_from(["exponential", "deterministic"]),
    }
)
backlogs = st.fixed_dictionaries({"process": st.just("backlog"), "jobs": st.sampled_from([1, 12, 40])})
services = st.one_of(
    st.fixed_dictionaries({"distribution": st.sampled_from(["deterministic", "exponential"]), "mean_s": times}),
    st.fixed_dictionaries(
        {
            "distribution": st.just("lognormal"),
            "p50_s": times,
            "p95_s": st.just(4.0),
            "p99_s": maybe(st.sampled_from([4.3, 19.0])),
        }
    ),
    st.fixed_dictionaries({"distribution": st.just("gamma"), "mean_s": times, "cv": st.sampled_from([0.5, 1.5])}),
    st.fixed_dictionaries({"distribution": st.just("empirical"), "path": maybe(st.just("durations.csv"))}),
    st.fixed_dictionaries({"distribution": st.just("tokens"), "base_s": times, "per_output_token_s": st.just(0.001)}),
)
deliveries = st.one_of(
    st.fixed_dictionaries(
        {
            "method": st.just("polling"),
            "interval_s": st.sampled_from([0.0, 0.7]),
            "retention_s": maybe(st.just(0.4193)),
        }
    ),
    st.fixed_dictionaries(
        {
            "method": st.just("webhook"),
            "failure_percent": st.sampled_from([40.0, 0.0, 40.0, 100.0]),
            "schedule": st.sampled_from([(0.0, 2.0), (1.0, 5.0), ()]),
            "latency_s": st.sampled_from([0.0, 0.1]),
        }
    ),
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["sse", "websocket"]),
            "latency_s": st.just(0.05),
            "reconnect_percent": st.sampled_from([30.0, 0.0, 60.0]),
        }
    ),
    st.just({"method": "none"}),
)
providers = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "max_concurrency": st.sampled_from([1, 2, 3, None]),
            "requests_per_minute": maybe(st.sampled_from([20.0, 90.0])),
            "burst_requests": st.sampled_from([1, 4]),
            "input_tokens_per_minute": maybe(st.just(30_000.0)),
            "output_tokens_per_minute": maybe(st.just(9_000.0)),
            "input_tokens": st.sampled_from([0.0, 500.0]),
            "output_tokens": st.sampled_from([0.0, 200.0]),
            "failed_calls_count": st.booleans(),
            "pacing": st.sampled_from(["paced", "paced", "none"]),
            "retry_after": st.sampled_from(["honoured", "ignored"]),
            "others_percent": st.sampled_from([0.0, 0.0, 17.3]),
            "outages": st.sampled_from(
                [
                    (),
                    ({"start_s": 5.0, "length_s": 10.0},),
                    ({"start_s": 5.0, "length_s": 10.0, "mode": "hang"},),
                    ({"start_s": 9.0, "length_s": 8.3, "mode": "hang"}, {"start_s": 4.0, "length_s": 12.0}),
                ]
            ),
            "call_timeout_s": maybe(st.sampled_from([0.7, 2.3])),
        }
    ),
)
synchronous = st.fixed_dictionaries(
    {
        "workers": st.integers(1, 4),
        "backlog": maybe(st.integers(0, 3)),
        "overflow": st.sampled_from(["refuse", "drop"]),
        "syn_linear_timeouts": st.sampled_from([0, 4]),
        "client_timeout_s": maybe(st.sampled_from([0.5, 0.8371, 2.0, 6.0])),
        "client_retries": st.integers(0, 2),
        "client_backoff_s": st.sampled_from([0.0, 0.5]),
        "hops": st.sampled_from(
            [
                (),
                ({"name": "gateway", "limit_s": 4.0, "kind": "idle"},),
                ({"name": "router", "limit_s": 3.0, "kind": "total"},),
                (
                    {"name": "proxy", "limit_s": 1.7, "kind": "idle"},
                    {"name": "router", "limit_s": 2.7, "kind": "total"},
                ),
            ]
        ),
        "streams_response": st.booleans(),
        "drops_abandoned": st.booleans(),
        "inline_retries": maybe(st.integers(0, 2)),
    }
)
queues = st.sampled_from(
    [{"urgent": 20.0, "standard": 80.0}, {"urgent": 10.0, "standard": 60.0, "batch": 30.0}, {"standard": 100.0}]
)
event_driven = st.fixed_dictionaries(
    {
        "consumers": st.integers(1, 4),
        "queues": queues,
        "discipline": st.sampled_from(["dedicated", "weighted", "strict"]),
        "accept_s": st.sampled_from([0.0, 0.3]),
        "dispatch_s": st.sampled_from([0.0, 0.05]),
        "retry_tick_s": st.sampled_from([0.0, 1.0371, 0.2917]),  # no work ends at a look
        "max_queue": maybe(st.integers(1, 4)),
        "expires_s": maybe(st.sampled_from([2.0, 8.0])),
        "dead_letter": st.booleans(),
        "circuit_breaker": st.sampled_from([True, False, {"failures": 2, "pause_s": 3.3}]),
        "delivery": deliveries,
        "client_retries": maybe(st.integers(0, 2)),
        "client_backoff_s": maybe(st.sampled_from([0.0, 0.7123])),
    }
)
orders = st.sampled_from(
    [
        {},
        {},
        {},
        {},
        {"ordering": "per_key", "keys": 3},
        {"ordering": "one_at_a_time"},
        {"ordering": "per_key", "keys": 1000},
    ]
)
leases = st.one_of(
    st.fixed_dictionaries(
        {
            "lease_s": st.sampled_from([0.5, 1.0, 2.0]),
            "lease_ends": st.sampled_from(["redelivers", "discards", "stops"]),
            "max_deliveries": st.sampled_from([3, 1, 6]),
            "crashes_per_hour": st.sampled_from([0.0, 600.0, 1800.0]),
        }
    ),
    st.fixed_dictionaries(
        {
            "max_deliveries": st.sampled_from([3, 1, 6]),
            "crashes_per_hour": st.sampled_from([600.0, 1800.0, 0.0]),
            "acknowledges": st.sampled_from(["early", "late"]),
        }
    ),
)

PLAYED_LIVE: dict[str, Any] = {
    "arrivals": {"process": "poisson", "rate_per_s": 1.0},
}
"""What takes the place of a case that no live run has, where the field's own default does not."""


def as_live_run_has_it(scenario: Scenario) -> Scenario:
    """Without what a live run refuses, and without the first byte, which its window leaves out."""
    given = scenario.model_dump(by_alias=True, exclude_unset=True) | {"first_token_s": None}
    for problem in find_unsupported(scenario):
        *above, name = problem.path.split(".")
        part = given
        for step in above:
            part = part[step]
        if problem.path in PLAYED_LIVE:
            part[name] = PLAYED_LIVE[problem.path]
        else:
            del part[name]
    live = Scenario.parse(given)
    assert not find_unsupported(live)
    return live


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario of at most 60 jobs a replication."""
    given: dict[str, Any] = {
        "seed": draw(st.integers(0, 2**53 - 1)),
        "arrivals": draw(arrivals),
        "service": draw(services),
        "provider": draw(providers),
        "failures": draw(
            st.sampled_from(
                [
                    {},
                    {"transient_percent": 30.0},
                    {"transient_percent": 100.0},
                    {"transient_percent": 20.0, "poison_percent": 20.0},
                    {"transient_percent": 40.0, "poison_percent": 10.0, "failure_s": 1.3},
                ]
            )
        ),
        "retries": {
            "max": draw(st.sampled_from([2, 1, 3, 0])),
            "base_s": draw(st.sampled_from([0.2, 1.0])),
            "cap_s": draw(st.sampled_from([1.5, 60.0])),
            "jitter": draw(st.sampled_from(["decorrelated", "equal", "full", "none"])),
            **draw(
                st.sampled_from(
                    [{}, {}, {"flat_s": 0.5}, {"intervals_s": (0.3071,)}, {"intervals_s": (0.0, 1.0, 2.0, 0.7)}]
                )
            ),
        },
        "synchronous": draw(synchronous),
        "event_driven": draw(event_driven),
        "subscribers": draw(
            st.sampled_from(
                [
                    {},
                    {
                        "count": 3,
                        "handling_p50_s": 0.1,
                        "handling_p95_s": 0.4,
                        "failure_percent": 20.0,
                        "inline": "one_by_one",
                    },
                    {"count": 2, "handling_p95_s": 0.2},
                    {"count": 3, "handling_p50_s": 0.7, "handling_p95_s": 1.4, "failure_percent": 30.0, "consumers": 2},
                    {"count": 2, "handling_p50_s": 0.3, "failure_percent": 60.0, "inline_failure": "fails_the_call"},
                ]
            )
        ),
        "hybrid": draw(st.sampled_from([{"inline_wait_s": 2.0}, {"inline_wait_s": 0.5}, {"inline_wait_s": 6.0}, None])),
        "autoscaling": draw(
            st.sampled_from(
                [
                    None,
                    {"min": 1, "max": 6, "target_depth": 0.5, "start_up_s": 3.0},
                    {"min": 2, "max": 3, "target_lag_s": 1.0, "start_up_s": 0.0},
                    {"min": 1, "max": 9, "target_lag_s": 2.5, "start_up_s": 40.0},
                ]
            )
        ),
        "deadline_s": draw(maybe(st.sampled_from([1.0, 5.0]))),
        "warmup_jobs": draw(st.sampled_from([0, 7])),
        "first_token_s": draw(maybe(st.sampled_from([0.0, 0.3173, 1.2931]))),
    }
    if given["service"] == {"distribution": "empirical", "path": None}:
        given["arrivals"] = {"process": "trace", "trace": "durations"}
    if given["arrivals"]["process"] in ("regular", "trace") and draw(st.integers(0, 2)) == 0:
        given["arrivals"] = draw(closed | backlogs)
        given["service"] = (
            given["service"] if "path" not in given["service"] else given["service"] | {"path": "durations.csv"}
        )
    if draw(st.integers(0, 3)) == 0:
        given["provider"] = given["provider"] | {"requests_per_day": draw(st.sampled_from([3, 12]))}
        given["autoscaling"] = None
    given["backlog_jobs"] = draw(st.sampled_from([0, 0, 0, 0, 5]))
    if given["arrivals"]["process"] == "daily":
        given["autoscaling"] = None
    elif given["autoscaling"] and given["event_driven"]["discipline"] == "dedicated":
        fewest = max(given["autoscaling"]["min"], len(given["event_driven"]["queues"]))
        given["autoscaling"] = given["autoscaling"] | {"min": fewest}
    if given["event_driven"]["discipline"] == "dedicated" and draw(st.booleans()):
        own = {name: draw(st.integers(1, 3)) for name in given["event_driven"]["queues"]}
        given["event_driven"] = given["event_driven"] | {"queue_consumers": own, "consumers": sum(own.values())}
    if "batch" in given["event_driven"]["queues"]:
        longer = {"distribution": "gamma", "mean_s": 3.3, "cv": 0.7}
        short = {"distribution": "deterministic", "mean_s": 0.2}
        given["service_by_queue"] = draw(st.sampled_from([{}, {"batch": longer}, {"batch": longer, "urgent": short}]))
    leased = draw(st.booleans())
    given["event_driven"] = given["event_driven"] | draw(leases if leased else st.just({})) | draw(orders)
    if not leased and (steepness := draw(st.sampled_from([None, (13, 26, 1.871), (11, 29, 1.313)]))):
        measured, high, times_slower = steepness
        # No round times at a model that slows: what is simultaneous would be so but for rounding, and in either order.
        given["service"] = draw(services.filter(lambda service: service["distribution"] in CONTINUOUS))
        given["service_by_queue"] = {"batch": longer} if given.get("service_by_queue") else {}
        mean_s = mean_of_service(Scenario.parse(given))
        slowdown = {"measured_in_flight": measured, "high_in_flight": high, "high_mean_s": times_slower * mean_s}
        given["provider"] = {**given["provider"], "slowdown": slowdown}
        given["retries"] = {**given["retries"], "jitter": "full", "flat_s": None, "intervals_s": None}
    hopeless = given["failures"] == {"transient_percent": 100.0} or given["provider"].get("call_timeout_s")
    endless = hopeless and given["event_driven"]["circuit_breaker"]  # a circuit that never closes
    if endless and given["arrivals"]["process"] == "daily":
        given["event_driven"]["circuit_breaker"] = endless = False
    if (endless or draw(st.booleans())) and given["arrivals"]["process"] != "daily":
        given["duration_s"] = 30.0
        given["warmup_jobs"] = 0
    else:
        given["jobs"] = draw(st.integers(8, 60))
    if given["hybrid"] is not None:  # longer than a limit on the way, it is refused
        longest_s = Scenario.parse(given).answer_limit_s
        given["hybrid"] = {"inline_wait_s": min(given["hybrid"]["inline_wait_s"], longest_s)}
    return Scenario.parse(given)
