"""Reads the journals of a live run into the Tally that the kernel would have filled: the same definitions, from measured instants.

Everything is in Scenario seconds. A job's arrival is the instant at which it was due, not the one at which it was sent, so that a late load
generator makes no design look faster.
"""

from dataclasses import dataclass, fields, replace
from http import HTTPStatus
from math import inf

import numpy as np
from numpy.typing import NDArray

from simulator.arrivals import ClosedArrivals
from simulator.kernel import layout
from simulator.live.system.clock import RunClock
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType
from simulator.plan import SYNCHRONOUS, called_subscribers, servers_of
from simulator.scenario import Scenario
from simulator.tally import ClassTally, Tally, TimeSample, histogram_of, latency_counts_of
from simulator.trace_columns import Floats

NEVER = np.nan
COMPLETED, FAILED, TIMED_OUT, REJECTED, DEAD, UNDELIVERED, LOST, IN_SYSTEM = range(8)
OUTCOME_NAMES = ("completed", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost", "in_system")


@dataclass(frozen=True, eq=False)
class Rows:
    """A design's journal rows with their instants in Scenario seconds; `now_s` is how far they reach."""

    rows: NDArray[np.void]
    at_s: Floats
    now_s: float
    speed: float

    @classmethod
    def from_journal(cls, rows: NDArray[np.void], clock: RunClock, now_s: float | None = None) -> "Rows":
        at_s = (rows["at_ns"] - clock.started_ns) / 1e9 * clock.speed
        return cls(rows, at_s, float(at_s[-1]) if now_s is None and len(at_s) else now_s or 0.0, clock.speed)

    def of_kind(self, what: EventType) -> NDArray[np.bool_]:
        return np.asarray(self.rows["what"] == what)

    def count(self, *whats: EventType) -> int:
        return int(np.isin(self.rows["what"], whats).sum())

    def table(self, what: EventType, jobs: int, attempts: int, value: float | None = None) -> Floats:
        """Jobs x attempts: the instant of the last such row (with that value), NaN where there is none."""
        mine = self.of_kind(what)
        if value is not None:
            mine &= self.rows["value"] == value
        instants = np.full((jobs, attempts), NEVER)
        instants[self.rows["job"][mine], np.minimum(self.rows["index"][mine], attempts - 1)] = self.at_s[mine]
        return instants

    def values(self, what: EventType, jobs: int, attempts: int) -> Floats:
        """Jobs x attempts: the values of such rows summed, as Scenario seconds."""
        mine = self.of_kind(what)
        sums = np.zeros((jobs, attempts))
        places = self.rows["job"][mine], np.minimum(self.rows["index"][mine], attempts - 1)
        np.add.at(sums, places, self.rows["value"][mine] * self.speed)
        return sums

    def last(self, what: EventType, jobs: int, value: float | None = None) -> Floats:
        """By job: the instant of the last such row (with that value), NaN where there is none."""
        return self.table(what, jobs, 1, value)[:, 0]


@dataclass(frozen=True, eq=False)
class Spells:
    job: NDArray[np.int64]
    index: NDArray[np.int64]
    """The attempt; in the synchronous design the client's call."""
    start: Floats
    end: Floats

    def joined(self, more: "Spells") -> "Spells":
        return Spells(
            *(np.concatenate([getattr(self, each.name), getattr(more, each.name)]) for each in fields(Spells))
        )

    def without(self, gaps: "Spells") -> "Spells":
        """`gaps` lie in the spells of their jobs and attempts."""
        ends = Spells(gaps.job, gaps.index, gaps.end, gaps.start).joined(self)
        by_start, by_end = (np.lexsort((at, ends.index, ends.job)) for at in (ends.start, ends.end))
        return Spells(ends.job[by_start], ends.index[by_start], ends.start[by_start], ends.end[by_end])

    def level(self, instants: Floats) -> Floats:
        starts, ends = np.sort(self.start), np.sort(self.end)
        return (np.searchsorted(starts, instants, "right") - np.searchsorted(ends, instants, "right")).astype(float)

    def highest(self) -> int:
        if not len(self.start):
            return 0
        instants = np.concatenate([self.start, self.end])
        steps = np.concatenate([np.ones(len(self.start)), -np.ones(len(self.end))])
        order = np.lexsort((steps, instants))
        return int(np.cumsum(steps[order]).max())

    def oldest(self, instants: Floats) -> Floats:
        ages = np.zeros(len(instants))
        for start, end in zip(self.start, self.end, strict=True):
            low, high = np.searchsorted(instants, start, "left"), np.searchsorted(instants, end, "left")
            ages[low:high] = np.maximum(ages[low:high], instants[low:high] - start)
        return ages


@dataclass(frozen=True, eq=False)
class Measured:
    outcome: NDArray[np.int64]
    settled_s: Floats
    waited_s: Floats
    called: NDArray[np.bool_]
    """While its client waited: an attempt after the client has left does not start its job."""
    waiting: Spells
    working: Spells
    calls: int
    unused: NDArray[np.bool_]
    """Event-driven: jobs x deliveries, whose work changed nothing."""
    called_s: Floats
    """By job: its client's last call."""
    gave_up_s: Floats
    """Synchronous: jobs x calls, when the client gave up the call; infinite if it did not."""


def measure(scenario: Scenario, design: str, jobs: Jobs, rows: Rows, *, ended: bool) -> Measured:
    """Read the rows. `ended`: every process has ended, so that a job that was accepted and has no end is lost."""
    n = len(jobs)
    top = 1 + (int(rows.rows["index"].max()) if len(rows.rows) else 0)
    outcome, settled = _outcomes(scenario, design, n, rows, ended=ended)
    gave_up_s = np.nan_to_num(rows.table(EventType.TIMED_OUT, n, top), nan=inf)
    called = rows.of_kind(EventType.CALLED)
    job = rows.rows["job"]
    if design == SYNCHRONOUS:
        waits, waiting = _synchronous_waiting(gave_up_s, rows, jobs)
        in_time = called & (rows.at_s <= gave_up_s[job, rows.rows["index"] // (jobs.retries + 1)])
    else:
        waits, waiting = _waiting(n, top, rows)
        in_time = called & ~(rows.at_s > settled[job])
    return Measured(
        outcome=outcome,
        settled_s=settled,
        waited_s=waits,
        called=np.isin(np.arange(n), job[in_time]),
        waiting=waiting,
        working=_working(design, n, top, rows),
        calls=int(called.sum()),
        unused=~np.isnan(rows.table(EventType.UNUSED, n, top)),
        called_s=np.fmax(jobs.arrival_s, rows.last(EventType.SENT, n)),
        gave_up_s=gave_up_s,
    )


def _outcomes(scenario: Scenario, design: str, n: int, rows: Rows, *, ended: bool) -> tuple[NDArray[np.int64], Floats]:
    """The client's final state of each job and when it was reached: a result in hand counts before all else, otherwise the last answer."""
    no_client = design != SYNCHRONOUS and not scenario.event_driven.delivery.caller_waits
    reached = {
        FAILED: rows.last(EventType.CLIENT_FAILED, n)
        if design == SYNCHRONOUS
        else rows.last(EventType.GAVE_UP, n, 0.0),
        TIMED_OUT: rows.last(EventType.TIMED_OUT, n, 1.0) if design == SYNCHRONOUS else rows.last(EventType.EXPIRED, n),
        REJECTED: rows.last(EventType.CLIENT_REFUSED, n),
        DEAD: np.full(n, NEVER) if design == SYNCHRONOUS else rows.last(EventType.GAVE_UP, n, 1.0),
        UNDELIVERED: rows.last(EventType.UNDELIVERED, n),
    }
    outcome, settled = np.full(n, IN_SYSTEM), np.full(n, NEVER)
    for kind, when in reached.items():
        later = ~np.isnan(when) & ~(settled > when)
        outcome[later], settled[later] = kind, when[later]
    in_hand = rows.last(EventType.COMPUTED if no_client else EventType.IN_HAND, n)
    done = ~np.isnan(in_hand)
    outcome[done], settled[done] = COMPLETED, in_hand[done]
    if ended and design != SYNCHRONOUS:
        outcome[(outcome == IN_SYSTEM) & ~np.isnan(rows.last(EventType.LOST, n))] = LOST
    return outcome, settled


def _waiting(n: int, top: int, rows: Rows) -> tuple[Floats, Spells]:
    """Waiting by job, and the spells in the queue. What a consumer waits for the provider's limits counts as the queue's: the kernel hands
    out no job that the limits do not allow."""
    begins, starts = rows.table(EventType.QUEUED, n, top), rows.table(EventType.STARTED, n, top)
    paced, after_probes = _waits_for_provider(n, top, rows)
    dropped = np.fmax(rows.table(EventType.EXPIRED, n, top), rows.table(EventType.DROPPED, n, top))
    ends = np.where(np.isnan(starts), dropped, starts + paced)
    waits = np.maximum(np.where(np.isnan(starts), dropped, starts) - begins, 0.0) + paced
    waited = np.nansum(np.where(np.arange(top) <= _settling_index(n, top, rows)[:, None], waits, 0.0), axis=1)
    np.add.at(waited, after_probes.job, after_probes.end - after_probes.start)
    return waited, _spells(begins, ends, rows.now_s).joined(after_probes)


def _settling_index(n: int, top: int, rows: Rows) -> NDArray[np.int64]:
    """By job: the attempt or delivery that settled it; later ones were queued and not needed."""
    settles = np.isin(rows.rows["what"], (EventType.COMPUTED, EventType.GAVE_UP, EventType.EXPIRED, EventType.LOST))
    index = np.full(n, top)
    index[rows.rows["job"][settles]] = rows.rows["index"][settles]
    return index


def _waits_for_provider(n: int, top: int, rows: Rows) -> tuple[Floats, Spells]:
    """Jobs x attempts: the wait for the limits before an attempt's first call. The spells are the waits after its failed probes."""
    called, mine = rows.of_kind(EventType.CALLED), rows.of_kind(EventType.WAITED_FOR_PROVIDER)
    first_call = np.full((n, top), inf)
    np.minimum.at(first_call, (rows.rows["job"][called], rows.rows["index"][called]), rows.at_s[called])
    job, index, end = rows.rows["job"][mine], rows.rows["index"][mine], rows.at_s[mine]
    took, later = rows.rows["value"][mine] * rows.speed, end > first_call[job, index]
    first_s = np.zeros((n, top))
    np.add.at(first_s, (job[~later], index[~later]), took[~later])
    return first_s, Spells(job[later], index[later], (end - took)[later], end[later])


def _synchronous_waiting(gave_up_s: Floats, rows: Rows, jobs: Jobs) -> tuple[Floats, Spells]:
    """Waiting by job, and the spells in the backlog. Each call waits in the backlog and in line for the provider, until its client gives it up."""
    n, calls = gave_up_s.shape
    accepted, starts = rows.table(EventType.ACCEPTED, n, calls), rows.table(EventType.STARTED, n, calls)
    until = np.fmin(starts, gave_up_s)
    waited = np.nansum(np.where(np.isinf(until), 0.0, np.maximum(until - accepted, 0.0)), axis=1)
    mine = rows.of_kind(EventType.WAITED_FOR_PROVIDER)
    job, ended = rows.rows["job"][mine], rows.at_s[mine]
    began = ended - rows.rows["value"][mine] * rows.speed
    patient_until = gave_up_s[job, rows.rows["index"][mine] // (jobs.retries + 1)]
    np.add.at(waited, job, np.maximum(0.0, np.minimum(ended, patient_until) - began))
    dropped = rows.table(EventType.ABANDONED, n, calls, 1.0)
    return waited, _spells(accepted, np.where(np.isnan(starts), dropped, starts), rows.now_s)


def _working(design: str, n: int, top: int, rows: Rows) -> Spells:
    """A synchronous worker is busy from start to answer; a consumer, as in the kernel, from when the limits allow its call."""
    starts, ends = rows.table(EventType.STARTED, n, top), rows.table(EventType.FREED, n, top)
    if design != SYNCHRONOUS:
        paced, after_probes = _waits_for_provider(n, top, rows)
        starts = starts + paced
        ends = np.where(
            np.isnan(ends) & _taken_up_again(starts, rows.last(EventType.GAVE_UP, n)), _last_seen(n, top, rows), ends
        )
        return _spells(starts, ends, rows.now_s).without(after_probes)
    return _spells(starts, ends, rows.now_s)


def _taken_up_again(starts: Floats, gave_up_s: Floats) -> NDArray[np.bool_]:
    """Attempts after which the job was started again, or given up: one that has not ended was killed."""
    latest = np.fmax.accumulate(starts[:, ::-1], axis=1)[:, ::-1]
    later = np.column_stack([latest[:, 1:], np.full(len(starts), NEVER)])
    return (later >= starts) | (gave_up_s[:, None] >= starts)


def _last_seen(n: int, top: int, rows: Rows) -> Floats:
    kinds = (EventType.STARTED, EventType.WAITED_FOR_PROVIDER, EventType.CALLED, EventType.ANSWERED)
    return np.asarray(np.fmax.reduce([rows.table(what, n, top) for what in kinds]))


def _spells(starts: Floats, ends: Floats, now_s: float) -> Spells:
    job, index = np.nonzero(~np.isnan(starts))
    start = starts[job, index]
    end = ends[job, index]
    just_after_s = np.nextafter(max(now_s, 0.0), inf)
    return Spells(job, index, start, np.maximum(start, np.where(np.isnan(end), just_after_s, end)))


def tally_run(scenario: Scenario, design: str, jobs: Jobs, rows: Rows, *, ended: bool) -> Tally:
    """The tally of a run, or of what there is of it so far. The conservation of jobs is checked where it has ended.

    Raises:
        AssertionError: the outcomes do not add up to the jobs offered.
    """
    closed = isinstance(scenario.arrivals, ClosedArrivals)
    if closed:
        jobs = replace(jobs, arrival_s=_arrivals_of_clients(jobs, rows))
    measured = measure(scenario, design, jobs, rows, ended=ended)
    offered = np.ones(len(jobs), bool) if ended and not closed else jobs.arrival_s <= rows.now_s
    undecided = _undecided(jobs, rows, measured, offered)
    counts = _counts(jobs, rows, measured, offered, undecided)
    if ended:
        outcomes = sum(counts[name] for name in (*OUTCOME_NAMES, "undecided"))
        assert counts["offered"] == outcomes, counts  # noqa: S101  the invariant of a run
    done = measured.outcome == COMPLETED
    latency = (measured.settled_s - jobs.arrival_s)[done]
    accepted = np.isin(np.arange(len(jobs)), rows.rows["job"][rows.of_kind(EventType.ACCEPTED)])
    taken_in = (accepted | measured.called) & (measured.outcome != IN_SYSTEM)
    servers = servers_of(scenario, design)
    end = float(measured.working.end.max()) if len(measured.working.end) else rows.now_s
    busy = float((measured.working.end - measured.working.start).sum())
    observed = max(end, float(measured.waiting.end.max()) if len(measured.waiting.end) else 0.0)
    area = float((measured.waiting.end - measured.waiting.start).sum())
    fans, fan_sums_s, fan_histograms = _fans(scenario, jobs, rows)
    bins, width = _bins(jobs, measured, offered, max(observed if ended else rows.now_s, 1e-9))
    call_bins, call_width = _call_bins(rows.at_s[rows.of_kind(EventType.CALLED)])
    return Tally(
        counts=counts,
        provider_calls=measured.calls,
        provider_429=rows.count(EventType.WAITED_FOR_PROVIDER) + _refused_calls(scenario, rows),
        delivery_calls=rows.count(EventType.DELIVERY_CALL) if design != SYNCHRONOUS else 0,
        client_calls=rows.count(EventType.SENT),
        redelivered=rows.count(EventType.REDELIVERED),
        duplicates=_duplicates(len(jobs), rows),
        waits=TimeSample.of_values(measured.waited_s[taken_in]),
        latencies=TimeSample.of_values(latency, int(offered.sum() - undecided.sum())),
        depth_mean=area / observed if observed > 0 else 0.0,
        depth_max=measured.waiting.highest(),
        lag_max_s=float((measured.waiting.end - measured.waiting.start).max()) if len(measured.waiting.end) else 0.0,
        utilisation=min(1.0, busy / (servers * end)) if end > 0 else 0.0,
        wasted_s=_wasted_s(scenario, design, jobs, measured),
        growth_per_min=0.0,
        classes=tuple(
            _class_tally(
                jobs, measured, *(jobs_of & (jobs.place == place) for jobs_of in (offered, taken_in, undecided))
            )
            for place in range(len(jobs.deadlines_s))
        ),
        batches=_batches(jobs, measured, offered),
        fans=fans,
        fan_sums_s=fan_sums_s,
        fan_histograms=fan_histograms,
        bins=bins,
        bin_width_s=width,
        call_bins=call_bins,
        call_width_s=call_width,
        latency_counts=latency_counts_of(latency, jobs.arrival_s[done], bins.shape[1], width),
    )


def _refused_calls(scenario: Scenario, rows: Rows) -> int:
    if not scenario.provider.is_unpaced:
        return 0
    return int((rows.rows["value"][rows.of_kind(EventType.ANSWERED)] == HTTPStatus.TOO_MANY_REQUESTS).sum())


def _duplicates(n: int, rows: Rows) -> int:
    """Results that were computed more than once."""
    unused = rows.of_kind(EventType.UNUSED) & (rows.rows["value"] == 1.0)
    results = np.bincount(rows.rows["job"][unused | rows.of_kind(EventType.COMPUTED)], minlength=n)
    return int(np.maximum(results - 1, 0).sum())


def _arrivals_of_clients(jobs: Jobs, rows: Rows) -> Floats:
    """When each job was to be sent; infinite of those that were not."""
    late_s = rows.values(EventType.ARRIVED, len(jobs), 1)[:, 0]
    return np.nan_to_num(rows.last(EventType.ARRIVED, len(jobs)) - late_s, nan=inf)


def _good(jobs: Jobs, measured: Measured) -> NDArray[np.bool_]:
    latency = measured.settled_s - jobs.arrival_s
    return np.asarray((measured.outcome == COMPLETED) & (latency <= jobs.deadlines_s[jobs.place] + layout.ROUNDING_S))


def _undecided(jobs: Jobs, rows: Rows, measured: Measured, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Jobs without an outcome whose deadline has not passed as far as the rows reach."""
    deadlines_s = jobs.deadlines_s[jobs.place]
    under_way = offered & (measured.outcome == IN_SYSTEM) & np.isfinite(deadlines_s)
    return np.asarray(under_way & (jobs.arrival_s + deadlines_s > rows.now_s + layout.ROUNDING_S))


def _counts(
    jobs: Jobs, rows: Rows, measured: Measured, offered: NDArray[np.bool_], undecided: NDArray[np.bool_]
) -> dict[str, int]:
    accepted = np.unique(rows.rows["job"][rows.of_kind(EventType.ACCEPTED)])
    return {"accepted": len(accepted)} | _outcome_counts(jobs, measured, offered, undecided)


def _outcome_counts(
    jobs: Jobs, measured: Measured, offered: NDArray[np.bool_], undecided: NDArray[np.bool_]
) -> dict[str, int]:
    good = int((offered & _good(jobs, measured)).sum())
    by_outcome = {name: int((offered & (measured.outcome == kind)).sum()) for kind, name in enumerate(OUTCOME_NAMES)}
    completed = by_outcome.pop("completed")
    return {
        "offered": int(offered.sum()),
        "completed": completed,
        "good": good,
        "late": completed - good,
        **by_outcome,
        "in_system": by_outcome["in_system"] - int(undecided.sum()),
        "undecided": int(undecided.sum()),
    }


def _wasted_s(scenario: Scenario, design: str, jobs: Jobs, measured: Measured) -> float:
    """Server time spent on a call that its client had given up, or past the deadline (event-driven: or the expiry)."""
    job = measured.working.job
    vain = (jobs.arrival_s + jobs.deadlines_s[jobs.place])[job]
    if design == SYNCHRONOUS:
        vain = np.minimum(vain, measured.gave_up_s[job, measured.working.index])
    else:
        vain = np.minimum(vain, measured.called_s[job] + (scenario.event_driven.expires_s or inf))
        vain[measured.unused[job, measured.working.index]] = -inf
    return float(np.maximum(0.0, measured.working.end - np.maximum(measured.working.start, vain)).sum())


def _class_tally(
    jobs: Jobs,
    measured: Measured,
    offered: NDArray[np.bool_],
    taken_in: NDArray[np.bool_],
    undecided: NDArray[np.bool_],
) -> ClassTally:
    """A good job is decided even before its deadline: all jobs have been sent, and only those under way have no outcome."""
    done = offered & (measured.outcome == COMPLETED)
    counts = _outcome_counts(jobs, measured, offered, undecided)
    decided = counts["offered"] - counts["undecided"]
    return ClassTally(
        counts=counts,
        wait=TimeSample.of_values(measured.waited_s[taken_in]),
        latency=TimeSample.of_values((measured.settled_s - jobs.arrival_s)[done], decided),
        decided=decided,
        decided_good=counts["good"],
        batches=_batches(jobs, measured, offered),
    )


def _batches(jobs: Jobs, measured: Measured, offered: NDArray[np.bool_]) -> NDArray[np.int64]:
    batch = np.minimum((np.arange(len(jobs)) * (layout.BATCHES / max(1, len(jobs)))).astype(int), layout.BATCHES - 1)
    columns = (offered, offered & _good(jobs, measured))
    return np.stack([np.bincount(batch[column], minlength=layout.BATCHES) for column in columns], axis=1)


def _fans(scenario: Scenario, jobs: Jobs, rows: Rows) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    count = called_subscribers(scenario)
    fans = np.zeros((count, 3), np.int64)
    sums, histograms = np.zeros((count, 2)), np.zeros((count, layout.BUCKETS_OF_HISTOGRAM), np.int64)
    handled, given_up = rows.of_kind(EventType.HANDLED), rows.of_kind(EventType.UNHANDLED)
    for subscriber in range(count):
        mine = handled & (rows.rows["index"] == subscriber)
        latency = rows.at_s[mine] - jobs.arrival_s[rows.rows["job"][mine]]
        lost = int((given_up & (rows.rows["index"] == subscriber)).sum())
        fans[subscriber] = len(latency) + lost, len(latency), lost
        sums[subscriber] = latency.sum(), latency.max() if len(latency) else 0.0
        histograms[subscriber] = histogram_of(latency)
    return fans, sums, histograms


def _bins(jobs: Jobs, measured: Measured, offered: NDArray[np.bool_], end_s: float) -> tuple[Floats, float]:
    width = end_s / (layout.BINS // 2)
    ends: Floats = np.asarray(np.arange(1, layout.BINS // 2 + 1) * width, np.float64)
    edges = np.concatenate([[0.0], ends])
    bins = np.zeros((layout.BIN_ROWS, len(ends)))
    bins[layout.B_ARRIVALS] = np.histogram(jobs.arrival_s[offered], edges)[0]
    bins[layout.B_COMPLETED] = np.histogram(measured.settled_s[measured.outcome == COMPLETED], edges)[0]
    bins[layout.B_DEPTH] = measured.waiting.level(ends)
    bins[layout.B_FLIGHT] = measured.working.level(ends)
    bins[layout.B_LAG] = measured.waiting.oldest(ends)
    return bins, width


def _call_bins(called_s: Floats) -> tuple[NDArray[np.int64], float]:
    """Calls by whole seconds up to the last; of more than `layout.BINS` of them the largest of each 2, 4, 8 … seconds."""
    seconds = np.bincount(np.maximum(called_s, 0.0).astype(np.int64))
    group = 1
    while len(seconds) > group * layout.BINS:
        group *= 2
    padded = np.concatenate([seconds, np.zeros(-len(seconds) % group, np.int64)])
    return padded.reshape(-1, group).max(axis=1), float(group)
