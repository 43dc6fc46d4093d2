"""The records that the event loops work on, and the numbers of disciplines, phases and purposes.

A `Machine` is one replication of one design: its parameters, its state and its tally, in one record of fixed size. It has the addresses of
three arrays: slots (a job in the system; in the synchronous design a client's call), a heap of events, and what a trace recorded.
"""

from typing import Any

import numpy as np

MOST_CLASSES = 8
MOST_SUBSCRIBERS = 100
MOST_RETRIES = 100
MOST_OUTAGES = 100
MOST_CALLS = 51
BINS = 1000
BATCHES = 1024
"""Batches of consecutive jobs, and levels of the backlog, that a replication keeps at most. Even."""
NEAR = 24
"""Events to come that are kept in order, before the heap."""

# --- histograms: 128 buckets an octave, from 2^-20 s (1 us) to 2^40 s (34,865 years, longer than the clock of a run resolves)
FRACTION_BITS = 7
FIRST_OCTAVE, LAST_OCTAVE = -20, 40
BUCKETS_OF_HISTOGRAM = (LAST_OCTAVE - FIRST_OCTAVE) * 2**FRACTION_BITS + 2
H_WAIT, H_LATENCY, H_ENDED, H_CENSORED, HISTOGRAMS = range(5)
"""The last two only of a run that is cut: from arrival to an end without a result, and the age at the cut of jobs in the system."""

# --- counts, indices of Machine.counts
(
    C_OFFERED,
    C_ACCEPTED,
    C_COMPLETED,
    C_GOOD,
    C_FAILED,
    C_TIMED_OUT,
    C_REJECTED,
    C_DEAD,
    C_UNDELIVERED,
    C_WAITED,
    C_CALLS,
    C_429,
    C_DELIVERY,
    C_MAX_DEPTH,
    C_SENT,
    C_CALLED_AGAIN,
    C_LOST,
    C_REDELIVERED,
    C_DUPLICATES,
    COUNTS,
) = range(20)

# --- of a run that is cut, indices of Machine.open_jobs: jobs in the system and within their deadline; of the jobs that the good share leaves
# out, all and the good ones
O_UNDECIDED, O_OFFERED, O_GOOD, OPEN_COUNTS = range(4)

# --- a class's times, indices of Machine.class_times; its counts have the indices above
T_WAIT_SUM, T_WAIT_MAX, T_LATENCY_SUM, T_LATENCY_MAX, CLASS_TIMES = range(5)

# --- time bins, rows of Machine.bins
B_ARRIVALS, B_COMPLETED, B_DEPTH, B_FLIGHT, B_LAG, B_WITHOUT_RESULT, B_IN_SYSTEM, BIN_ROWS = range(8)

ROUNDING_S = 1e-9
"""A tolerance, so that rounding cannot make a job late that takes exactly its deadline; the same for expiry and quotas."""
PATIENCE_GRACE_S = ROUNDING_S / 4
"""A client gives up this long after its limit, so that rounding cannot make an answer late that comes exactly at the limit."""

CONNECTION_FAILS_S = 127.0
"""From a connection's first SYN until it fails, after six more of them (Linux: `tcp_syn_retries` 6); linear timeouts add to it."""

# --- the provider's quotas, indices of Machine.bucket_*
BUCKETS = 3  # requests, input tokens, output tokens

_i, _f = np.int64, np.float64

PARAMETERS = [
    ("slots", _i),  # addresses of the arrays
    ("heap", _i),
    ("trace", _i),
    ("shared_calls", _i),  # addresses of what simulator/kernel/sharing.py works on
    ("finishes", _i),
    ("clients", _i),
    ("deliveries", _i),
    ("ordered", _i),  # addresses of what simulator/kernel/ordering.py works on
    ("key_states", _i),
    ("ready_jobs", _i),  # a heap of each queue
    ("ready_stride", _i),  # bytes from one to the next
    ("keys", _i),  # of which each job has one; 0: no order
    ("key", np.uint64),  # of the random numbers: seed and replication
    ("jobs", _i),  # arrivals at most
    ("warmup", _i),  # jobs left out of the tally
    ("drains", _i),  # 1: run on after the last arrival until nothing is left
    ("binned", _i),  # 1: fill the time bins
    ("windowed", _i),  # 1: the bins are those of a window, and keep their width
    ("latency_bins", _i),  # address of a LATENCY_BIN for each bin; 0: none
    ("job_rows", _i),  # address of a JOB_ROW of each of the first jobs
    ("job_row_count", _i),  # how many they are, if time bins are filled
    ("end", _f),  # when the run is cut, or infinity
    ("last", _f),  # no arrivals from here on (whole cycles), or infinity
    ("arrival_kind", _i),
    ("rate", _f),
    ("gap", _f),  # its inverse
    ("arrival_a", _f),  # parameters: see simulator/arrivals.py
    ("arrival_b", _f),
    ("arrival_c", _f),
    ("arrival_d", _f),
    ("backlog", _i),  # the first jobs, which are there at time 0
    ("arrival_kind_after", _i),  # of those after the backlog
    ("client_count", _i),  # closed: clients; 0: arrivals do not depend on answers
    ("service_kind", _i),
    ("service_a", _f),  # parameters: see simulator/services.py
    ("service_b", _f),
    ("service_c", _f),
    ("class_services", _i, MOST_CLASSES),  # kinds and parameters by class, if the classes have their own
    ("class_service_a", _f, MOST_CLASSES),
    ("class_service_b", _f, MOST_CLASSES),
    ("class_service_c", _f, MOST_CLASSES),
    ("drawn", _i),  # durations to draw from
    ("slows", _i),  # 1: a call's time depends on the calls in flight
    ("slow_base", _f),  # a call takes slow_base + slow_each n times its work with n in flight
    ("slow_each", _f),
    ("classes", _i),
    ("shares", _f, MOST_CLASSES),  # upper ends, in 0..1
    ("deadlines", _f, MOST_CLASSES),
    ("concurrency", _i),  # calls at once that the provider takes
    ("limited", _i),  # 1: the provider (or the circuit breaker) limits anything at all
    ("failed_calls_count", _i),  # 1: a failed call burns quota
    ("bucket_time", _f, BUCKETS),  # that a unit takes to flow in; 0: no such quota
    ("bucket_size", _f, BUCKETS),
    ("day_quota", _i),  # calls a day; 0: no such quota
    ("input_tokens", _f),
    ("output_tokens", _f),
    ("traced_input", _i),
    ("traced_output", _i),
    ("unpaced", _i),  # 1: the provider refuses calls over its limits
    ("heeds_retry_after", _i),  # 1: a retry comes no sooner than the refusal says
    ("special_calls", _i),  # 1: outages, a time to failure, a timeout of calls, or refusals
    ("outage_count", _i),
    ("outages", _f, (MOST_OUTAGES, 3)),  # from, to, and 1 if calls hang
    ("failure_time", _f),  # of a failed call; negative: as long as the call would take, in an outage 0
    ("call_timeout", _f),
    ("transient", _f),
    ("poison", _f),
    ("retries", _i),
    ("jitter", _i),
    ("base", _f),
    ("cap", _f),
    ("pauses", _f, MOST_RETRIES),  # listed: before each retry
    ("subscribers", _i),  # the caller not counted
    ("together", _i),
    ("handling_mu", _f),  # minus infinity: no time at all
    ("handling_sigma", _f),
    ("handling_fails", _f),
    ("stations", _i),  # address: of each subscriber's consumers the instants at which they will be free, a heap each
    ("station_consumers", _i),  # of each subscriber; 0: any number
    ("inline_fails", _i),  # 1: a subscriber that gives up fails the call in line
    ("scaled", _i),  # 1: servers come and go
    ("min_servers", _i),
    ("max_servers", _i),
    ("q_min_servers", _i, MOST_CLASSES),  # of dedicated consumers
    ("q_max_servers", _i, MOST_CLASSES),
    ("target_depth", _f),  # jobs waiting a server; infinite: no such target
    ("target_lag", _f),
    ("start_up", _f),
    ("places", _i),  # synchronous: of the backlog; event-driven: of the queues together
    ("patience", _f),  # the client's, hops included; until the first byte if they go by it
    ("streams", _i),  # synchronous: 1: the first byte counts
    ("first_token", _f),  # from the start of a call until it
    ("answer_limit", _f),  # of a stream that has begun, from the client's call on
    ("client_retries", _i),
    ("client_backoff", _f),
    ("drops_abandoned", _i),
    ("drops_connections", _i),  # synchronous: 1: a full backlog drops the SYN; 0: it refuses the call
    ("syn_linear", _f),  # seconds in which a SYN is sent again every second, before the intervals double
    ("discipline", _i),
    ("stride", _f, MOST_CLASSES),  # weighted: between the tags of a queue's jobs
    ("accept", _f),
    ("dispatch_cost", _f),
    ("tick", _f),  # of the scheduler of retries: due times are cut down to whole ticks, and it looks once a tick
    ("expires", _f),
    ("dead_letter", _i),
    ("breaks", _i),  # 1: a circuit breaker
    ("breaker_failures", _i),  # in a row, that open it
    ("breaker_pause", _f),
    ("leased", _i),  # 1: deliveries are counted, and end early by a lease, a crash or the most that there may be
    ("lease", _f),
    ("lease_ends", _i),
    ("most_deliveries", _i),
    ("crash_rate", _f),  # a second, of a consumer at work
    ("acknowledges_early", _i),
    ("inline_wait", _f),  # hybrid: answers come in line until then; minus infinity: never
    ("delivery", _i),
    ("learns_of_failure", _i),  # 1: the client's calls go on until it learns that there is no result
    ("delivery_a", _f),  # of its parameters: see simulator/deliveries.py
    ("delivery_b", _f),
    ("delivery_c", _f),
    ("schedule_count", _i),
    ("schedule", _f, MOST_CALLS),  # pauses before each webhook call
]

STATE = [
    ("now", _f),
    ("events", _i),  # subscribers' attempts included: they take as long
    ("serial", _i),
    ("next_job", _i),
    ("arrival", _f),  # instant of the next arrival
    ("last_arrival", _f),
    ("thinking", _i),  # closed: clients in the heap at `clients`, by the instants of their next requests
    ("client_learns", _f),  # closed: when the client of the job that is settled next learns of it, if later
    ("cumulated", _f),  # intensity, for arrivals whose rate changes
    ("in_system", _i),  # jobs, warm-up included
    ("slot_count", _i),  # those of servers that start up apart
    ("batch_shift", _i),  # a batch has 2^this jobs
    ("batch_ends", _i),  # the first job of the next one
    ("near", _i),  # of the events to come: those in order
    ("heap_size", _i),  # and those in the heap behind them
    ("free", _i),  # head of the list of free slots
    ("free_count", _i),
    ("in_flight", _i),  # calls at a model that slows
    ("tags", _i),  # those of them whose end is not an event
    ("progress", _f),  # the work that each of them has received since `in_flight` was 0
    ("progress_at", _f),
    ("finish_at", _f),  # when the first of them ends, or is given up, if no other call starts or ends before
    ("gives_up", _i),  # 1: at `finish_at` a call is given up
    ("timing_head", _i),  # calls at a model that slows, by the end of their timeout
    ("timing_tail", _i),
    ("servers", _i),
    ("starting", _i),
    ("scale_at", _f),  # the autoscaler's next look
    ("idle", _i),
    ("queued", _i),
    ("q_head", _i, MOST_CLASSES),
    ("q_tail", _i, MOST_CLASSES),
    ("q_length", _i, MOST_CLASSES),
    ("q_idle", _i, MOST_CLASSES),  # dedicated consumers
    ("q_servers", _i, MOST_CLASSES),  # those that are ready, and those that start up
    ("q_starting", _i, MOST_CLASSES),
    ("ready", _i),  # with order: jobs that wait and hold their key
    ("oldest", _i),  # with order: the jobs that wait, by age
    ("youngest", _i),
    ("q_unasked", _i, MOST_CLASSES),  # dedicated: the first job for which no consumer is idle; -1: none
    ("q_tag", _f, MOST_CLASSES),  # weighted: of the queue's next job
    ("last_tag", _f),  # weighted: of the job that was taken last
    ("calls", _i),  # under way
    ("bucket_full", _f, BUCKETS),  # when each will be
    ("quota_day", _i),
    ("calls_today", _i),  # counted against that day's quota
    ("quotas_open", _f),  # from when they allow a call of the usual size
    ("timer", _f),  # when the provider's limits or the circuit may let a call through
    ("breaker", _i),
    ("breaker_until", _f),
    ("streak", _i),  # failed calls in a row
    ("line_head", _i),  # synchronous: workers waiting for the provider
    ("line_tail", _i),
    ("patient_head", _i),  # synchronous: clients by the end of their patience
    ("patient_tail", _i),
    ("stream_head", _i),  # streams with a limit, by the client's call
    ("stream_tail", _i),
    ("again_head", _i),  # synchronous: clients that will call again
    ("again_tail", _i),
]

TALLY = [
    ("counts", _i, COUNTS),
    ("since", _f),  # when the warm-up ended
    ("changed", _f),  # when the queue last did
    ("area", _f),  # jobs waiting x time
    ("servers_changed", _f),
    ("capacity", _f),  # servers x time
    ("busy", _f),  # servers at work x time
    ("work_end", _f),  # when a server last finished
    ("wasted", _f),
    ("wait_sum", _f),
    ("wait_max", _f),
    ("latency_sum", _f),
    ("latency_max", _f),
    ("lag_max", _f),
    ("depth_max_at", _f),  # when the queue was first as long as it was at its longest
    ("by_class", _i, (MOST_CLASSES, COUNTS)),  # offered, waited, good and the outcomes
    ("open_jobs", _i, (MOST_CLASSES, OPEN_COUNTS)),
    ("class_times", _f, (MOST_CLASSES, CLASS_TIMES)),  # filled if there are several classes
    ("class_batches", _i, (MOST_CLASSES, BATCHES, 2)),  # offered and good, if there are several classes
    ("batches", _i, (BATCHES, 2)),  # by consecutive jobs: correction of the number offered, and good
    ("levels", _f, (BATCHES, 2)),  # at each batch's first job: the instant, and the backlog without it
    ("bin", _i),
    ("bin_end", _f),
    ("bin_width", _f),
    ("bin_start", _f),  # of the first bin
    ("bins", _f, (BIN_ROWS, BINS)),
    ("call_bins", _i, BINS),  # calls to the provider in the busiest second of each: a herd of retries lasts no longer
    ("call_shift", _i),  # a bin's width in seconds, as a power of two
    ("call_second", _i),  # the second that is being counted, and its calls so far
    ("calls_in_second", _i),
    ("call_start", _i),  # the first second that is counted
    ("call_seconds", _i),  # how many are
    ("busiest_second", _i),
    ("busiest_calls", _i),
    ("histograms", _i, (MOST_CLASSES, HISTOGRAMS, BUCKETS_OF_HISTOGRAM)),
    ("fans", _i, (MOST_SUBSCRIBERS, 3)),  # offered, handled, given up
    ("fan_sums", _f, (MOST_SUBSCRIBERS, 2)),  # sum and maximum of latencies
    ("fan_histograms", _i, (MOST_SUBSCRIBERS, BUCKETS_OF_HISTOGRAM)),
]

Machine = Any
"""A record of the type MACHINE, which compiled code has by its address."""

MACHINE = np.dtype(PARAMETERS + STATE + TALLY, align=True)

SLOT = np.dtype(
    [
        ("arrived", _f),  # the job, not this attempt
        (
            "sent",
            _f,
        ),  # synchronous: this call (or when the next will be)
        ("queued", _f),
        ("waited", _f),  # summed over attempts
        ("began", _f),  # its server's work
        ("backoff", _f),  # the last pause
        ("gave_up", _f),  # synchronous; dedicated queues: since when a consumer asks for the job
        ("job", _i),
        ("next", _i),  # in whatever list it is
        ("before", _i),  # synchronous: among those who wait
        ("after", _i),
        ("place", np.int32),  # class
        ("attempt", np.int32),
        (
            "caller",
            np.int32,
        ),  # synchronous: the client's calls before this one; event-driven: PROBED for each failed probe
        ("phase", np.int16),
        ("flags", np.int16),
    ],
    align=True,
)
LATENCY_SHIFT = 3
"""Latencies of a time bin are counted in buckets of this power of two of a histogram's."""
LATENCY_BIN = np.dtype([("longest", _f), ("counts", np.int32, (BUCKETS_OF_HISTOGRAM >> LATENCY_SHIFT) + 1)], align=True)
"""The latencies of the jobs that arrived in a time bin and have their result."""
JOB_ROW = np.dtype(
    [
        ("arrived", _f),
        ("settled", _f),  # as its client has it
        ("waited", _f),  # summed over attempts
        ("calls", np.int32),  # at the provider
        ("place", np.int16),  # class
        ("outcome", np.int8),  # an index of counts; C_OFFERED: not settled
        ("is_accepted", np.int8),
    ],
    align=True,
)
"""What became of a job, by its number."""
DELIVERY = np.dtype(
    [
        ("ends", _f),  # its work
        ("crashes", _f),  # its consumer; infinite: not before its work ends
        ("number", _i),  # of the job's deliveries so far
        ("shared", _i),  # slot of what several deliveries of the job have in common; -1: there is no other
        ("copies", _i),  # in a shared one: slots that refer to it
        ("results", _i),  # computed so far
        ("settled", _i),
    ],
    align=True,
)
"""Of each slot, where jobs may be delivered more than once."""
ORDERED = np.dtype(
    [
        ("serial", _i),  # of its queueing
        ("ready_at", _f),
        ("older", _i),  # slots of the jobs that wait, by age
        ("younger", _i),
    ],
    align=True,
)
"""Of each slot, where jobs with the same key are served in order."""
KEY_STATE = np.dtype(
    [
        ("held", _i),  # 1: by a job that is ready, in work or backing off
        ("waiting", _i),  # jobs
        ("head", _i),
        ("tail", _i),
    ],
    align=True,
)
EVENT = np.dtype([("at", _f), ("key", _i)], align=True)
SHARED_CALL = np.dtype(
    [
        ("work", _f),  # at the model
        ("place", _i),  # of its tag
        ("since", _f),  # when it reached the model
        ("before", _i),  # among the calls with a timeout
        ("after", _i),
    ],
    align=True,
)
START = np.dtype([("at", _f), ("waited", _f)], align=True)  # of a job that waits, at a single station
RECORDED_ROW = np.dtype([("arrival", _f), ("input_tokens", _f), ("output_tokens", _f), ("duration", _f)], align=True)

# --- disciplines
STRICT, DEDICATED, WEIGHTED = range(3)

# --- what becomes of work whose lease ends
REDELIVERS, DISCARDS, STOPS = range(3)

# --- purposes of random numbers
(
    U_GAP,
    U_SERVICE,
    U_CLASS,
    U_POISON,
    U_FAILURE,
    U_JITTER,
    U_PHASE,
    U_WEBHOOK,
    U_RECONNECT,
    U_HANDLING,
    U_REFUSAL,
    U_GAP_MORE,
    U_SERVICE_MORE,
    U_SUBSCRIBER_JITTER,
    U_TICK,
) = range(15)
U_CRASH, CRASH_DRAWS = U_TICK, 2
"""Crashes have the purpose of the tick, from this index on: there is no purpose left."""

# --- a slot's phase and flags
P_WAITING, P_AT_LIMIT, P_CALLING, P_BACKING_OFF, P_HANDLING, P_AGAIN, P_SCALING, P_CONNECTING, P_DISPATCHING = range(9)
F_STARTED, F_ABANDONED, F_ACCEPTED, F_NO_ANSWER, F_PROBE, F_FAILS_EARLY = 1, 2, 4, 8, 16, 32
F_LATE, F_STREAMING, F_HOLDS_KEY, F_REFUSED, F_UNHANDLED = 64, 128, 256, 512, 1024
P_LEASE_ENDS, P_CRASHES, P_LEASED, P_FIRST_BYTE = range(9, 13)

PROBE_SHIFT = 30
"""Bits of a job's number: above them its draws are those after failed probes."""
PROBED = 128
"""What a failed probe adds to a slot's `caller`."""

# --- what a slice of the loop returns
DONE, MORE, GROW, UNFIT = range(4)
