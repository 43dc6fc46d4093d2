"""The table of rules. Nothing decides outside it.

To add a rule, add an entry here and a case to the table in tests/unit/advice/test_cases.py.
"""

from collections.abc import Callable

import numpy as np

from advisor.advice.columns import Floats
from advisor.advice.facts import ATTENTION_S, Facts, Point
from advisor.advice.rule import ALL, NIELSEN, SEED, Rule
from advisor.advice.words import count, number, percent, rate, seconds, sentences, times

RULES_VERSION = "2026.11.1"

FAST_S, LONG_S, VERY_LONG_S = 2.0, 10.0, 30.0
"""The seed's bounds of fast and of long processing; between 2 and 10 s it says nothing, so nothing weighs."""
MODERATE_LOAD = 0.7
"""Peak demand below this part of the capacity is moderate."""
STEADY_PEAK, STEADY_CV = 3.0, 1.5
"""Peaks up to three times the mean (office hours) and Poisson-like gaps are consistent."""
SOME_RETRIES_S = 10.0
"""Pauses that span longer than this cannot be kept while somebody waits."""


def constant(weight: float) -> Callable[[Facts], Floats]:
    """A weight that does not depend on anything."""
    return lambda f: np.full_like(f.rate, weight)


def _burst_weight(f: Facts) -> Floats:
    """How far the peak demand passes the capacity, as far as the load varies at all."""
    overflow = np.interp(f.peak_load, [0.8, 1.0, 2.0], [0.0, 0.35, 0.5])
    varies = np.maximum(
        np.interp(f.peak_to_mean, [1.2, 2.0], [0.0, 1.0]), np.interp(f.arrival_cv, [1.5, 3.0], [0.0, 1.0])
    )
    return overflow * varies


def _retry_weight(f: Facts) -> Floats:
    """Full where failures are retried with backoff and what fails for good is kept; half where only one of the two is needed."""
    retried = (f.max_retries >= 2) & (f.transient + f.poison > 0)
    return np.where(retried & f.dead_letter, 0.25, 0.12)


def _immediate_weight(f: Facts) -> Floats:
    return np.where(f.immediate, 0.5, 0.25)


def _burst_sentence(p: Point) -> str:
    swings = (
        f"peaks of {times(p.peak_to_mean)} the mean"
        if p.peak_to_mean > 1.2
        else f"uneven arrivals (variation {number(p.arrival_cv)})"
    )
    past = "past" if p.peak_load >= 1 else "close to"
    return sentences(
        f"{swings} bring {rate(p.peak_rate)} at {seconds(p.mean_s)} each: {past} the {rate(p.sync_cap)} that the "
        f"synchronous service can take ({percent(100 * p.peak_load)} of it). A queue holds what comes too fast."
    )


def _steady_sentence(p: Point) -> str:
    return (
        f"The load is moderate and consistent: {rate(p.peak_rate)} at most is {percent(100 * p.peak_load)} of the capacity "
        f"(moderate below {percent(100 * MODERATE_LOAD)}), with peaks of {times(p.peak_to_mean)} (consistent up to {times(STEADY_PEAK)})."
    )


def _retry_sentence(p: Point) -> str:
    if p.dead_letter and p.max_retries >= 2:
        needs = (
            f"{count(p.max_retries, 'retry', 'retries')} over up to {seconds(p.retry_window_s)}, and dead letters kept"
        )
    elif p.dead_letter:
        needs = "dead letters kept"
    else:
        needs = f"{count(p.max_retries, 'retry', 'retries')} over up to {seconds(p.retry_window_s)}"
    return f"Failure handling asks for {needs}. Queues have both built in; in line a retry holds its worker and its caller."


def _immediate_sentence(p: Point) -> str:
    if p.immediate:
        return "The caller cannot go on without the result: it needs an immediate answer."
    return f"Somebody waits with a deadline of {seconds(p.deadline_s)}, within the {seconds(ATTENTION_S)} that a person's attention lasts."


def _limit_sentence(p: Point) -> str:
    if p.hop_total_s <= p.inline_limit_s:
        limit = f"{seconds(p.hop_total_s)} total limit of a hop on the way"
    elif p.hop_idle_s <= p.inline_limit_s:
        limit = f"{seconds(p.hop_idle_s)} idle limit of a hop on the way, where nothing is streamed"
    else:
        limit = f"{seconds(p.client_timeout_s)} after which the client gives up"
    return (
        f"The in-line answer takes {seconds(p.inline_p99_s)} at p99 (processing {seconds(p.p99_s)}, with waiting, retries and "
        f"in-line subscribers), past the {limit}."
    )


def _burst_beyond_sentence(p: Point) -> str:
    return (
        f"A peak of {rate(p.peak_rate)} for {seconds(p.peak_s)} gathers {seconds(p.gathers_s)} of work beyond the {rate(p.cap)} "
        f"that can be served; with p95 {seconds(p.p95_s)} that is past the deadline of {seconds(p.deadline_s)}. More capacity comes first, "
        "or shedding, or expiry: no style serves this peak in time."
    )


def _overload_sentence(p: Point) -> str:
    growth = (p.rate - p.cap) * 60
    order = " One order for all results leaves one at a time." if p.ordered_globally else ""
    return (
        f"On average {rate(p.rate)} arrive, retries not counted, and at most {rate(p.cap)} can be served: the backlog grows by {number(growth)} "
        f"a minute for ever. More capacity comes first, whichever the style.{order}"
    )


CONSTRAINTS: tuple[Rule, ...] = (
    Rule(
        id="overload",
        title="More arrives than can ever be served",
        favours="neither",
        when=lambda f: f.long_run_load >= 1,
        weight=constant(1.0),
        sentence=_overload_sentence,
        source="Stability of a queue: arrival rate below capacity, retries included",
        rules_out=ALL,
    ),
    Rule(
        id="burst_beyond_deadline",
        title="A peak gathers more than the deadline lets a queue serve",
        favours="neither",
        when=lambda f: (f.gathers_s > 0) & (f.gathers_s + f.p95_s > f.deadline_s),
        weight=constant(1.0),
        sentence=_burst_beyond_sentence,
        source="(peak / capacity - 1) x peak length + p95 <= deadline",
        rules_out=ALL,
    ),
    Rule(
        id="impossible_deadline",
        title="Processing alone takes longer than the deadline",
        favours="neither",
        when=lambda f: f.late_share > f.tolerated + 1e-9,
        weight=constant(1.0),
        sentence=lambda p: (
            f"{percent(100 * p.late_share)} of the requests take longer than the deadline of {seconds(p.deadline_s)} to process "
            f"(p50 {seconds(p.p50_s)}, p95 {seconds(p.p95_s)}), more than the {percent(100 * p.tolerated)} that may be late. No design can "
            "answer sooner than it processes."
        ),
        source="The lognormal through p50 and p95",
        rules_out=ALL,
    ),
    Rule(
        id="inline_limit",
        title="The in-line answer outlasts a limit on the way",
        favours="event_driven",
        when=lambda f: f.inline_p99_s > f.inline_limit_s,
        weight=constant(1.0),
        sentence=_limit_sentence,
        source="Time limits of the hops, from the dated data file",
        rules_out=("synchronous",),
    ),
    Rule(
        id="first_token_limit",
        title="The first token comes after an idle limit",
        favours="event_driven",
        when=lambda f: f.streams & (f.first_token_s + f.wait_s > np.minimum(f.hop_idle_s, f.client_timeout_s)),
        weight=constant(1.0),
        sentence=lambda p: (
            f"The first token comes after {seconds(p.first_token_s + p.wait_s)}, past the idle limit of "
            f"{seconds(min(p.hop_idle_s, p.client_timeout_s))} on the way: the stream is cut before it begins."
        ),
        source="Time limits of the hops, from the dated data file",
        rules_out=("synchronous",),
    ),
)

FORCES: tuple[Rule, ...] = (
    Rule(
        id="variable_volume",
        title="High volume at a variable rate",
        favours="event_driven",
        when=lambda f: _burst_weight(f) > 0,
        weight=_burst_weight,
        sentence=_burst_sentence,
        source=SEED,
    ),
    Rule(
        id="long_processing",
        title="Long processing",
        favours="event_driven",
        when=lambda f: (f.p95_s >= LONG_S) & ~f.streams,
        weight=lambda f: np.interp(f.p95_s, [LONG_S, VERY_LONG_S], [0.2, 0.45]),
        sentence=lambda p: (
            f"Processing is long: p95 {seconds(p.p95_s)}, past {seconds(LONG_S)}. A synchronous call holds its caller and a connection for all of it."
        ),
        source=SEED,
    ),
    Rule(
        id="several_subscribers",
        title="Several services react",
        favours="event_driven",
        when=lambda f: f.subscribers >= 2,
        weight=lambda f: np.interp(f.subscribers, [2, 3, 5], [0.2, 0.3, 0.4]),
        sentence=lambda p: (
            f"{number(p.subscribers)} services react to each result, past one: an event reaches them all without a call to each."
        ),
        source=SEED,
    ),
    Rule(
        id="retries_and_dead_letters",
        title="Retries with backoff and dead letters",
        favours="event_driven",
        when=lambda f: f.dead_letter | ((f.retry_window_s > SOME_RETRIES_S) & (f.transient > 0)),
        weight=_retry_weight,
        sentence=_retry_sentence,
        source=SEED,
    ),
    Rule(
        id="independent_evolution",
        title="Both sides evolve independently",
        favours="event_driven",
        when=lambda f: f.independent,
        weight=constant(0.15),
        sentence=lambda p: (
            "Those who send and those who react are released independently; an event between them keeps them apart."
        ),
        source=SEED,
    ),
    Rule(
        id="nobody_waits",
        title="Nobody waits",
        favours="event_driven",
        when=lambda f: f.nobody,
        weight=constant(0.3),
        sentence=lambda p: "Nobody waits for the result, so a call that waits gains nothing.",
        source=SEED,
    ),
    Rule(
        id="durable_intake",
        title="What arrives in an outage must be kept",
        favours="event_driven",
        when=lambda f: f.loses_in_outage & ~f.immediate,
        weight=constant(0.15),
        sentence=lambda p: (
            f"An outage of {seconds(p.outage_s)} meets {number(p.arrives_in_outage)} requests, more than may be lost: "
            "they must be stored before they are acknowledged."
        ),
        source="Store and forward: G. Hohpe and B. Woolf, Enterprise Integration Patterns, 2003, Guaranteed Delivery",
    ),
    Rule(
        id="fast_processing",
        title="Fast processing",
        favours="synchronous",
        when=lambda f: f.p95_s < FAST_S,
        weight=lambda f: np.interp(f.p95_s, [0.5, FAST_S], [0.35, 0.2]),
        sentence=lambda p: (
            f"Processing is fast: p95 {seconds(p.p95_s)}, under {seconds(FAST_S)}. Waiting in line costs little."
        ),
        source=SEED,
    ),
    Rule(
        id="steady_volume",
        title="Moderate, consistent volume",
        favours="synchronous",
        when=lambda f: (f.peak_load < MODERATE_LOAD) & (f.peak_to_mean <= STEADY_PEAK) & (f.arrival_cv <= STEADY_CV),
        weight=constant(0.2),
        sentence=_steady_sentence,
        source=SEED,
    ),
    Rule(
        id="immediate_response",
        title="The client needs an immediate response",
        favours="synchronous",
        when=lambda f: f.immediate | (~f.nobody & (f.deadline_s <= ATTENTION_S)),
        weight=_immediate_weight,
        sentence=_immediate_sentence,
        source=f"{SEED}; {NIELSEN}",
    ),
    Rule(
        id="single_consumer",
        title="A single consumer",
        favours="synchronous",
        when=lambda f: f.subscribers <= 1,
        weight=constant(0.15),
        sentence=lambda p: (
            "A single consumer uses the result, not two or more: a call reaches it without anything between."
        ),
        source=SEED,
    ),
    Rule(
        id="operational_cost",
        title="What a broker costs to run",
        favours="synchronous",
        when=lambda f: f.rate > 0,
        weight=lambda f: np.where(f.broker, 0.05, 0.2),
        sentence=lambda p: (
            "Queues, consumers and dead letters must be watched; the broker that runs today makes that a small step."
            if p.broker
            else "No broker runs today: queues, consumers, dead letters and harder debugging are new work for the team."
        ),
        source=SEED,
    ),
    Rule(
        id="streaming",
        title="The answer streams",
        favours="synchronous",
        when=lambda f: f.streams & (f.inline_p99_s <= f.inline_limit_s),
        weight=constant(0.1),
        sentence=lambda p: (
            "The answer streams and no total limit on the way is shorter than it: "
            f"p99 {seconds(p.inline_p99_s)} by itself needs no queue."
        ),
        source="Idle limits are reset by any byte; the hops' own documentation",
    ),
    Rule(
        id="global_order",
        title="One order for all results",
        favours="synchronous",
        when=lambda f: f.ordered_globally,
        weight=constant(0.1),
        sentence=lambda p: (
            "All results keep one order: a queue with more than one consumer does not, and one consumer takes its advantage away."
        ),
        source="Competing consumers lose order: G. Hohpe and B. Woolf, Enterprise Integration Patterns, 2003",
    ),
)

HYBRIDS: tuple[Rule, ...] = (
    Rule(
        id="answer_and_publish",
        title="An immediate answer, and others who react",
        favours="hybrid",
        when=lambda f: f.immediate & (f.others >= 1) & (f.independent | (f.others >= 2)),
        weight=lambda f: np.minimum(1.0, 0.3 + 0.1 * (f.others - 1) + np.where(f.independent, 0.15, 0.0)),
        sentence=lambda p: (
            f"The caller needs its answer at once and {count(p.others, 'other service')} {'reacts' if p.others == 1 else 'react'} to it: "
            "answer in line and publish an event for the others."
        ),
        source=SEED,
    ),
    Rule(
        id="slow_tail",
        title="A slow tail behind an immediate answer",
        favours="hybrid",
        when=lambda f: f.immediate & (f.inline_p99_s > f.inline_limit_s) & (f.inline_p50_s <= f.hybrid_wait_s),
        weight=constant(0.6),
        sentence=lambda p: (
            f"Half of the answers are there within {seconds(p.inline_p50_s)} and fit in line; the slow tail ({seconds(p.inline_p99_s)} at p99) "
            "does not, and gets 202 with a later delivery."
        ),
        source="RFC 9110, section 15.3.3 (202 Accepted); time limits of the hops",
    ),
)

RULES: tuple[Rule, ...] = CONSTRAINTS + HYBRIDS + FORCES
