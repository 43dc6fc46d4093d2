"""Forces that favour a synchronous call."""

import numpy as np

from advisor.advice.facts import ATTENTION_S, Point
from advisor.advice.rules.shape import HOPS, NIELSEN, PATTERNS, SEED, Rule, constant
from advisor.advice.words import apart, duration, percent, rate, times

FAST_S = 2.0
"""The seed's bound of fast processing."""
MODERATE_LOAD = 0.7
"""Peak demand below this part of the capacity is moderate."""
STEADY_PEAK, STEADY_CV = 3.0, 1.5
"""Peaks up to three times the mean (office hours) and Poisson-like gaps are consistent."""


def _immediate(p: Point) -> str:
    if p.caller.immediate:
        return "The caller cannot go on without the result: it needs an immediate response."
    return f"Somebody waits with a deadline of {duration(p.caller.deadline_s)}, within the {duration(ATTENTION_S)} for which attention lasts."


def _fast(p: Point) -> str:
    takes, limit = apart(p.work.p95_s, FAST_S)
    return f"Processing is fast: p95 {takes}, under {limit}. Waiting in line costs little."


def _steady(p: Point) -> str:
    load, moderate = apart(100 * p.capacity.peak_load, 100 * MODERATE_LOAD, percent)
    peaks = (
        f"with peaks of {times(p.load.peak_to_mean)} the mean (consistent up to {times(STEADY_PEAK)})"
        if p.load.peak_to_mean > 1
        else "without peaks"
    )
    return f"The volume is moderate and consistent: {rate(p.load.peak_rate)} at most is {load} of the capacity (moderate below {moderate}), {peaks}."


FOR_CALLS: tuple[Rule, ...] = (
    Rule(
        id="fast_processing",
        title="Fast processing",
        about="p95 of processing under 2 s: waiting in line costs little.",
        favours="synchronous",
        when=lambda f: f.work.p95_s < FAST_S,
        weight=lambda f: np.interp(f.work.p95_s, [0.5, FAST_S], [0.35, 0.2]),
        sentence=_fast,
        cites=("work.p95_s",),
        source=SEED,
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
        source=SEED,
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
        source=f"{SEED}; {NIELSEN}",
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
        source=SEED,
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
        source=SEED,
    ),
    Rule(
        id="streaming",
        title="The answer streams",
        about="A streamed answer that no total limit on the way cuts short: long processing alone then needs no queue.",
        favours="synchronous",
        when=lambda f: f.caller.streams & (f.inline.inline_p99_s <= f.inline.inline_limit_s),
        weight=constant(0.1),
        sentence=lambda p: (
            f"The answer streams, and no total limit on the way is shorter than its {duration(p.inline.inline_p99_s)} at p99: its length alone needs "
            "no queue."
        ),
        cites=("inline.inline_p99_s",),
        source=HOPS,
    ),
    Rule(
        id="global_order",
        title="One order for all results",
        about="Results that must all keep one order: a queue with several consumers does not keep it, and one consumer takes its advantage away.",
        favours="synchronous",
        when=lambda f: f.capacity.ordered_globally,
        weight=constant(0.1),
        sentence=lambda p: "All results keep one order: a queue with more than one consumer does not keep it.",
        source=PATTERNS + ": Competing Consumers",
    ),
)
