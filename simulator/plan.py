"""A Scenario as the arrays that an event loop works on: one Machine a replication and design."""

from dataclasses import dataclass
from math import ceil, inf, log
from typing import Any, Final, assert_never

import numpy as np
from numpy.typing import NDArray

from core.closed_sets import complete_table
from core.units import DAY_S
from simulator import theory
from simulator.arrivals import Trace
from simulator.kernel import layout as at
from simulator.kernel.draws import mixed
from simulator.kernel.machine import first_arrival
from simulator.kernel.scaling import LOOK_S
from simulator.scenario import (
    Arrivals,
    Autoscaling,
    BurstArrivals,
    DailyArrivals,
    Delivery,
    DeterministicService,
    Discipline,
    EmpiricalService,
    ExponentialService,
    GammaArrivals,
    GammaService,
    InlineCalls,
    Jitter,
    LognormalService,
    NoDelivery,
    Overflow,
    PoissonArrivals,
    PollingDelivery,
    PushDelivery,
    RegularArrivals,
    Retries,
    Scenario,
    Service,
    Synchronous,
    TokensService,
    TraceArrivals,
    WebhookDelivery,
)

DEFAULT_JOBS = 200_000
UNBOUNDED = 2**62
FIRST_SLOTS = 1024
MOST_SLOTS = 2**24 - 1
GOLDEN = 0x9E3779B97F4A7C15

Array = NDArray[Any]
Floats = NDArray[np.float64]
SYNCHRONOUS: Final = "synchronous"
EVENT_DRIVEN: Final = "event_driven"
HYBRID: Final = "hybrid"
DESIGN_WORDS = {
    SYNCHRONOUS: "the synchronous design",
    EVENT_DRIVEN: "the event-driven design",
    HYBRID: "the hybrid design",
}


def cycle_s(scenario: Scenario) -> float | None:
    """The period of arrivals whose rate changes: such runs take whole cycles, so that no part of a day counts twice."""
    match scenario.arrivals:
        case BurstArrivals(every_s=every_s):
            return every_s
        case DailyArrivals():
            return DAY_S
        case RegularArrivals() | PoissonArrivals() | GammaArrivals() | TraceArrivals():
            return None
        case _:
            assert_never(scenario.arrivals)


def jobs_of(scenario: Scenario, trace: Trace | None) -> int:
    """Arrivals of one replication: exact where the number decides, else expected."""
    if trace is not None:
        whole = trace.requests
        if scenario.duration_s is not None and isinstance(scenario.arrivals, TraceArrivals):
            return int(np.searchsorted(trace.arrivals_s / scenario.arrivals.speed, scenario.duration_s, side="right"))
        return min(whole, scenario.jobs or whole)
    rate = rate_of(scenario, trace)
    if scenario.duration_s is not None:
        return max(1, round(rate * scenario.duration_s))
    wanted = scenario.jobs or DEFAULT_JOBS
    cycle = cycle_s(scenario)
    return wanted if cycle is None else max(1, round(rate * cycle * _cycles(scenario, rate, cycle)))


def _cycles(scenario: Scenario, rate: float, cycle: float) -> int:
    return max(1, ceil((scenario.jobs or DEFAULT_JOBS) / (rate * cycle) - 1e-9))


def rate_of(scenario: Scenario, trace: Trace | None) -> float:
    if isinstance(scenario.arrivals, TraceArrivals):
        assert trace is not None  # noqa: S101  simulate() has refused the scenario otherwise
        return trace.mean_rate_per_s * scenario.arrivals.speed
    return scenario.arrivals.rate_per_s


def designs_of(scenario: Scenario) -> tuple[str, ...]:
    return (SYNCHRONOUS, EVENT_DRIVEN) if scenario.hybrid is None else (SYNCHRONOUS, EVENT_DRIVEN, HYBRID)


def servers_of(scenario: Scenario, design: str) -> int:
    scaling, event_driven = scenario.autoscaling, scenario.event_driven
    if design != SYNCHRONOUS and scaling is not None and OWN_CONSUMERS[event_driven.discipline]:
        return sum(dedicated_consumers(scenario))
    servers = scenario.synchronous.workers if design == SYNCHRONOUS else event_driven.consumers
    return servers if scaling is None else min(max(servers, scaling.min), scaling.max)


def most_servers_of(scenario: Scenario, design: str) -> int:
    return servers_of(scenario, design) if scenario.autoscaling is None else scenario.autoscaling.max


def mean_service_s(scenario: Scenario, trace: Trace | None, drawn: Floats | None) -> float:
    """The mean time of one attempt at the model; 0 where durations have not been read yet."""
    service = scenario.service
    match service:
        case DeterministicService() | ExponentialService() | GammaService():
            return service.mean_s
        case LognormalService():
            return theory.lognormal_mean_s(service.p50_s, service.p95_s)
        case TokensService():
            tokens = scenario.provider.output_tokens
            if trace is not None and trace.output_tokens is not None:
                tokens = float(trace.output_tokens.mean())
            return service.base_s + service.per_output_token_s * tokens
        case EmpiricalService():
            durations = drawn if drawn is not None else trace.service_s if trace is not None else None
            return float(durations.mean()) if durations is not None else 0.0
        case _:
            assert_never(service)


@dataclass
class Bench:
    """What an event loop works on: the machine's record (an array of one), slots, heap, and what a trace recorded."""

    machine: Array
    slots: Array
    heap: Array
    trace: Array

    def __post_init__(self) -> None:
        self._tell_addresses()

    def _tell_addresses(self) -> None:
        for name in ("slots", "heap", "trace"):
            self.machine[name] = getattr(self, name).ctypes.data

    def grow(self) -> None:
        """Twice the slots.

        Raises:
            MemoryError: more jobs are in the system than a run can hold.
        """
        before = len(self.slots)
        if before >= MOST_SLOTS:
            raise MemoryError(f"more than {MOST_SLOTS:,} jobs are in the system at once")
        after = min(2 * before, MOST_SLOTS)
        self.slots = _longer(self.slots, after)
        self.heap = _longer(self.heap, after + at.NEAR)
        _link_free(self.machine[0], self.slots, before)
        self._tell_addresses()


def _longer(array: Array, length: int) -> Array:
    longer = np.zeros(length, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def _link_free(m: Any, slots: Array, first: int) -> None:
    slots["next"][first:] = np.arange(first + 1, len(slots) + 1)
    slots["next"][-1] = m["free"]
    m["free"] = first
    m["free_count"] += len(slots) - first


def recorded_of(trace: Trace | None, drawn: Floats | None) -> Array:
    """What a trace recorded, as rows; `drawn` are durations to draw from, which take the place of the trace's own."""
    durations = drawn if drawn is not None else (trace.service_s if trace is not None else None)
    rows = np.zeros(
        max(1, trace.requests if trace is not None else 0, 0 if durations is None else len(durations)),
        dtype=at.RECORDED_ROW,
    )
    columns = {"duration": durations}
    if trace is not None:
        columns |= {
            "arrival": trace.arrivals_s,
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
        }
    for name, column in columns.items():
        if column is not None:
            rows[name][: len(column)] = column
    return rows


def bench_of(
    scenario: Scenario,
    design: str,
    replication: int,
    *,
    trace: Trace | None,
    drawn: Floats | None,
    rows: Array,
    drains: bool,
) -> Bench:
    """One replication of one design, before its first event. `rows` are those of `recorded_of`, shared by all."""
    machine = np.zeros(1, dtype=at.MACHINE)
    m = machine[0]
    m["key"] = key_of(scenario.seed, replication)
    m["drains"] = drains
    m["binned"] = replication == 0
    _set_length(m, scenario, trace)
    _set_arrivals(m, scenario, trace)
    _set_service(m, scenario, drawn)
    _set_classes(m, scenario)
    _set_provider(m, scenario, trace)
    _set_failures(m, scenario, design)
    _set_subscribers(m, scenario)
    _set_autoscaling(m, scenario)
    if design == SYNCHRONOUS:
        _set_synchronous(m, scenario)
    else:
        _set_event_driven(m, scenario, hybrid=design == HYBRID)
    slots, heap = np.zeros(FIRST_SLOTS, dtype=at.SLOT), np.zeros(FIRST_SLOTS + at.NEAR, dtype=at.EVENT)
    _begin(m, slots, scenario, servers_of(scenario, design))
    _check_rows(m, rows)
    bench = Bench(machine, slots, heap, rows)
    first_arrival(machine)
    return bench


def _check_rows(m: Any, rows: Array) -> None:
    """The loops read rows by address, without a look at how many there are.

    Raises:
        ValueError: they would read past the last one.
    """
    by_job = (
        m["arrival_kind"] == at.TRACE or m["service_kind"] == at.RECORDED or m["traced_input"] or m["traced_output"]
    )
    drawn = m["service_kind"] == at.DRAWN
    if (by_job and m["jobs"] > len(rows)) or (drawn and not 0 < m["drawn"] <= len(rows)):
        raise ValueError(f"{len(rows)} recorded rows are too few for {m['jobs']} jobs")


def _begin(m: Any, slots: Array, scenario: Scenario, servers: int) -> None:
    m["free"] = -1
    _link_free(m, slots, 0)
    for head in ("line_head", "line_tail", "patient_head", "patient_tail", "again_head", "again_tail"):
        m[head] = -1
    m["servers"] = m["idle"] = servers
    m["timer"] = inf
    m["bucket_full"][:] = -inf
    m["quotas_open"] = -inf
    dedicated = dedicated_consumers(scenario)
    m["q_idle"][: len(dedicated)] = m["q_servers"][: len(dedicated)] = dedicated


def is_plain(m: Any) -> bool:
    """Return whether a machine is a first-come-first-served queue before equal servers, without time bins."""
    nothing_fails = m["transient"] == 0 and m["poison"] == 0 and m["outage_count"] == 0 and m["subscribers"] == 0
    nobody_leaves = (
        m["patience"] in (0, inf) and m["expires"] in (0, inf) and m["places"] == UNBOUNDED and m["end"] == inf
    )
    costs_nothing = m["accept"] == 0 and m["dispatch_cost"] == 0 and m["gated"] == 0
    at_once = m["delivery"] == at.NOBODY or (m["delivery"] == at.POLLING and m["delivery_a"] == 0)
    counted = (
        m["jobs"] < UNBOUNDED
        and m["classes"] == 1
        and m["drains"] == 1
        and m["binned"] == 0
        and m["scaled"] == 0
        and m["inline_wait"] <= 0
        and m["servers"] <= FIRST_SLOTS
    )
    return bool(nothing_fails and nobody_leaves and costs_nothing and at_once and counted)


def dedicated_consumers(scenario: Scenario) -> list[int]:
    given, scaling = apportioned(scenario, scenario.event_driven.consumers), scenario.autoscaling
    if scaling is None:
        return given
    bounds = zip(given, *dedicated_bounds(scenario, scaling), strict=True)
    return [min(max(consumers, fewest), most) for consumers, fewest, most in bounds]


def dedicated_bounds(scenario: Scenario, scaling: Autoscaling) -> tuple[list[int], list[int]]:
    fewest, most = apportioned(scenario, scaling.min), apportioned(scenario, scaling.max)
    return [min(pair) for pair in zip(fewest, most, strict=True)], most


def apportioned(scenario: Scenario, servers: int) -> list[int]:
    """Servers a queue: by share (largest remainders), one at the least."""
    shares = [share / 100 for share in scenario.event_driven.queues.values()]
    spare = max(0, servers - len(shares))
    exact = [share * spare for share in shares]
    given = [int(part) for part in exact]
    order = sorted(range(len(shares)), key=lambda place: given[place] - exact[place])
    for place in order[: spare - sum(given)]:
        given[place] += 1
    return [part + 1 for part in given]


def key_of(seed: int, replication: int) -> np.uint64:
    mask = 2**64 - 1
    state = int(mixed(np.uint64((seed * GOLDEN + 0x632BE59BD9B4E019) & mask)))
    return np.uint64(mixed(np.uint64((state + (replication + 1) * GOLDEN) & mask)))


_ARRIVALS = complete_table(
    Arrivals,
    {
        "regular": at.REGULAR,
        "poisson": at.POISSON,
        "gamma": at.GAMMA_GAPS,
        "bursts": at.BURSTS,
        "daily": at.DAILY,
        "trace": at.TRACE,
    },
)
_SERVICES = complete_table(
    Service,
    {
        "deterministic": at.DETERMINISTIC,
        "exponential": at.EXPONENTIAL,
        "lognormal": at.LOGNORMAL,
        "gamma": at.GAMMA,
        "tokens": at.TOKENS,
        "empirical": at.RECORDED,
    },
)
_JITTERS = complete_table(
    Jitter,
    {
        "none": at.JITTER_NONE,
        "full": at.JITTER_FULL,
        "equal": at.JITTER_EQUAL,
        "decorrelated": at.JITTER_DECORRELATED,
    },
)
_DISCIPLINES = complete_table(Discipline, {"strict": at.STRICT, "dedicated": at.DEDICATED, "weighted": at.WEIGHTED})
OWN_CONSUMERS = complete_table(Discipline, {"strict": False, "dedicated": True, "weighted": False})
"""Whether each queue has consumers of its own."""
_DELIVERIES = complete_table(
    Delivery,
    {"none": at.NOBODY, "polling": at.POLLING, "webhook": at.WEBHOOK, "sse": at.PUSH, "websocket": at.PUSH},
)
CALLER_WAITS = complete_table(
    Delivery, {"none": False, "polling": True, "webhook": True, "sse": True, "websocket": True}
)
"""Whether a client waits for the result."""
_DROPS_CONNECTIONS = complete_table(Overflow, {"refuse": False, "drop": True})
_TOGETHER = complete_table(InlineCalls, {"together": True, "one_by_one": False})


def retries_of(scenario: Scenario, design: str) -> int:
    inline = scenario.synchronous.inline_retries
    return scenario.retries.max if design != SYNCHRONOUS or inline is None else inline


def listed_pauses_s(retries: Retries, count: int) -> tuple[float, ...] | None:
    """The pause before each of `count` retries, if no chance has a part in it."""
    listed = retries.intervals_s if retries.flat_s is None else (retries.flat_s,)
    if listed is None:
        return None
    return tuple(listed[max(len(listed) - left, 0)] for left in range(count, 0, -1))


def called_subscribers(scenario: Scenario) -> int:
    """Return the subscribers that get each result: all but the caller, who counts as one if it waits."""
    waits = CALLER_WAITS[scenario.event_driven.delivery.method]
    return max(0, scenario.subscribers.count - (1 if waits else 0))


def patience_s(scenario: Scenario) -> float:
    """When a client gives up: its timeout, or the tightest hop. An idle limit acts as a total one unless the response streams."""
    streams = scenario.synchronous.streams_response
    limits = [hop.limit_s for hop in scenario.synchronous.hops if hop.kind == "total" or not streams]
    return min([scenario.synchronous.client_timeout_s or inf, *limits])


def syns_s(design: Synchronous) -> tuple[float, ...]:
    """When a connection is tried again that a full backlog dropped, after its first SYN; the last instant is that of its failure."""
    linear = design.syn_linear_timeouts
    doubling = (linear + 2.0**place - 1 for place in range(1, 8))
    return (*map(float, range(1, linear + 1)), *doubling)


def _set_length(m: Any, scenario: Scenario, trace: Trace | None) -> None:
    rate = rate_of(scenario, trace)
    cycle = cycle_s(scenario)
    m["warmup"] = scenario.warmup_jobs
    m["end"] = scenario.duration_s or inf
    m["last"] = cycle * _cycles(scenario, rate, cycle) if cycle is not None and scenario.duration_s is None else inf
    bounded = trace is not None or (scenario.duration_s is None and cycle is None)
    m["jobs"] = jobs_of(scenario, trace) if bounded else UNBOUNDED
    m["batches_a_job"] = at.BATCHES / max(1, jobs_of(scenario, trace) - scenario.warmup_jobs)
    expected = scenario.duration_s or 1.1 * max(jobs_of(scenario, trace) / rate, 1e-6)
    m["bin_width"] = m["bin_end"] = expected / at.BINS


def _set_arrivals(m: Any, scenario: Scenario, trace: Trace | None) -> None:
    arrivals = scenario.arrivals
    m["arrival_kind"] = _ARRIVALS[arrivals.process]
    m["rate"] = rate_of(scenario, trace)
    m["gap"] = 1 / m["rate"]
    match arrivals:
        case RegularArrivals() | PoissonArrivals():
            pass
        case GammaArrivals():
            m["arrival_a"] = 1 / arrivals.cv**2
            m["arrival_b"] = arrivals.cv**2 / arrivals.rate_per_s
        case BurstArrivals():
            m["arrival_a"], m["arrival_b"], m["arrival_c"] = arrivals.peak_to_mean, arrivals.peak_s, arrivals.every_s
        case DailyArrivals():
            m["arrival_a"] = arrivals.peak_to_mean
        case TraceArrivals():
            m["arrival_a"] = arrivals.speed
        case _:
            assert_never(arrivals)


def _set_service(m: Any, scenario: Scenario, drawn: Floats | None) -> None:
    service = scenario.service
    m["service_kind"] = _SERVICES[service.distribution]
    match service:
        case DeterministicService() | ExponentialService():
            m["service_a"] = service.mean_s
        case LognormalService():
            m["service_a"], m["service_b"] = log(service.p50_s), theory.lognormal_sigma(service.p50_s, service.p95_s)
        case GammaService():
            m["service_a"], m["service_b"] = 1 / service.cv**2, service.mean_s * service.cv**2
        case TokensService():
            m["service_a"], m["service_b"] = service.base_s, service.per_output_token_s
        case EmpiricalService():
            m["drawn"] = 0 if drawn is None else len(drawn)
            if drawn is not None:
                m["service_kind"] = at.DRAWN
        case _:
            assert_never(service)


def _set_classes(m: Any, scenario: Scenario) -> None:
    names = list(scenario.event_driven.queues)
    deadline = scenario.deadline_s
    m["classes"] = len(names)
    m["shares"][: len(names)] = np.cumsum(list(scenario.event_driven.queues.values())) / 100
    m["deadlines"][: len(names)] = [
        deadline.get(name, inf) if isinstance(deadline, dict) else (deadline or inf) for name in names
    ]


def _set_provider(m: Any, scenario: Scenario, trace: Trace | None) -> None:
    """Of tokens a minute's worth is a bucket's size; of requests `burst_requests`."""
    provider = scenario.provider
    quotas = (provider.requests_per_minute, provider.input_tokens_per_minute, provider.output_tokens_per_minute)
    m["concurrency"] = provider.max_concurrency or UNBOUNDED
    m["gated"] = provider.max_concurrency is not None or any(quota is not None for quota in quotas)
    m["failed_calls_count"] = provider.failed_calls_count
    m["bucket_time"][:] = [0 if quota is None else 60 / quota for quota in quotas]
    m["bucket_size"][:] = [provider.burst_requests, quotas[1] or 0, quotas[2] or 0]
    m["input_tokens"], m["output_tokens"] = provider.input_tokens, provider.output_tokens
    m["traced_input"] = trace is not None and trace.input_tokens is not None
    m["traced_output"] = trace is not None and trace.output_tokens is not None
    m["outage_count"] = len(provider.outages)
    for place, outage in enumerate(provider.outages):
        m["outages"][place] = outage.start_s, outage.start_s + outage.length_s


def _set_failures(m: Any, scenario: Scenario, design: str) -> None:
    m["transient"] = scenario.failures.transient_percent / 100
    m["poison"] = scenario.failures.poison_percent / 100
    m["retries"] = retries_of(scenario, design)
    listed = listed_pauses_s(scenario.retries, retries_of(scenario, design))
    m["jitter"] = _JITTERS[scenario.retries.jitter] if listed is None else at.LISTED
    m["base"], m["cap"] = scenario.retries.base_s, scenario.retries.cap_s
    m["pauses"][: len(listed or ())] = listed or ()


def _set_autoscaling(m: Any, scenario: Scenario) -> None:
    scaling = scenario.autoscaling
    m["scaled"], m["scale_at"] = scaling is not None, inf
    if scaling is not None:
        m["fewest"], m["most"] = scaling.min, scaling.max
        m["target_depth"], m["target_lag"] = scaling.target_depth or inf, scaling.target_lag_s or inf
        m["start_up"], m["scale_at"] = scaling.start_up_s, LOOK_S
        fewest, most = dedicated_bounds(scenario, scaling)
        m["q_fewest"][: len(fewest)], m["q_most"][: len(most)] = fewest, most


def _set_subscribers(m: Any, scenario: Scenario) -> None:
    """A lognormal through both quantiles; the 95th percentile alone is a constant time."""
    subscribers = scenario.subscribers
    p50 = subscribers.handling_p50_s or subscribers.handling_p95_s
    m["subscribers"] = called_subscribers(scenario)
    m["together"] = _TOGETHER[subscribers.inline]
    m["handling_mu"] = log(p50) if p50 > 0 else -inf
    m["handling_sigma"] = (
        theory.lognormal_sigma(p50, subscribers.handling_p95_s) if subscribers.handling_p95_s > p50 > 0 else 0.0
    )
    m["handling_fails"] = subscribers.failure_percent / 100


def _set_synchronous(m: Any, scenario: Scenario) -> None:
    design = scenario.synchronous
    m["places"] = UNBOUNDED if design.backlog is None else design.backlog
    m["patience"] = patience_s(scenario)
    m["client_retries"], m["client_backoff"] = design.client_retries, design.client_backoff_s
    m["drops_abandoned"] = design.drops_abandoned
    m["drops_connections"], m["syn_linear"] = _DROPS_CONNECTIONS[design.overflow], design.syn_linear_timeouts


def _set_event_driven(m: Any, scenario: Scenario, *, hybrid: bool) -> None:
    design = scenario.event_driven
    m["places"] = UNBOUNDED if design.max_queue is None else design.max_queue
    m["discipline"] = _DISCIPLINES[design.discipline]
    m["accept"], m["dispatch_cost"], m["tick"] = design.accept_s, design.dispatch_s, design.retry_tick_s
    m["expires"] = design.expires_s or inf
    m["dead_letter"] = design.dead_letter
    m["breaks"] = design.circuit_breaker
    m["gated"] = m["gated"] or design.circuit_breaker
    m["inline_wait"] = scenario.hybrid.inline_wait_s if hybrid and scenario.hybrid is not None else -inf
    _set_delivery(m, design.delivery)


def _set_delivery(m: Any, delivery: Delivery) -> None:
    m["delivery"] = _DELIVERIES[delivery.method]
    match delivery:
        case NoDelivery():
            pass
        case PollingDelivery():
            m["delivery_a"] = delivery.interval_s
        case WebhookDelivery():
            m["delivery_a"], m["delivery_b"] = delivery.latency_s, delivery.failure_percent / 100
            pauses = webhook_pauses_s(delivery)
            m["schedule_count"] = len(pauses)
            m["schedule"][: len(pauses)] = pauses
        case PushDelivery():
            m["delivery_a"], m["delivery_b"], m["delivery_c"] = (
                delivery.latency_s,
                delivery.reconnect_percent / 100,
                delivery.reconnect_s,
            )
        case _:
            assert_never(delivery)


def webhook_pauses_s(delivery: WebhookDelivery) -> tuple[float, ...]:
    """Pauses before each webhook call. A schedule that begins with 0 names the first call, any other only the later ones."""
    return delivery.schedule if delivery.schedule[:1] == (0,) else (0.0, *delivery.schedule)
