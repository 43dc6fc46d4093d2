"""Cases for a hybrid: an answer in line, and an event or a later delivery besides."""

import numpy as np

from advisor.advice.columns import Flags
from advisor.advice.facts import Facts
from advisor.advice.rules.shape import HOPS, SEED, Rule, constant
from advisor.advice.words import count, duration


def _fits_patience(f: Facts) -> Flags:
    """The typical answer is there while the caller still looks."""
    return f.inline_p50_s <= np.minimum(f.hybrid_wait_s, f.patience_s)


def _fits_in_line(f: Facts) -> Flags:
    """There can be an answer in line at all."""
    return (f.inline_p99_s <= f.inline_limit_s) | _fits_patience(f)


FOR_BOTH: tuple[Rule, ...] = (
    Rule(
        id="answer_and_publish",
        title="An immediate answer, and others who react",
        about="A caller that wants its answer in line, and other services that react to it: two or more, or one that is released on its own.",
        favours="hybrid",
        when=lambda f: f.wants_inline & _fits_in_line(f) & (f.others >= 1) & (f.independent | (f.others >= 2)),
        weight=lambda f: np.minimum(1.0, 0.3 + 0.1 * (f.others - 1) + np.where(f.independent, 0.15, 0.0)),
        sentence=lambda p: (
            f"The caller wants its answer in line, and {count(p.others, 'other service')} {'reacts' if p.others == 1 else 'react'} to it: "
            "answer in line and publish an event for the rest."
        ),
        source=SEED,
    ),
    Rule(
        id="slow_tail",
        title="A slow tail behind an immediate answer",
        about="An in-line answer that most requests can have and the slowest cannot: past the wait in line, 202 and a later delivery.",
        favours="hybrid",
        when=lambda f: f.wants_inline & (f.inline_p99_s > f.inline_limit_s) & _fits_patience(f),
        weight=constant(0.6),
        sentence=lambda p: (
            f"Half of the answers are there within {duration(p.inline_p50_s)} and fit into the {duration(p.hybrid_wait_s)} in line; the slow tail "
            f"({duration(p.inline_p99_s)} at p99) does not, and gets 202 with a later delivery."
        ),
        source=f"RFC 9110, section 15.3.3, 202 Accepted; {HOPS}",
    ),
)
