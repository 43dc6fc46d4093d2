"""A Scenario as the arrays that an event loop works on: one Machine a replication and design."""

import mmap
from dataclasses import dataclass, field
from math import ceil, inf, log
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.closed_sets import complete_table
from core.units import HOUR_S
from simulator import theory
from simulator.arrivals import BacklogArrivals, ClosedArrivals, TraceArrivals
from simulator.kernel import layout
from simulator.kernel.closed import FASTEST_S
from simulator.kernel.deliver import DELIVERIES, NONE, POLLING
from simulator.kernel.draws import ARRIVALS, AT_START, BY_CLASS, LISTED, PAUSES, SERVICES
from simulator.kernel.machine import first_arrival
from simulator.kernel.random_numbers import key_of
from simulator.kernel.scaling import AUTOSCALER_LOOK_S
from simulator.scenario import (
    Acknowledges,
    Autoscaling,
    Discipline,
    InlineCalls,
    InlineFailure,
    LeaseEnds,
    OutageMode,
    Overflow,
    Scenario,
)
from simulator.services import EmpiricalService
from simulator.slowdown import CallTime
from simulator.trace_columns import Floats
from simulator.traces import Trace

DEFAULT_JOBS = 200_000
UNBOUNDED = 2**62
FIRST_SLOTS = 1024
MOST_SLOTS = 2**24 - 1

Array = NDArray[Any]
SYNCHRONOUS: Final = "synchronous"
EVENT_DRIVEN: Final = "event_driven"
HYBRID: Final = "hybrid"
DESIGN_WORDS = {
    SYNCHRONOUS: "the synchronous design",
    EVENT_DRIVEN: "the event-driven design",
    HYBRID: "the hybrid design",
}


def jobs_of(scenario: Scenario, trace: Trace | None) -> int:
    """Jobs of one replication, with those at its start: exact where the number decides, else expected (of closed clients at most)."""
    return scenario.backlog_jobs + _jobs_that_arrive(scenario, trace)


def _jobs_that_arrive(scenario: Scenario, trace: Trace | None) -> int:
    if isinstance(scenario.arrivals, BacklogArrivals):
        return min(scenario.arrivals.jobs, scenario.jobs or scenario.arrivals.jobs)
    if trace is not None:
        whole = trace.requests
        if scenario.duration_s is not None and isinstance(scenario.arrivals, TraceArrivals):
            return int(np.searchsorted(trace.arrivals_s / scenario.arrivals.speed, scenario.duration_s, side="right"))
        return min(whole, scenario.jobs or whole)
    rate = rate_of(scenario, trace)
    if scenario.duration_s is not None:
        return max(1, round(rate * scenario.duration_s))
    wanted = scenario.jobs or DEFAULT_JOBS
    cycle = scenario.arrivals.period_s
    return wanted if cycle is None else max(1, round(rate * cycle * _cycles(scenario, rate, cycle)))


def _cycles(scenario: Scenario, rate: float, cycle: float) -> int:
    return max(1, ceil((scenario.jobs or DEFAULT_JOBS) / (rate * cycle) - 1e-9))


def rate_of(scenario: Scenario, trace: Trace | None) -> float:
    """The mean rate of arrivals: 0 of a backlog; of closed clients the rate if no request waited (with 1 s for durations not yet read)."""
    arrivals = scenario.arrivals
    match arrivals:
        case TraceArrivals():
            assert trace is not None  # noqa: S101  simulate() has refused the scenario otherwise
            return trace.mean_rate_per_s * arrivals.speed
        case BacklogArrivals():
            return 0.0
        case ClosedArrivals():
            return arrivals.clients / max(FASTEST_S, arrivals.think_s + (mean_service_s(scenario, None, None) or 1.0))
        case _:
            return arrivals.rate_per_s


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
    return scenario.mean_time_s(mean_tokens(scenario, trace), durations_of(trace, drawn))


def _recorded_tokens(
    scenario: Scenario, trace: Trace | None, column: Literal["input_tokens", "output_tokens"]
) -> Floats | None:
    arrivals = scenario.arrivals
    is_ignored = isinstance(arrivals, TraceArrivals) and column in arrivals.ignored_columns
    return None if trace is None or is_ignored else getattr(trace, column)


def mean_tokens(scenario: Scenario, trace: Trace | None) -> float:
    recorded = _recorded_tokens(scenario, trace, "output_tokens")
    return scenario.provider.output_tokens if recorded is None else float(recorded.mean())


def call_time_of(scenario: Scenario, trace: Trace | None, drawn: Floats | None) -> CallTime | None:
    """How the time of a call grows with the calls in flight; None if it does not, or if no durations have been read yet."""
    slowdown, measured_s = scenario.provider.slowdown, mean_service_s(scenario, trace, drawn)
    if slowdown is None or measured_s <= 0:
        return None
    return CallTime.from_points(
        slowdown.measured_in_flight,
        measured_s,
        slowdown.high_in_flight,
        slowdown.high_mean_s,
    )


def durations_of(trace: Trace | None, drawn: Floats | None) -> Floats | None:
    """Those to draw from take the place of the trace's own."""
    return drawn if drawn is not None or trace is None else trace.service_s


@dataclass
class KernelState:
    """What an event loop works on: the machine's record (an array of one), slots, heap, what a trace recorded, and clients that think."""

    machine: Array
    slots: Array
    heap: Array
    trace: Array
    clients: Array = field(init=False)
    shared_calls: Array = field(init=False)
    """Of the slots, and the heap of their tags, if the model slows: see simulator/kernel/sharing.py."""
    finishes: Array = field(init=False)
    deliveries: Array = field(init=False)
    ordered: Array = field(init=False)
    """Of the slots, of the keys, and a heap of each queue, if jobs have an order: see simulator/kernel/ordering.py."""
    stations: Array = field(init=False)
    """Of the subscribers' consumers, if they are finite: when each will be free."""
    key_states: Array = field(init=False)
    ready_jobs: Array = field(init=False)

    def __post_init__(self) -> None:
        self.clients = np.zeros(max(1, int(self.machine[0]["client_count"])), dtype=layout.EVENT)
        shared = len(self.slots) if self.machine[0]["slows"] else 1
        self.shared_calls = np.zeros(shared, dtype=layout.SHARED_CALL)
        self.finishes = np.zeros(shared, dtype=layout.EVENT)
        keys, classes = int(self.machine[0]["keys"]), int(self.machine[0]["classes"])
        self.ordered = np.zeros(len(self.slots) if keys else 1, dtype=layout.ORDERED)
        finite = int(self.machine[0]["subscribers"] * self.machine[0]["station_consumers"])
        self.stations = np.zeros(max(1, finite), dtype=layout.EVENT)
        self.key_states = np.zeros(max(1, keys), dtype=layout.KEY_STATE)
        self.ready_jobs = np.zeros((classes, len(self.ordered)), dtype=layout.EVENT)
        self.deliveries = np.zeros(len(self.slots) if self.machine[0]["leased"] else 1, dtype=layout.DELIVERY)
        self.write_addresses()

    def write_addresses(self) -> None:
        for name in (
            "slots",
            "heap",
            "trace",
            "clients",
            "shared_calls",
            "finishes",
            "deliveries",
            "ordered",
            "key_states",
            "ready_jobs",
            "stations",
        ):
            self.machine[name] = getattr(self, name).ctypes.data
        self.machine["ready_stride"] = self.ready_jobs.strides[0]

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
        self.heap = _longer(self.heap, after + layout.NEAR)
        if self.machine[0]["slows"]:
            self.shared_calls = _longer(self.shared_calls, after)
            self.finishes = _longer(self.finishes, after)
        if self.machine[0]["keys"]:
            self.ordered = _longer(self.ordered, after)
            self.ready_jobs = np.array([_longer(heap, after) for heap in self.ready_jobs])
        if self.machine[0]["leased"]:
            self.deliveries = _longer(self.deliveries, after)
        _link_free(self.machine[0], self.slots, before)
        self.write_addresses()


def _longer(array: Array, length: int) -> Array:
    longer = np.zeros(length, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def _link_free(m: Any, slots: Array, first: int) -> None:
    slots["next"][first:] = np.arange(first + 1, len(slots) + 1)
    slots["next"][-1] = m["free"]
    m["free"] = first
    m["free_count"] += len(slots) - first
    m["slot_count"] += len(slots) - first


def recorded_of(trace: Trace | None, drawn: Floats | None, backlog_jobs: int = 0) -> Array:
    """What a trace recorded, as rows; `drawn` are durations to draw from, which take the place of the trace's own.

    Jobs before the trace's are like its own, from the first one on, but for their instants, which are 0.
    """
    columns: dict[str, Floats] = {}
    if trace is not None:
        recorded = {
            "duration": trace.service_s,
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
        }
        for name, column in recorded.items():
            if column is not None:
                columns[name] = np.concatenate([np.resize(column, backlog_jobs), column])
        columns["arrival"] = np.concatenate([np.zeros(backlog_jobs), trace.arrivals_s])
    if drawn is not None:
        columns["duration"] = drawn
    rows = np.zeros(max([1, *(len(column) for column in columns.values())]), dtype=layout.RECORDED_ROW)
    for name, column in columns.items():
        rows[name][: len(column)] = column
    return rows


def build_state(
    scenario: Scenario,
    design: str,
    replication: int,
    *,
    trace: Trace | None,
    drawn: Floats | None,
    rows: Array,
    drains: bool,
) -> KernelState:
    """One replication of one design, before its first event. `rows` are those of `recorded_of`, shared by all."""
    machine = _empty_machine()
    m = machine[0]
    m["key"] = key_of(scenario.seed, replication)
    m["drains"] = drains
    m["binned"] = replication == 0
    _set_length(m, scenario, trace)
    _set_arrivals(m, scenario, trace)
    _set_service(m, scenario, trace, drawn)
    _set_classes(m, scenario)
    _set_provider(m, scenario, trace)
    _set_failures(m, scenario, design)
    _set_subscribers(m, scenario, synchronous=design == SYNCHRONOUS)
    _set_autoscaling(m, scenario)
    if design == SYNCHRONOUS:
        _set_synchronous(m, scenario)
    else:
        _set_event_driven(m, scenario, hybrid=design == HYBRID)
    slots, heap = np.zeros(FIRST_SLOTS, dtype=layout.SLOT), np.zeros(FIRST_SLOTS + layout.NEAR, dtype=layout.EVENT)
    _begin(m, slots, scenario, servers_of(scenario, design))
    reads_durations = any(isinstance(service, EmpiricalService) for service in scenario.services) and m["drawn"] == 0
    replays = isinstance(scenario.arrivals, TraceArrivals)
    _check_rows(m, rows, by_job=bool(replays or reads_durations or m["traced_input"] or m["traced_output"]))
    state = KernelState(machine, slots, heap, rows)
    first_arrival(machine)
    return state


def _empty_machine() -> Array:
    """A machine's record in pages of its own: it is large, and most of it is never touched, so that clearing it would take as long as a short run."""
    return np.frombuffer(mmap.mmap(-1, layout.MACHINE.itemsize), dtype=layout.MACHINE)


def _check_rows(m: Any, rows: Array, *, by_job: bool) -> None:
    """Check the rows, because the loops read them by address: a row for each job (`by_job`), or the durations to draw from.

    Raises:
        ValueError: they would read past the last one.
    """
    if (by_job and m["jobs"] > len(rows)) or m["drawn"] > len(rows):
        raise ValueError(f"{len(rows)} recorded rows are too few for {m['jobs']} jobs")


def _begin(m: Any, slots: Array, scenario: Scenario, servers: int) -> None:
    m["free"] = -1
    _link_free(m, slots, 0)
    for head in (
        "line_head",
        "line_tail",
        "patient_head",
        "patient_tail",
        "again_head",
        "again_tail",
        "oldest",
        "youngest",
        "timing_head",
        "timing_tail",
        "stream_head",
        "stream_tail",
    ):
        m[head] = -1
    m["servers"] = m["idle"] = servers
    m["timer"] = m["finish_at"] = inf
    m["bucket_full"][:] = -inf
    m["quotas_open"] = -inf
    m["call_seconds"] = UNBOUNDED
    m["client_learns"] = -inf
    dedicated = dedicated_consumers(scenario)
    m["q_idle"][: len(dedicated)] = m["q_servers"][: len(dedicated)] = dedicated


def is_single_station(m: Any) -> bool:
    """Return whether a machine is a first-come-first-served queue before equal servers, without time bins."""
    nothing_fails = m["transient"] == 0 and m["poison"] == 0 and m["special_calls"] == 0 and m["subscribers"] == 0
    none_leaves = (
        m["patience"] in (0, inf) and m["expires"] in (0, inf) and m["places"] == UNBOUNDED and m["end"] == inf
    )
    costs_nothing = m["accept"] == 0 and m["dispatch_cost"] == 0 and m["limited"] == 0 and m["slows"] == 0
    never_again = m["leased"] == 0 and m["keys"] == 0
    at_once = m["delivery"] == NONE or (m["delivery"] == POLLING and m["delivery_a"] == 0)
    counted = (
        m["jobs"] < UNBOUNDED
        and m["classes"] == 1
        and m["drains"] == 1
        and m["binned"] == 0
        and m["scaled"] == 0
        and m["inline_wait"] <= 0
        and m["client_count"] == 0
        and m["servers"] <= FIRST_SLOTS
    )
    return bool(nothing_fails and none_leaves and costs_nothing and never_again and at_once and counted)


def dedicated_consumers(scenario: Scenario) -> list[int]:
    """Consumers of each queue as the run begins."""
    given, scaling = scenario.event_driven.apportioned(scenario.event_driven.consumers), scenario.autoscaling
    if scaling is None:
        return given
    bounds = zip(given, *dedicated_bounds(scenario, scaling), strict=True)
    return [min(max(consumers, fewest), most) for consumers, fewest, most in bounds]


def dedicated_bounds(scenario: Scenario, scaling: Autoscaling) -> tuple[list[int], list[int]]:
    fewest, most = (scenario.event_driven.apportioned(servers) for servers in (scaling.min, scaling.max))
    return [min(pair) for pair in zip(fewest, most, strict=True)], most


DISCIPLINES = complete_table(
    Discipline, {"strict": layout.STRICT, "dedicated": layout.DEDICATED, "weighted": layout.WEIGHTED}
)
OWN_CONSUMERS = complete_table(Discipline, {"strict": False, "dedicated": True, "weighted": False})
"""Whether each queue has consumers of its own."""
_DROPS_CONNECTIONS = complete_table(Overflow, {"refuse": False, "drop": True})
_HANGS = complete_table(OutageMode, {"refuse": 0.0, "hang": 1.0})
_LEASE_ENDS = complete_table(
    LeaseEnds, {"redelivers": layout.REDELIVERS, "discards": layout.DISCARDS, "stops": layout.STOPS}
)
_FAILS_THE_CALL = complete_table(InlineFailure, {"ignored": False, "fails_the_call": True})
_EARLY = complete_table(Acknowledges, {"late": False, "early": True})
_TOGETHER = complete_table(InlineCalls, {"together": True, "one_by_one": False})


def retries_of(scenario: Scenario, design: str) -> int:
    inline = scenario.synchronous.inline_retries
    return scenario.retries.max if design != SYNCHRONOUS or inline is None else inline


def client_retries_of(scenario: Scenario, design: str) -> int:
    """How often a caller calls again: after any failure in the synchronous design, in the event-driven one if the queue was full."""
    own = scenario.event_driven.client_retries
    return scenario.synchronous.client_retries if design == SYNCHRONOUS or own is None else own


def client_backoff_s_of(scenario: Scenario, design: str) -> float:
    own = scenario.event_driven.client_backoff_s
    return scenario.synchronous.client_backoff_s if design == SYNCHRONOUS or own is None else own


def keys_of(scenario: Scenario) -> int:
    """The keys of jobs whose order the event-driven design keeps; 0 if it keeps none."""
    ordering = scenario.event_driven.ordering
    return scenario.event_driven.keys if ordering == "per_key" else int(ordering == "one_at_a_time")


def called_subscribers(scenario: Scenario) -> int:
    """Return the subscribers that get each result: all but the caller, who counts as one if it waits."""
    return max(0, scenario.subscribers.count - scenario.event_driven.delivery.caller_waits)


def _set_length(m: Any, scenario: Scenario, trace: Trace | None) -> None:
    rate = rate_of(scenario, trace)
    cycle = scenario.arrivals.period_s
    m["warmup"] = scenario.warmup_jobs
    m["end"] = scenario.duration_s or inf
    m["last"] = cycle * _cycles(scenario, rate, cycle) if cycle is not None and scenario.duration_s is None else inf
    finite = trace is not None or isinstance(scenario.arrivals, BacklogArrivals)
    bounded = finite or (scenario.duration_s is None and cycle is None)
    m["jobs"] = jobs_of(scenario, trace) if bounded else UNBOUNDED
    m["batch_ends"] = scenario.warmup_jobs
    expected = scenario.duration_s or 1.1 * max(jobs_of(scenario, trace) / (rate or inf), 1e-6)
    m["bin_width"] = m["bin_end"] = expected / layout.BINS


def _set_arrivals(m: Any, scenario: Scenario, trace: Trace | None) -> None:
    m["arrival_kind_after"] = list(ARRIVALS).index(scenario.arrivals.process)
    m["backlog"] = scenario.backlog_jobs
    m["arrival_kind"] = AT_START if scenario.backlog_jobs else m["arrival_kind_after"]
    m["client_count"] = scenario.arrivals.clients if isinstance(scenario.arrivals, ClosedArrivals) else 0
    m["arrival_a"], m["arrival_b"], m["arrival_c"], m["arrival_d"] = scenario.arrivals.parameters
    m["rate"] = rate_of(scenario, trace)
    m["gap"] = 1 / (m["rate"] or inf)


def _set_service(m: Any, scenario: Scenario, trace: Trace | None, drawn: Floats | None) -> None:
    m["service_kind"] = list(SERVICES).index(scenario.service.distribution)
    m["service_a"], m["service_b"], m["service_c"] = scenario.service.parameters
    if scenario.service_by_queue:
        m["service_kind"] = BY_CLASS
        for place, service in enumerate(scenario.services):
            m["class_services"][place] = list(SERVICES).index(service.distribution)
            for name, parameter in zip("abc", service.parameters, strict=True):
                m[f"class_service_{name}"][place] = parameter
    m["drawn"] = 0 if drawn is None else len(drawn)
    if (line := call_time_of(scenario, trace, drawn)) is not None:
        m["slows"] = True
        m["slow_base"], m["slow_each"] = line.alone_s / line.measured_s, line.each_s / line.measured_s


def _set_classes(m: Any, scenario: Scenario) -> None:
    names = list(scenario.event_driven.queues)
    m["classes"] = len(names)
    m["shares"][: len(names)] = np.cumsum(list(scenario.event_driven.queues.values())) / 100
    m["deadlines"][: len(names)] = scenario.deadlines_s


def _set_provider(m: Any, scenario: Scenario, trace: Trace | None) -> None:
    provider = scenario.provider
    m["concurrency"] = provider.max_concurrency or UNBOUNDED
    m["limited"] = provider.is_limited
    m["day_quota"] = provider.own_requests_per_day or 0
    m["unpaced"], m["heeds_retry_after"] = provider.is_unpaced, provider.heeds_retry_after
    m["failed_calls_count"] = provider.failed_calls_count
    m["bucket_time"][:] = [0 if quota is None else 60 / quota[0] for quota in provider.own_quotas]
    m["bucket_size"][:] = [0 if quota is None else quota[1] for quota in provider.own_quotas]
    m["input_tokens"], m["output_tokens"] = provider.input_tokens, provider.output_tokens
    m["traced_input"] = _recorded_tokens(scenario, trace, "input_tokens") is not None
    m["traced_output"] = _recorded_tokens(scenario, trace, "output_tokens") is not None
    m["outage_count"] = len(provider.outages)
    for place, outage in enumerate(provider.outages):
        m["outages"][place] = outage.start_s, outage.start_s + outage.length_s, _HANGS[outage.mode]
    m["call_timeout"] = inf if provider.call_timeout_s is None else provider.call_timeout_s


def _set_failures(m: Any, scenario: Scenario, design: str) -> None:
    m["transient"] = scenario.failures.transient_percent / 100
    m["poison"] = scenario.failures.poison_percent / 100
    m["failure_time"] = -1 if scenario.failures.failure_s is None else scenario.failures.failure_s
    m["special_calls"] = (
        m["outage_count"] > 0 or m["failure_time"] >= 0 or m["call_timeout"] < inf or (m["unpaced"] and m["limited"])
    )
    m["retries"] = retries_of(scenario, design)
    listed = scenario.retries.listed_pauses_s(retries_of(scenario, design))
    m["jitter"] = list(PAUSES).index(scenario.retries.jitter) if listed is None else LISTED
    m["base"], m["cap"] = scenario.retries.base_s, scenario.retries.cap_s
    m["pauses"][: len(listed or ())] = listed or ()


def _set_autoscaling(m: Any, scenario: Scenario) -> None:
    scaling = scenario.autoscaling
    m["scaled"], m["scale_at"] = scaling is not None, inf
    if scaling is not None:
        m["min_servers"], m["max_servers"] = scaling.min, scaling.max
        m["target_depth"], m["target_lag"] = scaling.target_depth or inf, scaling.target_lag_s or inf
        m["start_up"], m["scale_at"] = scaling.start_up_s, AUTOSCALER_LOOK_S
        fewest, most = dedicated_bounds(scenario, scaling)
        m["q_min_servers"][: len(fewest)], m["q_max_servers"][: len(most)] = fewest, most


def _set_subscribers(m: Any, scenario: Scenario, *, synchronous: bool) -> None:
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
    m["station_consumers"] = subscribers.consumers or 0
    m["inline_fails"] = synchronous and _FAILS_THE_CALL[subscribers.inline_failure]


def _set_synchronous(m: Any, scenario: Scenario) -> None:
    design = scenario.synchronous
    m["delivery"] = NONE
    m["places"] = UNBOUNDED if design.backlog is None else design.backlog
    m["patience"] = min(scenario.first_byte_limit_s, scenario.answer_limit_s)
    if scenario.counts_first_byte and m["patience"] < scenario.answer_limit_s:
        m["streams"], m["first_token"], m["answer_limit"] = True, scenario.first_token_s, scenario.answer_limit_s
    m["client_retries"], m["client_backoff"] = design.client_retries, design.client_backoff_s
    m["drops_abandoned"] = design.drops_abandoned
    m["drops_connections"], m["syn_linear"] = _DROPS_CONNECTIONS[design.overflow], design.syn_linear_timeouts


def _set_event_driven(m: Any, scenario: Scenario, *, hybrid: bool) -> None:
    design = scenario.event_driven
    m["places"] = UNBOUNDED if design.max_queue is None else design.max_queue
    m["discipline"] = DISCIPLINES[design.discipline]
    m["stride"][: len(design.queues)] = [100 / share if share > 0 else inf for share in design.queues.values()]
    m["q_unasked"] = -1
    m["accept"], m["dispatch_cost"], m["tick"] = design.accept_s, design.dispatch_s, design.retry_tick_s
    m["expires"] = design.expires_s or inf
    m["dead_letter"] = design.dead_letter
    m["client_retries"], m["client_backoff"] = (
        client_retries_of(scenario, EVENT_DRIVEN),
        client_backoff_s_of(scenario, EVENT_DRIVEN),
    )
    m["leased"], m["lease"], m["lease_ends"] = design.redelivers, design.lease_s or inf, _LEASE_ENDS[design.lease_ends]
    m["keys"] = keys_of(scenario)
    m["most_deliveries"] = design.max_deliveries or UNBOUNDED
    m["crash_rate"] = design.crashes_per_hour / HOUR_S
    m["acknowledges_early"] = _EARLY[design.acknowledges]
    if design.breaker is not None:
        m["breaks"] = m["limited"] = True
        m["breaker_failures"], m["breaker_pause"] = design.breaker.failures, design.breaker.pause_s
    m["inline_wait"] = scenario.hybrid.inline_wait_s if hybrid and scenario.hybrid is not None else -inf
    m["delivery"] = list(DELIVERIES).index(design.delivery.method)
    m["learns_of_failure"] = design.delivery.learns_of_failure
    design.delivery.encode(m)
