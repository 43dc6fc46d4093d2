# mypy: disable-error-code="no-any-return"
"""What both event loops share: the arrays they work on, slots, queues, the provider's limits, and the tally of a settled job."""

from typing import Any

import numpy as np

from simulator.kernel import layout
from simulator.kernel.access import recorded, slot
from simulator.kernel.censoring import count_open, settle_open
from simulator.kernel.closed import resume_thinking, start_clients
from simulator.kernel.compiled import compiled, entry, inlined
from simulator.kernel.daily_quota import charge_day, day_opens_at
from simulator.kernel.draws import class_of, next_arrival, service_s
from simulator.kernel.heap import SLOT_BITS, put_event
from simulator.kernel.layout import Machine
from simulator.kernel.random_numbers import uniform
from simulator.kernel.record import (
    begin_batch,
    bucket_of,
    close_second,
    count_call_in_second,
    count_in_bin,
    count_latency_in_bin,
    keep_arrival,
    keep_call,
    keep_outcome,
    merge_bins,
    merge_latency_bins,
)

MOST_PROBES = 2**15 - 1
"""Failed probes of a job until its draws repeat."""
LAST = 2**37
"""More than any run's serial numbers."""


@compiled
def take_slot(m: Machine) -> int:
    s = m.free
    m.free = slot(m.slots, s).next
    m.free_count -= 1
    return s


@compiled
def free_slot(m: Machine, s: int) -> None:
    slot(m.slots, s).next = m.free
    m.free = s
    m.free_count += 1


@compiled
def copy_slot(m: Machine, source: int, target: int) -> None:
    slot(m.slots, target).job = slot(m.slots, source).job
    slot(m.slots, target).place = slot(m.slots, source).place
    slot(m.slots, target).caller = slot(m.slots, source).caller
    slot(m.slots, target).flags = slot(m.slots, source).flags
    slot(m.slots, target).arrived = slot(m.slots, source).arrived
    slot(m.slots, target).waited = slot(m.slots, source).waited


@compiled
def schedule(m: Machine, s: int, at: float) -> None:
    m.serial += 1
    put_event(m, at, (m.serial << SLOT_BITS) | s)


@compiled
def schedule_last(m: Machine, s: int, at: float) -> None:
    """Put the slot's next event among those to come, after all of the same instant that `schedule` puts there."""
    m.serial += 1
    put_event(m, at, ((LAST + m.serial) << SLOT_BITS) | s)


@compiled
def draw_next_arrival(m: Machine) -> None:
    job = m.next_job
    if job >= m.jobs:
        m.arrival = np.inf
        return
    at = next_arrival(m, job)
    m.arrival = at if at <= m.last else np.inf


@entry
def first_arrival(machine: Any) -> None:
    m = machine[0]
    start_clients(m)
    draw_next_arrival(m)


@inlined
def admit_arrival(m: Machine, now: float) -> int:
    """A slot for the job that arrives; the next arrival is drawn. `now` is when it reaches the design."""
    s = take_slot(m)
    record = slot(m.slots, s)
    job, arrived = m.next_job, m.arrival
    record.job = job
    record.attempt = record.flags = record.caller = 0
    record.place = class_of(m, job)
    record.arrived = arrived
    record.sent = now
    record.waited = record.backoff = 0.0
    record.gave_up = np.inf
    m.in_system += 1
    count_offered(m, job, record.place, arrived, now)
    return s


@inlined
def count_offered(m: Machine, job: int, place: int, arrived: float, now: float) -> None:
    if job == m.warmup:
        end_warm_up(m, now)
    if job >= m.warmup:
        m.counts[layout.C_OFFERED] += 1
        if job >= m.batch_ends:
            begin_batch(m, job, arrived, max(0.0, backlog_of(m) - 1.0))
        if m.end < np.inf:
            count_open(m, place, arrived, batch_of(m, job))
        m.by_class[place, layout.C_OFFERED] += 1
        if m.classes > 1:
            m.class_batches[place, batch_of(m, job), 0] += 1
    if m.binned:
        count_in_bin(m, layout.B_ARRIVALS, arrived)
        keep_arrival(m, job, place, arrived)
    m.last_arrival = arrived
    m.next_job = job + 1
    draw_next_arrival(m)


@compiled
def batch_of(m: Machine, job: int) -> int:
    """The job's batch, of 2^`batch_shift` consecutive jobs."""
    return (job - m.warmup) >> m.batch_shift


@compiled
def backlog_of(m: Machine) -> float:
    """Calls and jobs that wait, back off or will call again: they have slots, as has what the servers at work are at."""
    return float(m.slot_count - m.free_count - (m.servers - m.idle))


@compiled
def end_warm_up(m: Machine, now: float) -> None:
    m.since = m.changed = m.servers_changed = now
    m.area = m.capacity = m.lag_max = 0.0
    m.depth_max_at = now
    m.busy = 0.0
    m.counts[layout.C_MAX_DEPTH] = m.queued


@compiled
def depth_changes(m: Machine, now: float, by: int) -> None:
    queued = m.queued
    m.area += queued * (now - m.changed)
    m.changed = now
    m.queued = queued + by
    if queued + by > m.counts[layout.C_MAX_DEPTH]:
        m.counts[layout.C_MAX_DEPTH] = queued + by
        m.depth_max_at = now


@compiled
def enqueue(m: Machine, q: int, s: int, now: float) -> None:
    record = slot(m.slots, s)
    record.next = -1
    record.queued = now
    if m.q_length[q] == 0:
        m.q_head[q] = s
    else:
        slot(m.slots, m.q_tail[q]).next = s
    m.q_tail[q] = s
    m.q_length[q] += 1
    depth_changes(m, now, 1)


@compiled
def dequeue(m: Machine, q: int, now: float) -> int:
    s = m.q_head[q]
    record = slot(m.slots, s)
    m.q_head[q] = record.next
    m.q_length[q] -= 1
    depth_changes(m, now, -1)
    waited = now - record.queued
    if waited > m.lag_max:
        m.lag_max = waited
    return s


@compiled
def oldest_wait(m: Machine, now: float) -> float:
    if m.keys > 0:
        return now - slot(m.slots, m.oldest).queued if m.oldest >= 0 else 0.0
    oldest = 0.0
    for q in range(m.classes):
        if m.q_length[q] > 0:
            oldest = max(oldest, now - slot(m.slots, m.q_head[q]).queued)
    return oldest


@compiled
def tokens_of(m: Machine, job: int) -> Any:
    tokens_in = recorded(m.trace, job).input_tokens if m.traced_input else m.input_tokens
    tokens_out = recorded(m.trace, job).output_tokens if m.traced_output else m.output_tokens
    return tokens_in, tokens_out


@compiled
def quotas_open_at(m: Machine, job: int) -> float:
    """From when the quotas let the job's call through. A bucket's state is the instant at which it will be full (GCRA).

    Source: ITU-T I.371, the virtual scheduling algorithm.
    """
    if m.traced_input == 0 and m.traced_output == 0:
        return m.quotas_open
    tokens_in, tokens_out = tokens_of(m, job)
    opens = -np.inf
    for bucket in range(layout.BUCKETS):
        unit, capacity = m.bucket_time[bucket], m.bucket_size[bucket]
        if unit > 0.0:
            wanted = 1.0 if bucket == 0 else (tokens_in if bucket == 1 else tokens_out)
            opens = max(opens, m.bucket_full[bucket] - (capacity - min(wanted, capacity)) * unit)
    return max(opens, day_opens_at(m))


@compiled
def provider_allows(m: Machine, s: int, now: float) -> bool:
    """Whether the provider's limits let the job's call through; if time alone will, a timer is set. Unpaced calls ask without waiting."""
    if m.unpaced:
        return True
    if m.calls >= m.concurrency:
        return False
    opens = quotas_open_at(m, slot(m.slots, s).job)
    if opens > now + layout.ROUNDING_S:
        m.timer = opens
        return False
    return True


@compiled
def charge(m: Machine, job: int, now: float, sign: float) -> None:
    """Take a call's quota from the buckets, or give it back (`sign` -1)."""
    tokens_in, tokens_out = tokens_of(m, job)
    opens = -np.inf
    for bucket in range(layout.BUCKETS):
        unit = m.bucket_time[bucket]
        if unit > 0.0:
            wanted = 1.0 if bucket == 0 else (tokens_in if bucket == 1 else tokens_out)
            full = m.bucket_full[bucket]
            full = (max(full, now) if sign > 0.0 else full) + sign * wanted * unit
            m.bucket_full[bucket] = full
            capacity = m.bucket_size[bucket]
            opens = max(opens, full - (capacity - min(wanted, capacity)) * unit)
    if m.day_quota > 0:
        charge_day(m, now, int(sign))
        opens = max(opens, day_opens_at(m))
    m.quotas_open = opens


@compiled
def enter_provider(m: Machine, s: int, now: float) -> None:
    """Take a place and quota for the job's call; an unpaced one that finds none is refused."""
    record = slot(m.slots, s)
    if m.unpaced:
        if m.calls >= m.concurrency or quotas_open_at(m, record.job) > now + layout.ROUNDING_S:
            record.flags |= layout.F_REFUSED
            count_paced(m, s)
            if m.failed_calls_count:
                charge_refused(m, record.job, now)
            return
        record.flags &= ~layout.F_REFUSED
    m.calls += 1
    charge(m, record.job, now, 1.0)


@compiled
def leave_provider(m: Machine, s: int, fails: bool, now: float) -> None:
    record = slot(m.slots, s)
    if record.flags & layout.F_REFUSED:
        return
    m.calls -= 1
    if fails and m.failed_calls_count == 0:
        charge(m, record.job, now, -1.0)


@compiled
def charge_refused(m: Machine, job: int, now: float) -> None:
    """Take what a refused call uses of the buckets, down to an empty one."""
    tokens_in, tokens_out = tokens_of(m, job)
    opens = -np.inf
    for bucket in range(layout.BUCKETS):
        unit, capacity = m.bucket_time[bucket], m.bucket_size[bucket]
        if unit > 0.0:
            wanted = 1.0 if bucket == 0 else (tokens_in if bucket == 1 else tokens_out)
            full = max(m.bucket_full[bucket], now)
            full = max(full, min(full + wanted * unit, now + capacity * unit))
            m.bucket_full[bucket] = full
            opens = max(opens, full - (capacity - min(wanted, capacity)) * unit)
    if m.day_quota > 0:
        if day_opens_at(m) <= now:
            charge_day(m, now, 1)
        opens = max(opens, day_opens_at(m))
    m.quotas_open = opens


@compiled
def pause_after_refusal_s(m: Machine, s: int, pause: float, now: float) -> float:
    """Return the pause before a retry of a call that may have been refused."""
    record = slot(m.slots, s)
    if record.flags & layout.F_REFUSED and m.heeds_retry_after:
        return max(pause, quotas_open_at(m, record.job) - now)
    return pause


@compiled
def begin_call(m: Machine, s: int, now: float, attempt: int) -> float:
    """Tally the start of a call; returns how long it will take."""
    record = slot(m.slots, s)
    job = record.job
    if job >= m.warmup:
        m.counts[layout.C_CALLS] += 1
    if m.binned:
        count_call_in_second(m, now)
        keep_call(m, job)
    record.flags |= layout.F_STARTED
    if m.special_calls:
        return special_call_s(m, s, now, attempt)
    _, tokens_out = tokens_of(m, job)
    return service_s(m, job, tokens_out)


@compiled
def special_call_s(m: Machine, s: int, now: float, attempt: int) -> float:
    """Return how long a call takes that may begin in an outage, time out, or fail after a time of its own. Marks one that gets no answer."""
    record = slot(m.slots, s)
    record.flags &= ~(layout.F_NO_ANSWER | layout.F_FAILS_EARLY)
    if record.flags & layout.F_REFUSED:
        record.flags |= layout.F_NO_ANSWER
        return 0.0
    window = outage_at(m, now)
    if window >= 0:
        record.flags |= layout.F_NO_ANSWER
        takes = m.outages[window, 1] - now if m.outages[window, 2] > 0.0 else max(0.0, m.failure_time)
    elif m.failure_time >= 0.0 and call_fails(m, s, attempt):
        record.flags |= layout.F_FAILS_EARLY
        takes = m.failure_time
    else:
        _, tokens_out = tokens_of(m, record.job)
        takes = service_s(m, record.job, tokens_out)
        if m.slows:
            return takes  # of work: how long it takes shows later
    if takes > m.call_timeout:
        record.flags |= layout.F_NO_ANSWER
        takes = m.call_timeout
    return takes


@compiled
def outage_at(m: Machine, now: float) -> int:
    for window in range(m.outage_count):
        if m.outages[window, 0] <= now < m.outages[window, 1]:
            return window
    return -1


@compiled
def is_poison(m: Machine, job: int) -> bool:
    return m.poison > 0.0 and uniform(m.key, job, layout.U_POISON, 0) < m.poison


@compiled
def call_fails(m: Machine, s: int, attempt: int) -> bool:
    record = slot(m.slots, s)
    job = record.job
    if record.flags & layout.F_NO_ANSWER:
        return True
    if m.transient > 0.0:
        # A failed probe is no attempt, but the next call has another draw.
        draws = job if m.breaks == 0 else job + (((record.caller // layout.PROBED) & MOST_PROBES) << layout.PROBE_SHIFT)
        if uniform(m.key, draws, layout.U_FAILURE, attempt) < m.transient:
            return True
    return is_poison(m, job)


@compiled
def count_paced(m: Machine, s: int) -> None:
    if slot(m.slots, s).job >= m.warmup:
        m.counts[layout.C_429] += 1


@compiled
def count_busy(m: Machine, s: int, now: float, wasted_from: float) -> None:
    """A server that worked on the job since `began` is free: how long it was busy, and how much of that was for nothing."""
    record = slot(m.slots, s)
    began = record.began
    m.busy += now - max(began, m.since)
    m.work_end = now
    if wasted_from < now and record.job >= m.warmup:
        m.wasted += now - max(began, wasted_from)


@compiled
def count_accepted(m: Machine, s: int) -> None:
    record = slot(m.slots, s)
    if record.flags & layout.F_ACCEPTED == 0:
        record.flags |= layout.F_ACCEPTED
        if record.job >= m.warmup:
            m.counts[layout.C_ACCEPTED] += 1


@compiled
def settle(m: Machine, s: int, outcome: int, at: float) -> None:
    """The job's final state, as its client has it at the instant `at`."""
    record = slot(m.slots, s)
    m.in_system -= 1
    job, place = record.job, record.place
    if m.binned:
        count_in_bin(m, layout.B_COMPLETED if outcome == layout.C_COMPLETED else layout.B_WITHOUT_RESULT, at)
        if m.latency_bins != 0 and outcome == layout.C_COMPLETED:
            count_latency_in_bin(m, record.arrived, at - record.arrived)
        keep_outcome(m, job, outcome, at, record.waited, record.flags & layout.F_ACCEPTED != 0)
    if m.client_count > 0:
        resume_thinking(m, job, record.arrived, at)
    if job < m.warmup:
        return
    m.counts[outcome] += 1
    m.by_class[place, outcome] += 1
    if record.flags & layout.F_ACCEPTED:
        waited = record.waited
        m.counts[layout.C_WAITED] += 1
        m.wait_sum += waited
        m.wait_max = max(m.wait_max, waited)
        m.histograms[place, layout.H_WAIT, bucket_of(waited)] += 1
        m.by_class[place, layout.C_WAITED] += 1
        if m.classes > 1:
            add_class_time(m, place, layout.T_WAIT_SUM, layout.T_WAIT_MAX, waited)
    if outcome == layout.C_COMPLETED:
        latency = at - record.arrived
        m.latency_sum += latency
        m.latency_max = max(m.latency_max, latency)
        m.histograms[place, layout.H_LATENCY, bucket_of(latency)] += 1
        if m.classes > 1:
            add_class_time(m, place, layout.T_LATENCY_SUM, layout.T_LATENCY_MAX, latency)
        if latency <= m.deadlines[place] + layout.ROUNDING_S:
            m.counts[layout.C_GOOD] += 1
            m.batches[batch_of(m, job), 1] += 1
            if m.classes > 1:
                m.class_batches[place, batch_of(m, job), 1] += 1
            m.by_class[place, layout.C_GOOD] += 1
    if m.end < np.inf:
        settle_open(m, place, record.arrived, at, outcome, batch_of(m, job))


@compiled
def add_class_time(m: Machine, place: int, total: int, largest: int, seconds: float) -> None:
    m.class_times[place, total] += seconds
    m.class_times[place, largest] = max(m.class_times[place, largest], seconds)


@compiled
def sample(m: Machine, now: float) -> None:
    while m.bin_end < now:
        place = m.bin
        if place == layout.BINS and m.windowed:
            m.bin_end = np.inf
            return
        if place == layout.BINS:
            merge_bins(m.bins)
            if m.latency_bins != 0:
                merge_latency_bins(m)
            m.bin_width *= 2.0
            place = layout.BINS // 2
            m.bin = place
            m.bin_end = m.bin_start + (place + 1) * m.bin_width
            continue
        fill_bin(m, place, m.bin_end)
        m.bin = place + 1
        m.bin_end = m.bin_start + (place + 2) * m.bin_width


@compiled
def fill_bin(m: Machine, place: int, at: float) -> None:
    m.bins[layout.B_DEPTH, place] = m.queued
    m.bins[layout.B_IN_SYSTEM, place] = m.slot_count - m.free_count
    m.bins[layout.B_FLIGHT, place] = m.servers - m.idle
    m.bins[layout.B_LAG, place] = oldest_wait(m, at)


@compiled
def servers_change(m: Machine, now: float, by: int) -> None:
    m.capacity += m.servers * (now - m.servers_changed)
    m.servers_changed = now
    m.servers += by


@compiled
def finish(m: Machine, now: float, cut: bool) -> None:
    """Close the averages over time. Where the run was cut, servers at work are counted up to now."""
    end = now if cut else max(m.work_end, m.since)
    if end > m.changed:
        depth_changes(m, end, 0)
    if end > m.servers_changed:
        servers_change(m, end, 0)
    m.lag_max = max(m.lag_max, oldest_wait(m, end))
    if m.binned:
        close_second(m)
        sample(m, end)
        if m.bin < layout.BINS and end > m.bin_start + m.bin * m.bin_width:
            fill_bin(m, m.bin, end)
            m.bin += 1
