"""Cases for a hybrid: an answer in line, and an event or a later delivery besides."""

import numpy as np

from advisor.advice.columns import Flags
from advisor.advice.facts import FactVectors, Point
from advisor.advice.rules.shape import HOPS, SEED, Rule, constant
from advisor.advice.words import apart, count, duration, past, plural


def _fits_patience(f: FactVectors) -> Flags:
    return f.inline.answer_p50_s <= np.minimum(f.inline.hybrid_wait_s, f.inline.patience_s)


def _fits_in_line(f: FactVectors) -> Flags:
    return (f.inline.answer_p99_s <= f.inline.inline_limit_s) | _fits_patience(f)


def _others_outlast(f: FactVectors) -> Flags:
    return (f.inline.answer_p99_s <= f.inline.inline_limit_s) & (f.inline.inline_p99_s > f.inline.inline_limit_s)


def _publish(p: Point) -> str:
    who = f"The caller wants its answer in line, and {count(p.coupling.others, 'other service')} {plural(p.coupling.others, 'reacts', 'react')} to it"
    called = ""
    if p.inline.answer_p99_s <= p.inline.inline_limit_s < p.inline.inline_p99_s:
        takes, beyond, limit = past(p.inline.inline_p99_s, p.inline.inline_limit_s)
        called = (
            f" Called in line, {plural(p.coupling.others, 'it', 'they')} would stretch the {duration(p.inline.answer_p99_s)} at p99 to {takes}, "
            f"{beyond} the {limit} limit on the way."
        )
    return f"{who}: answer in line and publish an event for the rest.{called}"


def _slow_tail(p: Point) -> str:
    typical, wait = apart(p.inline.answer_p50_s, p.inline.hybrid_wait_s)
    return (
        f"Half of the answers are there within {typical} and fit into the {wait} in line; the slow tail "
        f"({duration(p.inline.answer_p99_s)} at p99) does not, and gets 202 with a later delivery."
    )


FOR_BOTH: tuple[Rule, ...] = (
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
        cites=("inline.answer_p99_s", "inline.inline_limit_s", "inline.inline_p99_s", "coupling.others"),
        source=SEED,
    ),
    Rule(
        id="slow_tail",
        title="A slow tail behind an immediate answer",
        about="An in-line answer that most requests can have and the slowest cannot: past the wait in line, 202 and a later delivery.",
        favours="hybrid",
        when=lambda f: f.caller.wants_inline & (f.inline.answer_p99_s > f.inline.inline_limit_s) & _fits_patience(f),
        weight=constant(0.6),
        sentence=_slow_tail,
        cites=("inline.answer_p50_s", "inline.answer_p99_s", "inline.hybrid_wait_s"),
        source=f"RFC 9110, section 15.3.3, 202 Accepted; {HOPS}",
    ),
)
