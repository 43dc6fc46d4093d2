"""Cross-checks of demand against capacity."""

import math

from advisor.advice import recovery, sizing
from advisor.advice.cautions.shape import Case, Check
from advisor.advice.words import apart, count, duration, number, percent, plural, rate, rates


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


def _too_slow(case: Case) -> str:
    p, within_s = case.point, _recover_within_s(case)
    needed, useful = recovery.consumers_to_recover(p, within_s), sizing.concurrency(p).useful
    but = f", and more than {useful:,} {plural(useful, 'brings', 'bring')} nothing" if needed > useful else ""
    takes_s = recovery.drain_after_outage_s(p)
    takes, within = apart(takes_s, within_s)
    return (
        f"After an outage of {duration(p.load.outage_s)} the backlog "
        f"{f'takes {takes} to clear' if math.isfinite(takes_s) else 'never clears'}, and it "
        f"may take {within}: recovery in time takes {count(needed, 'consumer')}{but}."
    )


def _recover_within_s(case: Case) -> float:
    return 60 * case.answers.resilience.recover_within_minutes


def _impossible_deadline(case: Case) -> str:
    late, tolerated = apart(100 * case.point.work.late_share, 100 * case.point.caller.tolerated, percent)
    return (
        f"{late} of the requests take longer than {duration(case.point.caller.deadline_s)} to process, and "
        f"{tolerated} may be late: no design can keep "
        "this deadline."
    )


CAPACITY: tuple[Check, ...] = (
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
        lambda c: c.style != "synchronous" and c.plan.needed > c.plan.available,
        lambda c: (
            f"In a peak the wait targets of the classes take {count(c.plan.needed, 'consumer')}, and no more than "
            f"{c.plan.available:,} can be put to use. The most urgent queue is served first; the others wait longer than they should."
        ),
    ),
    Check(
        "recovery_too_slow",
        "The outage's backlog is not gone in time",
        "What gathers in the stated outage takes longer to drain than recovery may take.",
        lambda c: c.point.capacity.long_run_load < 1 and recovery.drain_after_outage_s(c.point) > _recover_within_s(c),
        _too_slow,
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
