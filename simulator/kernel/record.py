# mypy: disable-error-code="no-any-return"
"""Filling a tally: log histograms and time bins."""

from typing import Any

from simulator.kernel import layout
from simulator.kernel.access import bits_of, job_row, latency_bin
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine

SHIFT = 52 - layout.FRACTION_BITS
ORIGIN = (1023 + layout.FIRST_OCTAVE) << layout.FRACTION_BITS
SMALLEST_S = 2.0**layout.FIRST_OCTAVE
LARGEST_S = 2.0**layout.LAST_OCTAVE
LAST_SECOND = 2.0**62


@compiled
def bucket_of(seconds: float) -> int:
    """The histogram's bucket: 0 for less than a microsecond, the last for more than the histogram resolves."""
    if seconds < SMALLEST_S:
        return 0
    if seconds >= LARGEST_S:
        return layout.BUCKETS_OF_HISTOGRAM - 1
    return (bits_of(seconds) >> SHIFT) - ORIGIN + 1


@compiled
def merge_bins(bins: Any) -> None:
    """Make bins of twice the width: counts add up, levels are those at the end of the second."""
    for place in range(layout.BINS // 2):
        for row in (layout.B_ARRIVALS, layout.B_COMPLETED, layout.B_WITHOUT_RESULT):
            bins[row, place] = bins[row, 2 * place] + bins[row, 2 * place + 1]
        for row in (layout.B_DEPTH, layout.B_FLIGHT, layout.B_LAG, layout.B_IN_SYSTEM):
            bins[row, place] = bins[row, 2 * place + 1]
    bins[:, layout.BINS // 2 :] = 0.0


@compiled
def count_in_bin(m: Machine, row: int, at: float) -> None:
    since = at - m.bin_start
    if 0.0 <= since < layout.BINS * m.bin_width:
        m.bins[row, min(int(since / m.bin_width), layout.BINS - 1)] += 1.0


@compiled
def count_latency_in_bin(m: Machine, arrived: float, latency: float) -> None:
    """Count the latency of a job with a result in the bin of its arrival."""
    since = arrived - m.bin_start
    if 0.0 <= since < layout.BINS * m.bin_width:
        record = latency_bin(m.latency_bins, min(int(since / m.bin_width), layout.BINS - 1))
        record.longest = max(record.longest, latency)
        record.counts[bucket_of(latency) >> layout.LATENCY_SHIFT] += 1


@compiled
def merge_latency_bins(m: Machine) -> None:
    for place in range(layout.BINS):
        target = latency_bin(m.latency_bins, place)
        if place >= layout.BINS // 2:
            target.longest = 0.0
            target.counts[:] = 0
            continue
        first, second = latency_bin(m.latency_bins, 2 * place), latency_bin(m.latency_bins, 2 * place + 1)
        target.longest = max(first.longest, second.longest)
        for bucket in range(len(target.counts)):
            target.counts[bucket] = first.counts[bucket] + second.counts[bucket]


@compiled
def keep_arrival(m: Machine, job: int, place: int, arrived: float) -> None:
    if job < m.job_row_count:
        row = job_row(m.job_rows, job)
        row.arrived = arrived
        row.place = place


@compiled
def keep_outcome(m: Machine, job: int, outcome: int, at: float, waited: float, is_accepted: bool) -> None:
    if job < m.job_row_count:
        row = job_row(m.job_rows, job)
        row.outcome = outcome
        row.settled = at
        row.waited = waited
        row.is_accepted = int(is_accepted)


@compiled
def keep_call(m: Machine, job: int) -> None:
    if job < m.job_row_count:
        job_row(m.job_rows, job).calls += 1


@compiled
def merge_class_batches(m: Machine, half: int) -> None:
    for q in range(m.classes):
        for pair in range(half):
            for column in range(2):
                m.class_batches[q, pair, column] = (
                    m.class_batches[q, 2 * pair, column] + m.class_batches[q, 2 * pair + 1, column]
                )
        m.class_batches[q, half:, :] = 0


@compiled
def begin_batch(m: Machine, job: int, at: float, waiting: float) -> None:
    """Note the backlog at the first job of a batch. When all batches are in use, two become one."""
    place = (job - m.warmup) >> m.batch_shift
    if place >= layout.BATCHES:
        place = layout.BATCHES // 2
        for pair in range(place):
            for column in range(2):
                m.batches[pair, column] = m.batches[2 * pair, column] + m.batches[2 * pair + 1, column]
                m.levels[pair, column] = m.levels[2 * pair, column]
        m.batches[place:, :] = 0
        if m.classes > 1:
            merge_class_batches(m, place)
        m.batch_shift += 1
    m.levels[place, 0] = at
    m.levels[place, 1] = waiting
    m.batch_ends = m.warmup + ((place + 1) << m.batch_shift)


@compiled
def count_call_in_second(m: Machine, at: float) -> None:
    second = int(min(at, LAST_SECOND))
    if second != m.call_second:
        close_second(m)
        m.call_second = second
    m.calls_in_second += 1


@compiled
def close_second(m: Machine) -> None:
    """The second's bin keeps the largest number of calls of any of its seconds; bins double their width as the run grows."""
    second, calls = m.call_second - m.call_start, m.calls_in_second
    m.calls_in_second = 0
    if not 0 <= second < m.call_seconds:
        return
    if calls > m.busiest_calls:
        m.busiest_calls, m.busiest_second = calls, m.call_second
    while second >> m.call_shift >= layout.BINS:
        for place in range(layout.BINS // 2):
            m.call_bins[place] = max(m.call_bins[2 * place], m.call_bins[2 * place + 1])
        m.call_bins[layout.BINS // 2 :] = 0
        m.call_shift += 1
    place = second >> m.call_shift
    m.call_bins[place] = max(m.call_bins[place], calls)
