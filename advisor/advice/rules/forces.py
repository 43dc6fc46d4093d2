"""Forces that favour a style, and the cases for a hybrid."""

import numpy as np

from advisor.advice import library
from advisor.advice.answer_vectors import FlagVector, NumberVector
from advisor.advice.facts import ATTENTION_S, FactVectors, PointFacts
from advisor.advice.limits import raise_sentence, tightest
from advisor.advice.rules.constraints import slow_answer, slow_answer_also
from advisor.advice.rules.rule import HOPS_SOURCE, NIELSEN_SOURCE, PATTERNS_SOURCE, SEED_SOURCE, Rule, constant
from advisor.advice.words import apart, past, rates, sentence, times
from core.numbers import count, duration, number, percent, plural, rate

DEPLOYMENT_SOURCE = "How long a deployment waits, from the dated data file"
LONG_S, VERY_LONG_S = 10.0, 30.0
"""The seed's bounds of long processing; between its 2 s and these 10 s it says nothing, so nothing weighs."""
LONG_PAUSES_S = 10.0
"""Pauses between retries that span longer than this cannot be kept while a caller waits."""


def _burst_weight(f: FactVectors) -> NumberVector:
    overflow = np.interp(f.capacity.peak_load, [0.8, 1.0, 2.0], [0.0, 0.35, 0.5])
    varies = np.maximum(
        np.interp(f.load.peak_to_mean, [1.2, 2.0], [0.0, 1.0]), np.interp(f.load.arrival_cv, [1.5, 3.0], [0.0, 1.0])
    )
    return overflow * varies


def _burst(p: PointFacts) -> str:
    swings = (
        f"peaks of {times(p.load.peak_to_mean)} the mean"
        if p.load.peak_to_mean > 1.2
        else f"uneven arrivals (variation {number(p.load.arrival_cv)})"
    )
    peak, served = rates(p.load.peak_rate, p.capacity.sync_cap)
    load, reached, _ = past(100 * p.capacity.peak_load, 100, percent)
    return sentence(
        f"{swings} bring {peak} at {duration(p.work.mean_s)} each, "
        f"{reached if p.capacity.peak_load >= 1 else 'close to'} the {served} that the synchronous "
        f"service can take ({load} of it). A queue holds what comes too fast."
    )


def _begins_late(f: FactVectors) -> FlagVector:
    """Whether a stream's first part comes after something on the way has given it up."""
    return f.caller.streams & (f.caller.first_token_s + f.inline.wait_s > f.inline.silence_limit_s)


def reaches_adjustable(f: FactVectors) -> FlagVector:
    """Whether the in-line answer reaches a limit that a setting changes, and none that no setting changes."""
    slow = f.inline.inline_slow_s
    late = f.caller.first_token_s + f.inline.wait_s
    whole = (slow > f.inline.inline_limit_s) & (slow <= f.inline.fixed_limit_s)
    begins = _begins_late(f) & (late <= f.inline.fixed_silence_limit_s)
    return whole | begins


def _adjustable_weight(f: FactVectors) -> NumberVector:
    """The further a limit has to be raised, the longer workers and connections are held."""
    late = np.where(f.caller.streams, f.caller.first_token_s + f.inline.wait_s, 0.0)
    times_over = np.fmax(f.inline.inline_slow_s / f.inline.inline_limit_s, late / f.inline.silence_limit_s)
    return np.interp(times_over, [1.0, 2.0, 8.0], [0.1, 0.2, 0.35])


def _adjustable(p: PointFacts) -> str:
    if p.inline.inline_slow_s > p.inline.inline_limit_s:
        takes, beyond, limit = past(p.inline.inline_slow_s, p.inline.inline_limit_s)
        named = tightest(p, adjustable=True)
        which = named.title_words(limit) if named else limit
        return (
            f"The in-line answer takes {takes} {slow_answer(p)}, {beyond} {which}: {raise_sentence(p, p.inline.inline_slow_s)}, or answer "
            "later."
        )
    late_s = p.caller.first_token_s + p.inline.wait_s
    comes, beyond, silence = past(late_s, p.inline.silence_limit_s)
    return (
        f"The first token comes after {comes}, {beyond} the {silence} for which something on the way waits in silence: "
        f"{raise_sentence(p, late_s, of_first_part=True)}, or answer later."
    )


def _adjustable_cites(p: PointFacts) -> tuple[str, ...]:
    if p.inline.inline_slow_s <= p.inline.inline_limit_s:
        return "caller.first_token_s", "inline.silence_limit_s", "caller.streams"
    whole = ("inline.counts_waits", "caller.tolerated", "work.p99_s", "failure.transient", "coupling.others")
    return (*whole, "caller.streams", *slow_answer_also(p))


def _interruption(p: PointFacts) -> str:
    takes, grace = apart(p.work.p95_s, float(library.delivery_standards()["deployment"]["grace_s"]))
    how = "a WebSocket" if p.caller.bidirectional else "server-sent events"
    shown = f", and show progress by {how}" if not p.caller.nobody else ""
    return (
        f"Work of minutes (p95 {takes}) is longer than a deployment waits for it ({grace} by default), and a connection that drops takes its answer "
        f"with it: keep the result of each step, so that it goes on after the last one{shown}."
    )


def _retry_weight(f: FactVectors) -> NumberVector:
    retried = (f.failure.max_retries >= 2) & (f.failure.transient + f.failure.poison > 0)
    return np.where(retried & f.failure.dead_letter, 0.25, 0.12)


def _with_pauses(p: PointFacts) -> str:
    if p.failure.retry_window_s == 0:
        return "without a pause"
    if p.failure.max_retries == 1:
        return f"with a pause of up to {duration(p.failure.retry_window_s)}"
    return f"with pauses of up to {duration(p.failure.retry_window_s)} in all"


def _retries(p: PointFacts) -> str:
    tries = f"{count(p.failure.max_retries, 'retry')} {_with_pauses(p)}"
    kept = "dead letters kept"
    needs = (
        f"{tries}, and {kept}"
        if p.failure.dead_letter and p.failure.max_retries
        else kept
        if p.failure.dead_letter
        else tries
    )
    return (
        f"Failure handling asks for {needs}. Queues have it built in; in line a retry holds its worker and its caller."
    )


def _durable(p: PointFacts) -> str:
    allowed = p.answers.resilience.max_lost_jobs
    arrive, lost = apart(p.load.arrives_in_outage, allowed, number)
    meets = (
        f"some {arrive} requests"
        if p.load.arrives_in_outage > 1.5
        else "about one request"
        if p.load.arrives_in_outage >= 0.5
        else "few requests, if any"
    )
    may = f"at most {lost}" if allowed else "none"
    return f"An outage of {duration(p.load.outage_s)} meets {meets}, and {may} may be lost: they must be stored before they are acknowledged."


MINUTES_S, MANY_MINUTES_S = 60.0, 300.0
"""Work of a minute outlasts what a deployment waits for it twice over; from five on nothing speaks for holding a connection."""

_FOR_EVENTS: tuple[Rule, ...] = (
    Rule(
        id="adjustable_limit",
        title="The in-line answer reaches a limit that a setting changes",
        about=(
            "The in-line answer, at the quantile that the tolerated misses leave, past a limit of one's own (a server's, a proxy's, the client's): "
            "raising it is an answer, and holds workers and connections for longer. The more, the further it has to be raised."
        ),
        favours="event_driven",
        when=reaches_adjustable,
        weight=_adjustable_weight,
        sentence=_adjustable,
        cites=("inline.inline_limit_s", "inline.inline_slow_s", "inline.wait_s"),
        cites_also=_adjustable_cites,
        source=HOPS_SOURCE,
    ),
    Rule(
        id="survives_interruption",
        title="Work of minutes outlasts deployments and connections",
        about=(
            "p95 of processing from a minute on: work that must survive a deployment or a dropped connection is kept step by step, outside of a "
            "request."
        ),
        favours="event_driven",
        when=lambda f: f.work.p95_s >= MINUTES_S,
        weight=lambda f: np.interp(f.work.p95_s, [MINUTES_S, MANY_MINUTES_S], [0.2, 0.4]),
        sentence=_interruption,
        cites=("work.p95_s", "caller.nobody"),
        cites_also=lambda p: () if p.caller.nobody else ("caller.bidirectional",),
        source=DEPLOYMENT_SOURCE,
    ),
    Rule(
        id="variable_volume",
        title="High volume at a variable rate",
        about=(
            "Peak demand against the synchronous capacity (workers, the provider's concurrency and quotas), as far as the rate varies: felt from "
            "80 % of it, strong past it. A queue absorbs the spike."
        ),
        favours="event_driven",
        when=lambda f: _burst_weight(f) > 0,
        weight=_burst_weight,
        sentence=_burst,
        cites=(
            "work.mean_s",
            "capacity.peak_load",
            "load.peak_rate",
            "load.peak_to_mean",
            "capacity.sync_cap",
        ),
        cites_also=lambda p: () if p.load.peak_to_mean > 1.2 else ("load.arrival_cv",),
        source=SEED_SOURCE,
    ),
    Rule(
        id="long_processing",
        title="Long processing",
        about="p95 of processing from 10 s on, most from 30 s on; not where the answer streams. A synchronous call blocks its caller.",
        favours="event_driven",
        when=lambda f: (f.work.p95_s >= LONG_S) & ~f.caller.streams,
        weight=lambda f: np.interp(f.work.p95_s, [LONG_S, VERY_LONG_S], [0.2, 0.45]),
        sentence=lambda p: (
            f"Processing is long: p95 {duration(p.work.p95_s)}, and from {duration(LONG_S)} on a synchronous call holds its caller and a connection "
            "for too long."
        ),
        cites=("work.p95_s",),
        source=SEED_SOURCE,
    ),
    Rule(
        id="several_subscribers",
        title="Several services react",
        about="Two or more services that react to each result, the caller counted: an event reaches them all.",
        favours="event_driven",
        when=lambda f: f.coupling.subscribers >= 2,
        weight=lambda f: np.interp(f.coupling.subscribers, [2, 3, 5], [0.2, 0.3, 0.4]),
        sentence=lambda p: (
            f"{count(p.coupling.subscribers, 'service')} react to each result, where one would be called: an event "
            f"reaches them all without a call to each."
        ),
        cites=("coupling.subscribers",),
        source=SEED_SOURCE,
    ),
    Rule(
        id="retries_and_dead_letters",
        title="Retries with backoff and dead letters",
        about=f"Dead letters that must be kept, or retries whose pauses span more than {LONG_PAUSES_S:g} s: queues have both built in.",
        favours="event_driven",
        when=lambda f: f.failure.dead_letter | ((f.failure.retry_window_s > LONG_PAUSES_S) & (f.failure.transient > 0)),
        weight=_retry_weight,
        sentence=_retries,
        cites=("failure.dead_letter", "failure.max_retries", "failure.retry_window_s"),
        source=SEED_SOURCE,
    ),
    Rule(
        id="independent_evolution",
        title="Both sides evolve independently",
        about="Producers and consumers that are changed and released on their own: an event between them keeps them apart.",
        favours="event_driven",
        when=lambda f: f.coupling.independent,
        weight=constant(0.15),
        sentence=lambda p: (
            "Those who send and those who react are released independently; an event between them keeps them apart."
        ),
        source=SEED_SOURCE,
    ),
    Rule(
        id="nobody_waits",
        title="Nobody waits",
        about="No caller that wants the result back: a call that waits gains nothing.",
        favours="event_driven",
        when=lambda f: f.caller.nobody,
        weight=constant(0.3),
        sentence=lambda p: "Nobody waits for the result, so a call that waits for it gains nothing.",
        source=PATTERNS_SOURCE + ": Event Message",
    ),
    Rule(
        id="durable_intake",
        title="What arrives in an outage must be kept",
        about="More requests arrive in the stated outage of the model than may be lost, and the caller can do without an immediate answer.",
        favours="event_driven",
        when=lambda f: f.failure.loses_in_outage & ~f.caller.immediate,
        weight=constant(0.15),
        sentence=_durable,
        cites=("load.arrives_in_outage", "load.outage_s"),
        source=PATTERNS_SOURCE + ": Guaranteed Delivery",
    ),
)


FAST_S = 2.0
"""The seed's bound of fast processing."""
MODERATE_LOAD = 0.7
"""Peak demand below this part of the capacity is moderate."""
STEADY_PEAK, STEADY_CV = 3.0, 1.5
"""Peaks up to three times the mean (office hours) and Poisson-like gaps are consistent."""


def _immediate(p: PointFacts) -> str:
    if p.caller.immediate:
        return "The caller cannot go on without the result: it needs an immediate response."
    return f"Somebody waits with a deadline of {duration(p.caller.deadline_s)}, within the {duration(ATTENTION_S)} for which attention lasts."


def _fast(p: PointFacts) -> str:
    takes, limit = apart(p.work.p95_s, FAST_S)
    return f"Processing is fast: p95 {takes}, under {limit}. Waiting in line costs little."


def _steady(p: PointFacts) -> str:
    load, moderate = apart(100 * p.capacity.peak_load, 100 * MODERATE_LOAD, percent)
    peaks = (
        f"with peaks of {times(p.load.peak_to_mean)} the mean (consistent up to {times(STEADY_PEAK)})"
        if p.load.peak_to_mean > 1
        else "without peaks"
    )
    return f"The volume is moderate and consistent: {rate(p.load.peak_rate)} at most is {load} of the capacity (moderate below {moderate}), {peaks}."


_FOR_CALLS: tuple[Rule, ...] = (
    Rule(
        id="fast_processing",
        title="Fast processing",
        about="p95 of processing under 2 s: waiting in line costs little.",
        favours="synchronous",
        when=lambda f: f.work.p95_s < FAST_S,
        weight=lambda f: np.interp(f.work.p95_s, [0.5, FAST_S], [0.35, 0.2]),
        sentence=_fast,
        cites=("work.p95_s",),
        source=SEED_SOURCE,
    ),
    Rule(
        id="steady_volume",
        title="Moderate, consistent volume",
        about=(
            f"Peak demand under {percent(100 * MODERATE_LOAD)} of the capacity, peaks of {times(STEADY_PEAK)} the mean at most, and gaps with a "
            f"variation of {STEADY_CV:g} at most."
        ),
        favours="synchronous",
        when=lambda f: (
            (f.capacity.peak_load < MODERATE_LOAD)
            & (f.load.peak_to_mean <= STEADY_PEAK)
            & (f.load.arrival_cv <= STEADY_CV)
        ),
        weight=constant(0.2),
        sentence=_steady,
        cites=("capacity.peak_load", "load.peak_rate", "load.peak_to_mean"),
        source=SEED_SOURCE,
    ),
    Rule(
        id="immediate_response",
        title="The client needs an immediate response",
        about=f"A caller that cannot go on without the result; by half, somebody who waits with a deadline of {ATTENTION_S:g} s or less.",
        favours="synchronous",
        when=lambda f: f.caller.immediate | (~f.caller.nobody & (f.caller.deadline_s <= ATTENTION_S)),
        weight=lambda f: np.where(f.caller.immediate, 0.5, 0.25),
        sentence=_immediate,
        cites=("caller.immediate",),
        cites_also=lambda p: () if p.caller.immediate else ("caller.deadline_s",),
        source=f"{SEED_SOURCE}; {NIELSEN_SOURCE}",
    ),
    Rule(
        id="single_consumer",
        title="A single consumer",
        about="One consumer of the result, the caller counted: a call reaches it.",
        favours="synchronous",
        when=lambda f: f.coupling.subscribers <= 1,
        weight=constant(0.15),
        sentence=lambda p: (
            "A single consumer uses the result, not two or more: a call reaches it with nothing in between."
        ),
        source=SEED_SOURCE,
    ),
    Rule(
        id="operational_cost",
        title="What event-driven costs to run",
        about="Broker, consumer groups, offsets, dead letters to watch, harder debugging; less for a team that runs a broker already.",
        favours="synchronous",
        when=lambda f: f.load.rate > 0,
        weight=lambda f: np.where(f.coupling.broker, 0.05, 0.18),
        sentence=lambda p: (
            "Queues, consumers and dead letters must be watched; the broker that runs today makes that a small step."
            if p.coupling.broker
            else "No broker runs today: queues, consumers, dead letters to watch and harder debugging are new work for the team."
        ),
        cites=("coupling.broker",),
        source=SEED_SOURCE,
    ),
    Rule(
        id="streaming",
        title="The answer streams",
        about="A streamed answer that no total limit on the way cuts short: long processing alone then needs no queue.",
        favours="synchronous",
        when=lambda f: f.caller.streams & (f.inline.inline_slow_s <= f.inline.inline_limit_s) & ~_begins_late(f),
        weight=constant(0.1),
        sentence=lambda p: (
            f"The answer streams, and no total limit on the way is shorter than its {duration(p.inline.inline_p99_s)} at p99: its length alone needs "
            "no queue."
        ),
        cites=("inline.inline_p99_s",),
        source=HOPS_SOURCE,
    ),
    Rule(
        id="global_order",
        title="One order for all results",
        about="Results that must all keep one order: a queue with several consumers does not keep it, and one consumer takes its advantage away.",
        favours="synchronous",
        when=lambda f: f.capacity.ordered_globally,
        weight=constant(0.1),
        sentence=lambda p: "All results keep one order: a queue with more than one consumer does not keep it.",
        source=PATTERNS_SOURCE + ": Competing Consumers",
    ),
)


def _fits_patience(f: FactVectors) -> FlagVector:
    return f.inline.answer_p50_s <= np.minimum(f.inline.hybrid_wait_s, f.inline.patience_s)


def _fits_in_line(f: FactVectors) -> FlagVector:
    return (f.inline.answer_slow_s <= f.inline.fixed_limit_s) | _fits_patience(f)


def _others_outlast(f: FactVectors) -> FlagVector:
    return (f.inline.answer_slow_s <= f.inline.inline_limit_s) & (f.inline.inline_slow_s > f.inline.inline_limit_s)


def _publish(p: PointFacts) -> str:
    who = f"The caller wants its answer in line, and {count(p.coupling.others, 'other service')} {plural(p.coupling.others, 'reacts', 'react')} to it"
    called = ""
    if p.inline.answer_slow_s <= p.inline.inline_limit_s < p.inline.inline_slow_s:
        takes, beyond, limit = past(p.inline.inline_slow_s, p.inline.inline_limit_s)
        called = (
            f" Called in line, {plural(p.coupling.others, 'it', 'they')} would stretch {duration(p.inline.answer_slow_s)} to {takes}, "
            f"{beyond} the {limit} limit on the way."
        )
    return f"{who}: answer in line and publish an event for the rest.{called}"


def _slow_tail(p: PointFacts) -> str:
    typical, wait = apart(p.inline.answer_p50_s, p.inline.hybrid_wait_s)
    return (
        f"Half of the answers are there within {typical} and fit into the {wait} in line; the slow tail "
        f"({duration(p.inline.answer_p99_s)} at p99) does not, and gets 202 with a later delivery."
    )


HYBRIDS: tuple[Rule, ...] = (
    Rule(
        id="answer_and_publish",
        title="An immediate answer, and others who react",
        about=(
            "A caller that wants its answer in line, and other services that react to it: two or more, one that is released on its own, or "
            "one that takes too long to be called in line."
        ),
        favours="hybrid",
        when=lambda f: (
            f.caller.wants_inline
            & _fits_in_line(f)
            & (f.coupling.others >= 1)
            & (f.coupling.independent | (f.coupling.others >= 2) | _others_outlast(f))
        ),
        weight=lambda f: np.minimum(
            1.0,
            0.3
            + 0.1 * (f.coupling.others - 1)
            + np.where(f.coupling.independent, 0.15, 0.0)
            + np.where(_others_outlast(f), 0.3, 0.0),
        ),
        sentence=_publish,
        cites=("inline.answer_slow_s", "inline.inline_limit_s", "inline.inline_slow_s", "coupling.others"),
        source=SEED_SOURCE,
    ),
    Rule(
        id="slow_tail",
        title="A slow tail behind an immediate answer",
        about="An in-line answer that most requests can have and the slowest cannot: past the wait in line, 202 and a later delivery.",
        favours="hybrid",
        when=lambda f: f.caller.wants_inline & (f.inline.answer_slow_s > f.inline.fixed_limit_s) & _fits_patience(f),
        weight=constant(0.6),
        sentence=_slow_tail,
        cites=("inline.answer_p50_s", "inline.answer_p99_s", "inline.hybrid_wait_s"),
        source=f"RFC 9110, section 15.3.3, 202 Accepted; {HOPS_SOURCE}",
    ),
)

FORCES = _FOR_EVENTS + _FOR_CALLS
