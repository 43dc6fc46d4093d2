"""Forces that favour an event-driven design."""

import numpy as np

from advisor.advice.columns import Floats
from advisor.advice.facts import FactVectors, Point
from advisor.advice.rules.shape import PATTERNS, SEED, Rule, constant
from advisor.advice.words import apart, count, duration, number, past, percent, rates, sentence, times

LONG_S, VERY_LONG_S = 10.0, 30.0
"""The seed's bounds of long processing; between its 2 s and these 10 s it says nothing, so nothing weighs."""
LONG_PAUSES_S = 10.0
"""Pauses between retries that span longer than this cannot be kept while somebody waits."""


def _burst_weight(f: FactVectors) -> Floats:
    overflow = np.interp(f.capacity.peak_load, [0.8, 1.0, 2.0], [0.0, 0.35, 0.5])
    varies = np.maximum(
        np.interp(f.load.peak_to_mean, [1.2, 2.0], [0.0, 1.0]), np.interp(f.load.arrival_cv, [1.5, 3.0], [0.0, 1.0])
    )
    return overflow * varies


def _burst(p: Point) -> str:
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


def _retry_weight(f: FactVectors) -> Floats:
    retried = (f.failure.max_retries >= 2) & (f.failure.transient + f.failure.poison > 0)
    return np.where(retried & f.failure.dead_letter, 0.25, 0.12)


def _with_pauses(p: Point) -> str:
    if p.failure.retry_window_s == 0:
        return "without a pause"
    if p.failure.max_retries == 1:
        return f"with a pause of up to {duration(p.failure.retry_window_s)}"
    return f"with pauses of up to {duration(p.failure.retry_window_s)} in all"


def _retries(p: Point) -> str:
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


def _durable(p: Point) -> str:
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


FOR_EVENTS: tuple[Rule, ...] = (
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
        source=SEED,
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
        source=SEED,
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
        source=SEED,
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
        source=SEED,
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
        source=SEED,
    ),
    Rule(
        id="nobody_waits",
        title="Nobody waits",
        about="No caller that wants the result back: a call that waits gains nothing.",
        favours="event_driven",
        when=lambda f: f.caller.nobody,
        weight=constant(0.3),
        sentence=lambda p: "Nobody waits for the result, so a call that waits for it gains nothing.",
        source=PATTERNS + ": Event Message",
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
        source=PATTERNS + ": Guaranteed Delivery",
    ),
)
