"""Cross-checks: what is wrong or will go wrong with the answers, whichever style is chosen."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from advisor.advice import library, recovery, sizing
from advisor.advice.answers import Answers
from advisor.advice.contract import Evidence, Method, OutageEvidence, Queue, Style, StyleEvidence
from advisor.advice.facts import ATTENTION_S, PointFacts
from advisor.advice.polling import polling_interval_s
from advisor.advice.sizing import Plan
from advisor.advice.words import a_day, apart, past, rates, times
from core.numbers import count, duration, number, percent, plural, rate


@dataclass(frozen=True)
class Case:
    answers: Answers
    point: PointFacts
    style: Style
    method: Method
    plan: Plan
    queues: tuple[Queue, ...] = ()
    """Of the advice."""
    evidence: Evidence | None = None
    breaker: bool = False
    """Whether one is planned."""
    searched_consumers: bool = False
    """Whether as many consumers are planned as the simulation shows to be of use."""

    @property
    def outcome(self) -> StyleEvidence | None:
        """Of the style that is advised."""
        return None if self.evidence is None else self.evidence.styles.get(self.style)

    @property
    def is_simulated(self) -> bool:
        return self.outcome is not None

    @property
    def outage(self) -> OutageEvidence | None:
        return None if self.evidence is None else self.evidence.outage

    @property
    def late_queues(self) -> list[Queue]:
        """Those whose jobs wait longer in the simulation than they may; none without one."""
        return [
            queue
            for queue in self.queues
            if self.is_simulated
            and queue.name != sizing.EVENTS
            and (queue.wait_p95_s is None or queue.wait_p95_s > queue.max_wait_s)
        ]


@dataclass(frozen=True)
class Check:
    code: str
    title: str
    about: str
    """What goes wrong and what helps, for the handbook."""
    when: Callable[[Case], bool]
    sentence: Callable[[Case], str]


def _overload(case: Case) -> str:
    p = case.point
    arrive, served = rates(p.load.rate, p.capacity.cap)
    grows = (
        f"{_growth(p.load.rate, p.capacity.cap)} and never clears"
        if p.load.rate > p.capacity.cap
        else "a backlog never clears"
    )
    return f"{arrive} arrive on average and {served} can be served: {grows}."


def _growth(arrive: float, served: float) -> str:
    return f"the backlog grows by {number((arrive - served) * 60)} {plural((arrive - served) * 60, 'job')} a minute"


def _past_workers(case: Case) -> str:
    p = case.point
    growth = _growth(p.load.peak_rate, p.capacity.sync_cap)
    peak, served = rates(p.load.peak_rate, p.capacity.sync_cap)
    demand = f"Peak demand of {peak} is past the {served} that {count(min(p.capacity.workers, p.capacity.consumers), 'worker')} can do here"
    if p.load.peak_s == 0 or p.load.rate >= p.capacity.sync_cap:
        return f"{demand}: {growth} and never clears."
    clears = duration(recovery.drain_after_peak_s(p, p.capacity.sync_cap))
    return f"{demand}: in a peak {growth}, and takes {clears} to clear afterwards."


def _past_provider(case: Case) -> str:
    p, bound = case.point, sizing.concurrency(case.point).bound_by
    by = "" if bound == "workers" else f" (bound by its {bound})"
    peak, allowed = rates(p.load.peak_rate, sizing.provider_cap(p))
    return f"Peak demand of {peak} is past the {allowed} that the model provider allows{by}: more workers cannot help."


def _is_too_slow(case: Case) -> bool:
    if case.is_simulated:
        outage = case.outage
        if case.style == "synchronous" or outage is None:
            return False
        return outage.recovery_s is None or outage.recovery_s > _recover_within_s(case)
    return case.point.capacity.long_run_load < 1 and recovery.drain_after_outage_s(case.point) > _recover_within_s(case)


def _too_slow(case: Case) -> str:
    p, within_s = case.point, _recover_within_s(case)
    outage = case.outage if case.is_simulated else None
    takes_s = recovery.drain_after_outage_s(p) if outage is None else outage.recovery_s or math.inf
    needed, useful = recovery.consumers_to_recover(p, within_s), sizing.concurrency(p).useful
    but = f", and more than {useful:,} {plural(useful, 'brings', 'bring')} nothing" if needed > useful else ""
    takes, within = apart(takes_s, within_s)
    clears = (
        f"takes {takes} to clear"
        if math.isfinite(takes_s)
        else "is not cleared in the simulation"
        if outage
        else "never clears"
    )
    helps = (
        "more consumers do not help in the simulation, but more calls at once, or more time, would"
        if case.is_simulated and case.searched_consumers
        else f"recovery in time takes {count(needed, 'consumer')}{but}"
    )
    return f"After an outage of {duration(p.load.outage_s)} the backlog {clears}, and it may take {within}: {helps}."


def _recover_within_s(case: Case) -> float:
    return 60 * case.answers.resilience.recover_within_minutes


def _late_queues(case: Case) -> str:
    if not case.is_simulated:
        return (
            f"In a peak the wait targets of the classes take {count(case.plan.needed, 'consumer')}, and no more than "
            f"{case.plan.available:,} can be put to use. The most urgent queue is served first; the others wait longer than they should."
        )
    waits = []
    for queue in case.late_queues:
        if queue.wait_p95_s is None:
            waits.append(f"the wait of {queue.name} requests grows as long as requests arrive")
        else:
            waited, longer, allowed = past(queue.wait_p95_s, queue.max_wait_s)
            waits.append(f"{queue.name} requests wait {waited} (p95), {longer} the {allowed} wanted")
    return (
        f"With {count(case.late_queues[0].consumers, 'consumer')}, as many as can be put to use, {'; '.join(waits)}. "
        "Allow them more time, or more calls at once."
    )


def _impossible_deadline(case: Case) -> str:
    late, tolerated = apart(100 * case.point.work.late_share, 100 * case.point.caller.tolerated, percent)
    return (
        f"{late} of the requests take longer than {duration(case.point.caller.deadline_s)} to process, and "
        f"{tolerated} may be late: no design can keep "
        "this deadline."
    )


SLOWER = 1.1
"""A call that takes this many times as long when the model is busy is worth a word."""
CALLS_THAT_MAY_SLOW = 8


def _slows_down(case: Case) -> bool:
    return case.answers.processing.high_mean_s is not None


def _busy_mean_s(case: Case) -> float:
    """The second measurement; infinite if there is none."""
    measured_s = case.answers.processing.high_mean_s
    return math.inf if measured_s is None else measured_s


_CAPACITY: tuple[Check, ...] = (
    Check(
        "impossible_deadline",
        "The deadline is shorter than the work",
        "More requests take longer to process than may be late. Only faster processing or a later deadline helps.",
        lambda c: c.point.work.late_share > c.point.caller.tolerated + 1e-9,
        _impossible_deadline,
    ),
    Check(
        "overload",
        "More arrives than can be served",
        "The mean demand is past capacity, retries included: the backlog grows without end.",
        lambda c: c.point.capacity.long_run_load >= 1,
        _overload,
    ),
    Check(
        "peak_past_workers",
        "A peak needs more workers than there are",
        "Peak demand is past what the synchronous service can do: a backlog grows, or requests are refused.",
        lambda c: c.point.load.peak_rate > c.point.capacity.sync_cap,
        _past_workers,
    ),
    Check(
        "workers_past_most",
        "The synchronous design has more workers than there may be",
        "Operations allow fewer workers than the synchronous design is given: the smaller number counts.",
        lambda c: c.answers.synchronous.workers > c.answers.operations.max_workers,
        lambda c: (
            f"The synchronous design has {count(c.answers.synchronous.workers, 'worker')}, operations allow "
            f"{c.answers.operations.max_workers:,} at most: the smaller number counts."
        ),
    ),
    Check(
        "demand_past_provider",
        "A peak needs more than the provider allows",
        "Peak demand is past the provider's concurrency or quotas: more workers cannot help; a larger quota or fewer tokens can.",
        lambda c: c.point.load.peak_rate > sizing.provider_cap(c.point),
        _past_provider,
    ),
    Check(
        "targets_need_more_consumers",
        "The wait targets need more consumers than there may be",
        "The classes' longest waits take more consumers in a peak than are allowed, or than the provider's limits leave of use.",
        lambda c: (
            bool(c.late_queues) if c.is_simulated else c.style == "event_driven" and c.plan.needed > c.plan.available
        ),
        _late_queues,
    ),
    Check(
        "recovery_too_slow",
        "The outage's backlog is not gone in time",
        "What gathers in the stated outage takes longer to drain than recovery may take.",
        _is_too_slow,
        _too_slow,
    ),
    Check(
        "slows_down",
        "The model slows down as calls are added",
        "A model that batches its calls takes longer for each of them the more there are at once. Capacity counts the longer time.",
        lambda c: _slows_down(c) and c.point.capacity.busy_call_s > SLOWER * c.point.work.mean_s,
        lambda c: (
            f"With {count(c.point.capacity.servers, 'call')} at once a call takes {duration(c.point.capacity.busy_call_s)} on average, "
            f"not {duration(c.point.work.mean_s)}: {rate(c.point.capacity.servers / c.point.capacity.busy_call_s)} at the most."
        ),
    ),
    Check(
        "faster_when_busy",
        "A busy model was measured to be faster",
        "The second measurement, with more calls at once, is shorter than the first, so it counts for nothing: measure again.",
        lambda c: _busy_mean_s(c) < c.point.work.mean_s,
        lambda c: (
            f"With {count(c.answers.processing.high_in_flight, 'call')} at once a call is said to take "
            f"{apart(_busy_mean_s(c), c.point.work.mean_s)[0]} on average, less than the "
            f"{apart(_busy_mean_s(c), c.point.work.mean_s)[1]} with {c.answers.processing.measured_in_flight:,}: "
            "no slowdown is counted. Measure again."
        ),
    ),
    Check(
        "one_time_for_any_load",
        "A self-hosted model has one time for any load",
        "A server that batches slows down as calls are added; one constant time says several times its true capacity.",
        lambda c: (
            c.answers.provider.profile == "self_hosted"
            and not _slows_down(c)
            and c.point.capacity.servers > CALLS_THAT_MAY_SLOW
        ),
        lambda c: (
            f"The model is self-hosted and takes {count(c.point.capacity.servers, 'call')} at once, but each is said to take as long as one alone. "
            "Measure a call when the model is busy: its capacity may be a third of this."
        ),
    ),
    Check(
        "global_order",
        "One order leaves one consumer",
        "Results that all keep one order are processed one at a time, whatever the number of workers.",
        lambda c: bool(c.point.capacity.ordered_globally),
        lambda c: (
            f"One order for all results leaves one at a time: "
            f"{rate(1 / (c.point.work.mean_s * c.point.failure.attempts))} at the most, whatever the number "
            "of workers."
        ),
    ),
    Check(
        "order_needs_partitions",
        "Order for each key needs partitions",
        "Competing consumers mix up the order of a key unless each key always goes to the same one.",
        lambda c: c.style != "synchronous" and bool(c.point.coupling.ordered_by_key),
        lambda c: (
            "Order for each key needs a partition by key: one consumer a partition, and a retry holds back its own key alone."
        ),
    ),
)


def _unchecked(case: Case) -> list[str]:
    facts = [library.hop_named(hop) for hop in case.answers.synchronous.hops if isinstance(hop, str)]
    profile = library.profiles().get(case.answers.provider.profile or "")
    waits = not case.point.caller.nobody
    return [fact.title for fact in facts if fact and fact.unchecked and waits] + (
        [profile.title] if profile and profile.unchecked else []
    )


def _no_immediate_answer(case: Case) -> str:
    p = case.point
    silence_s = min(p.inline.hop_idle_s, p.inline.client_timeout_s)
    at_p99 = f"{duration(p.inline.answer_p99_s)} at p99"
    if p.caller.streams and p.caller.first_token_s + p.inline.wait_s > silence_s:
        begins, beyond, silence = past(p.caller.first_token_s + p.inline.wait_s, silence_s)
        why = f"the stream begins after {begins}, {beyond} the {silence} of silence that the way allows"
    elif p.inline.answer_p50_s > p.inline.patience_s:
        takes, beyond, patience = past(p.inline.answer_p50_s, p.inline.patience_s)
        why = f"it takes {takes} at the median, {beyond} the {patience} that attention lasts, and {at_p99}"
    else:
        why = f"it takes {duration(p.inline.answer_p50_s)} at the median and {at_p99}, and no answer in line outlives "
        f"{duration(p.inline.hybrid_wait_s)}"
    return (
        f"The caller wants its answer at once, but {why}: answer with 202 and show progress, or make the work shorter."
    )


def _swings(case: Case) -> str:
    p = case.point
    peak = (
        f"its busiest {duration(p.load.peak_s)} ({times(p.load.peak_to_mean)} the mean)"
        if p.load.peak_s > 0
        else "no peak"
    )
    return (
        f"The advice takes {peak} from the recording, and the consumers come from formulas for steady arrivals. What swings slower or faster "
        "than that waits longer: simulate the recording before you size queues by it."
    )


def _gives_up(case: Case) -> str:
    slowest, timeout = apart(case.point.work.p99_s, case.point.inline.client_timeout_s)
    return f"In line the client gives up after {timeout}, before the slowest one in a hundred ({slowest}) is processed: the work goes on for nobody."


def _past_attention(case: Case) -> str:
    waits, beyond, attention = past(case.point.inline.inline_p99_s, ATTENTION_S)
    return f"A person waits {waits} at p99, {beyond} the {attention} that attention lasts: stream the answer, or show progress."


def _gone_before_asked(case: Case) -> str:
    kept, interval = apart(case.point.coupling.retention_s, polling_interval_s(case.point))
    return (
        f"Results are kept for {kept}, shorter than the polling interval of {interval}: a caller may miss its result."
    )


_LIMITS: tuple[Check, ...] = (
    Check(
        "immediate_answer_impossible",
        "No answer in line can be immediate",
        "The caller wants its answer at once, but even the typical answer does not fit into the limits on the way.",
        lambda c: bool(c.point.caller.immediate) and c.style == "event_driven",
        _no_immediate_answer,
    ),
    Check(
        "timeout_under_p99",
        "The client gives up before the slowest answers",
        "A client timeout below p99 of processing: the work goes on for nobody.",
        lambda c: (
            not c.point.caller.streams and c.point.work.p50_s <= c.point.inline.client_timeout_s < c.point.work.p99_s
        ),
        _gives_up,
    ),
    Check(
        "past_attention",
        "A person waits longer than attention lasts",
        f"An answer in line that takes a person past {ATTENTION_S:g} s, and nothing that shows progress.",
        lambda c: (
            bool(c.point.caller.end_user)
            and c.style == "synchronous"
            and not c.point.caller.streams
            and c.point.inline.inline_p99_s > ATTENTION_S
        ),
        _past_attention,
    ),
    Check(
        "first_token_unknown",
        "The first token's time is not known",
        "A streamed answer must begin before the idle limits on the way, so its first token has to be measured.",
        lambda c: bool(c.point.caller.streams) and math.isnan(c.point.caller.first_token_s),
        lambda c: (
            "The answer streams, but nothing says when its first part comes: measure it, for the idle limits on the way count from the start."
        ),
    ),
    Check(
        "retention_too_short",
        "A result may be gone before it is asked for",
        "Results that are kept for a shorter time than the polling interval: a caller may miss its own.",
        lambda c: c.method == "polling" and c.point.coupling.retention_s < polling_interval_s(c.point),
        _gone_before_asked,
    ),
    Check(
        "recording_is_not_stationary",
        "Formulas miss how a recording swings",
        "The advice takes a recording's rate, its one peak and the unevenness of its gaps. Arrivals that swing in between wait longer than "
        "the formulas behind limits and consumers say: simulate the recording.",
        lambda c: c.answers.volume.trace is not None,
        _swings,
    ),
    Check(
        "unchecked_fact",
        "A limit has not been seen at its source",
        "A hop or a profile whose figures were not read in a first-hand source.",
        lambda c: bool(_unchecked(c)),
        lambda c: f"Not yet checked at the source: {', '.join(_unchecked(c))}. Check it before you rely on it.",
    ),
)


BURNT = 0.05
"""Failing calls that take this part of the quota are worth a word."""


LEASE_MISSES = 0.001
"""Jobs past their lease are worth a word if they are more than this part."""


def _retries(case: Case) -> str:
    return count(case.point.failure.max_retries, "retry", "retries")


def _fails(case: Case) -> bool:
    return case.point.failure.max_retries > 0 and case.point.failure.transient + case.point.failure.poison > 0


def _is_lost(case: Case) -> str:
    return "would become a dead letter" if case.answers.failures.dead_letter else "would fail for good"


def _has_quota(case: Case) -> bool:
    return any(
        math.isfinite(cap)
        for cap in (case.point.capacity.requests_cap, case.point.capacity.input_cap, case.point.capacity.output_cap)
    )


def _layers(case: Case) -> tuple[int, int]:
    return case.answers.synchronous.client_retries + 1, case.answers.failures.max_retries + 1


def _past_deadline(case: Case) -> str:
    p = case.point
    takes, beyond, deadline = past(p.failure.retry_window_s + p.work.p95_s, p.caller.deadline_s)
    return (
        f"{_retries(case)} may pause for {duration(p.failure.retry_window_s)} in all; with p95 "
        f"{duration(p.work.p95_s)} that makes {takes}, {beyond} the "
        f"deadline of {deadline}, when nobody wants the result any more."
    )


LEASE_ENDS = {
    "redelivers": "another consumer does the same work again while the first goes on",
    "discards": "their results are refused, and they are delivered again",
    "stops": "they are stopped, and delivered again",
}


def _past_lease(case: Case) -> str:
    operations, work = case.answers.operations, case.point.work
    most = operations.max_deliveries
    until = "without end" if most is None else f"until they are given up after {count(most, 'delivery', 'deliveries')}"
    ends = "" if operations.lease_ends == "redelivers" else f" {until}"
    return (
        f"{percent(100 * work.past_lease)} of the jobs take longer than the {duration(operations.lease_s or 0)} that a consumer may keep them: "
        f"{LEASE_ENDS[operations.lease_ends]}{ends}. Allow more time than the slowest job takes, or extend it while the work goes on."
    )


def _fills_s(case: Case) -> float:
    """The time until calls that hang hold every worker."""
    return case.point.capacity.servers / case.point.load.rate


def _hangs(case: Case) -> bool:
    resilience, timeout_s = case.answers.resilience, case.answers.provider.call_timeout_s
    held_s = min(case.point.load.outage_s, timeout_s if timeout_s is not None else math.inf)
    return resilience.outage_mode == "hang" and held_s > _fills_s(case)


def _hanging(case: Case) -> str:
    timeout_s = case.answers.provider.call_timeout_s
    held = "as long as it lasts" if timeout_s is None else f"{duration(timeout_s)} each"
    return (
        f"In an outage calls hang for {held}: after {duration(_fills_s(case))} all {count(case.point.capacity.servers, 'worker')} wait for "
        f"calls that bring nothing. A call timeout a little above p99 ({duration(case.point.work.p99_s)}) frees them."
    )


def _lost_a_day(case: Case) -> float:
    busy = case.point.load.rate * case.point.work.mean_s * case.point.failure.attempts
    return case.answers.operations.crashes_per_hour * 24 * busy


def _too_few(case: Case) -> str:
    p = case.point
    fail, tolerated = apart(100 * p.failure.transient ** (p.failure.max_retries + 1), 100 * p.caller.tolerated, percent)
    tried = _retries(case) if p.failure.max_retries else "no retries"
    return (
        f"With {percent(100 * p.failure.transient)} of the calls failing and {tried}, {fail} of the requests fail for "
        f"good, more than the {tolerated} "
        "that may."
    )


_FAILURES: tuple[Check, ...] = (
    Check(
        "retry_window_past_deadline",
        "Retries go on past the deadline",
        "Pauses between retries that outlast the deadline: the last tries are for nobody.",
        lambda c: _fails(c) and c.point.failure.retry_window_s + c.point.work.p95_s > c.point.caller.deadline_s,
        _past_deadline,
    ),
    Check(
        "retries_at_two_layers",
        "Two layers retry",
        "Tries multiply where two layers retry. Retry at one layer (Google, Site Reliability Engineering, chapter 22).",
        lambda c: not c.point.caller.nobody and min(_layers(c)) > 1,
        lambda c: (
            f"The client tries {_layers(c)[0]} times and the service {_layers(c)[1]} times: up to {math.prod(_layers(c))} attempts for one "
            "request. Retry at one layer."
        ),
    ),
    Check(
        "not_idempotent",
        "Work is repeated that must not be",
        "Retries and queues process a request at least once. Give each request a key and refuse the second.",
        lambda c: not c.answers.failures.idempotent and (c.point.failure.max_retries > 0 or c.style != "synchronous"),
        lambda c: (
            f"{'Retries' if c.style == 'synchronous' else 'Queues and retries'} process a request at least once, and twice does harm here: "
            "give each request a key and refuse the second."
        ),
    ),
    Check(
        "outage_outlasts_retries",
        "An outage outlasts the retries",
        "An outage is not independent from call to call: without a circuit breaker everything that fails in it becomes a dead letter.",
        lambda c: (
            c.style != "synchronous"
            and c.point.failure.max_retries > 0
            and c.point.load.outage_s > c.point.failure.retry_window_s
        ),
        lambda c: (
            f"{_retries(c)} {plural(c.point.failure.max_retries, 'spans', 'span')} "
            f"{apart(c.point.failure.retry_window_s, c.point.load.outage_s)[0]} at most, "
            f"an outage {apart(c.point.failure.retry_window_s, c.point.load.outage_s)[1]}: nearly everything that meets it {_is_lost(c)}. "
            + (
                "Pauses that span the outage would keep it, and make later requests wait."
                if c.is_simulated
                else "Pause the consumers while the provider is away (a circuit breaker)."
            )
        ),
    ),
    Check(
        "outage_hangs",
        "Hanging calls hold every worker",
        "A provider that hangs, with no call timeout or a long one, takes a synchronous service down: every worker waits for it.",
        _hangs,
        _hanging,
    ),
    Check(
        "call_timeout_too_short",
        "The call timeout cuts off calls that would succeed",
        "Calls that take longer than the call timeout fail, and fail again at each retry: their time is wasted.",
        lambda c: c.point.work.past_call_timeout > c.point.caller.tolerated,
        lambda c: (
            f"{percent(100 * c.point.work.past_call_timeout)} of the calls take longer than the call timeout of "
            f"{duration(c.answers.provider.call_timeout_s or 0)}, and so do their retries: the work is thrown away."
        ),
    ),
    Check(
        "lease_too_short",
        "Jobs take longer than a consumer may keep them",
        "A visibility timeout, acknowledgement deadline, poll interval or job timeout that is shorter than the work: jobs are delivered again "
        "and again, and consumers are busy with copies.",
        lambda c: c.style != "synchronous" and c.point.work.past_lease > LEASE_MISSES,
        _past_lease,
    ),
    Check(
        "acknowledged_early",
        "A crash loses the jobs in hand",
        "A job that is acknowledged when it is taken is gone if its consumer crashes.",
        lambda c: c.style != "synchronous" and c.answers.operations.acknowledges == "early" and _lost_a_day(c) > 0,
        lambda c: (
            f"Jobs are acknowledged when they are taken, so crashes lose {a_day(_lost_a_day(c))}: acknowledge them when they are done."
        ),
    ),
    Check(
        "refused_calls",
        "Refused calls use up retries",
        "Callers that are not paced are refused with 429 in a peak; each refusal is a failed attempt, and all return together.",
        lambda c: c.answers.provider.pacing == "none" and c.point.load.peak_rate > sizing.provider_cap(c.point),
        lambda c: (
            f"In a peak {rates(c.point.load.peak_rate, sizing.provider_cap(c.point))[0]} arrive and the provider takes "
            f"{rates(c.point.load.peak_rate, sizing.provider_cap(c.point))[1]}: the rest is refused with 429, and each refusal uses up one of "
            f"{_retries(c)}. Hold calls back until the limits allow them."
        ),
    ),
    Check(
        "quota_burnt",
        "Failing calls use up quota",
        "Failed calls count against the quota, and each retry takes a place of its own.",
        lambda c: 1 - 1 / c.point.failure.attempts >= BURNT and _has_quota(c),
        lambda c: (
            f"A request takes {number(c.point.failure.attempts)} attempts on average, so failing calls burn "
            f"{percent(100 * (1 - 1 / c.point.failure.attempts))} of "
            "the quota."
        ),
    ),
    Check(
        "too_few_retries",
        "Retries leave more failures than may be",
        "Transient failures that all retries together do not bring below the tolerated misses.",
        lambda c: c.point.failure.transient ** (c.point.failure.max_retries + 1) > c.point.caller.tolerated,
        _too_few,
    ),
    Check(
        "poison_without_dead_letters",
        "What never works has nowhere to go",
        "Requests that never work, and no dead-letter queue to show them to a person.",
        lambda c: c.style != "synchronous" and not c.answers.failures.dead_letter and c.point.failure.poison > 0,
        lambda c: (
            f"{percent(100 * c.point.failure.poison)} of the requests never work, "
            f"{a_day(c.point.load.rate * 86_400 * c.point.failure.poison)}, and nothing keeps "
            "them: a dead-letter queue shows them to a person."
        ),
    ),
    Check(
        "no_jitter",
        "Retries return as one wave",
        "Pauses without jitter bring everything that failed together back together.",
        lambda c: (
            _fails(c) and (c.answers.failures.jitter == "none" or c.answers.failures.retry_intervals_s is not None)
        ),
        lambda c: (
            "Without jitter everything that failed together is tried again together: use full jitter."
            if c.answers.failures.retry_intervals_s is None
            else "A list of pauses is the same for everything that failed together, which is tried again together: spread the pauses."
        ),
    ),
)


CHECKS: tuple[Check, ...] = _CAPACITY + _LIMITS + _FAILURES
