"""Hard constraints: what rules a style out, whatever speaks for it."""

import math

import numpy as np

from advisor.advice import library
from advisor.advice.columns import resolved_hops
from advisor.advice.facts import Point
from advisor.advice.rules.shape import ALL, HOPS, Rule, constant
from advisor.advice.words import apart, count, duration, number, past, percent, plural, rates


def _hop_title(p: Point, kind: str, limit_s: float) -> str:
    """The hop that sets a limit, by its usual name."""
    hops = resolved_hops(p.answers.synchronous.hops, bool(p.streams))
    name = next((hop.name for hop in hops if hop.kind == kind and hop.limit_s == limit_s), "a hop on the way")
    fact = library.hop_named(name)
    return fact.title if fact else name


def _limit(p: Point, limit: str) -> str:
    """What sets the tightest limit, which is written as `limit`."""
    if p.hop_total_s <= p.inline_limit_s:
        return f"the {limit} total limit of {_hop_title(p, 'total', p.hop_total_s)}"
    if p.hop_idle_s <= p.inline_limit_s:
        return f"the {limit} idle limit of {_hop_title(p, 'idle', p.hop_idle_s)}, where nothing is streamed"
    return f"the {limit} after which the client gives up"


def _inline_limit(p: Point) -> str:
    besides = [f"waiting {duration(p.wait_s)} on average"] if p.wait_s > 0.05 * p.p99_s else []
    if p.transient > 0 and p.max_retries > 0:
        besides.append("retries")
    if p.others > 0 and p.handling_s > 0:
        besides.append(f"in-line subscribers {duration(p.handling_s)}")
    rest = "".join(f", {part}" for part in besides)
    waits = "" if p.counts_waits else ", waiting not counted"
    takes, beyond, limit = past(p.inline_p99_s, p.inline_limit_s)
    return f"The in-line answer takes {takes} at p99 (processing {duration(p.p99_s)}{rest}{waits}), {beyond} {_limit(p, limit)}."


def _overload_shortfall(p: Point) -> str:
    arrive, served = rates(p.rate, p.cap)
    return f"Neither design can keep up: {arrive} arrive, {served} can be served."


def _calls_at_once(p: Point) -> str:
    """Little's law; where quotas or one order bind, more calls at once bring nothing."""
    calls = p.rate * p.mean_s * p.attempts
    if p.ordered_globally or p.quotas <= p.rate:
        return ""
    return f"The mean alone takes about {count(math.ceil(calls), 'call')} at once (arithmetic, not simulated)."


def _overload(p: Point) -> str:
    order = " One order for all results leaves one at a time." if p.ordered_globally else ""
    arrive, served = rates(p.rate, p.cap)
    growth = (
        f"the backlog grows by {number((p.rate - p.cap) * 60)} {plural((p.rate - p.cap) * 60, 'job')} a minute without end"
        if p.rate > p.cap
        else "a backlog never clears"
    )
    return " ".join(
        filter(
            None,
            (
                f"On average {arrive} arrive and at most {served} can be served, retries included: {growth}.{order}",
                "More capacity comes first, whichever the style.",
                _calls_at_once(p),
            ),
        )
    )


def _peak_shortfall(p: Point) -> str:
    peak, served = rates(p.peak_rate, p.cap)
    return (
        f"Neither design can serve the peak in time: {peak} arrive for {duration(p.peak_s)}, {served} can be served, and the result must be "
        f"there in {duration(p.deadline_s)}."
    )


def _burst_beyond_deadline(p: Point) -> str:
    peak, served = rates(p.peak_rate, p.cap)
    takes, beyond, deadline = past(p.gathers_s + p.p95_s, p.deadline_s)
    return (
        f"A peak of {peak} for {duration(p.peak_s)} gathers {duration(p.gathers_s)} of work beyond the {served} that can be "
        f"served; with p95 {duration(p.p95_s)} that makes {takes}, {beyond} the deadline of {deadline}. No style serves this peak in time: "
        "more capacity comes first, or shedding, or expiry."
    )


def _deadline_shortfall(p: Point) -> str:
    late, tolerated = _late(p)
    return (
        f"Neither design can meet the deadline of {duration(p.deadline_s)}: {late} of the requests take longer to process, and "
        f"{tolerated} may be late."
    )


def _impossible_deadline(p: Point) -> str:
    late, tolerated = _late(p)
    return (
        f"{late} of the requests take longer than the deadline of {duration(p.deadline_s)} to process "
        f"(p50 {duration(p.p50_s)}, p95 {duration(p.p95_s)}), more than the {tolerated} that may be late. No design answers "
        "sooner than it processes."
    )


def _late(p: Point) -> tuple[str, str]:
    return apart(100 * p.late_share, 100 * p.tolerated, percent)


def _first_token(p: Point) -> str:
    comes, beyond, silence = past(p.first_token_s + p.wait_s, min(p.hop_idle_s, p.client_timeout_s))
    return (
        f"The first token comes after {comes}, {beyond} the {silence} for which something on the way waits in silence: the stream is cut "
        "before it begins."
    )


CONSTRAINTS: tuple[Rule, ...] = (
    Rule(
        id="overload",
        title="More arrives than can ever be served",
        about="The mean demand, retries included, at or above what all allowed workers and the provider can do: no queue and no call helps.",
        favours="neither",
        when=lambda f: f.long_run_load >= 1,
        weight=constant(1.0),
        sentence=_overload,
        source="Stability of a queue: the arrival rate must stay below capacity",
        rules_out=ALL,
        shortfall=_overload_shortfall,
        mend=_calls_at_once,
    ),
    Rule(
        id="burst_beyond_deadline",
        title="A peak gathers more than the deadline lets a queue serve",
        about="(peak demand / capacity - 1) x length of the peak + p95 past the deadline: a queue only moves the misses to later.",
        favours="neither",
        when=lambda f: (f.gathers_s > 0) & (f.gathers_s + f.p95_s > f.deadline_s),
        weight=constant(1.0),
        sentence=_burst_beyond_deadline,
        source="Fluid approximation of a queue in a peak",
        rules_out=ALL,
        shortfall=_peak_shortfall,
    ),
    Rule(
        id="impossible_deadline",
        title="Processing alone takes longer than the deadline",
        about="More requests take longer to process than the deadline than may be late: no design answers sooner than it processes.",
        favours="neither",
        when=lambda f: f.late_share > f.tolerated + 1e-9,
        weight=constant(1.0),
        sentence=_impossible_deadline,
        source="The lognormal through p50 and p95",
        rules_out=ALL,
        shortfall=_deadline_shortfall,
    ),
    Rule(
        id="inline_limit",
        title="The in-line answer outlasts a limit on the way",
        about=(
            "p99 of the in-line answer (waiting, retries and in-line subscribers included) past a total limit, or past an idle limit or the "
            "client's timeout where nothing streams: the caller gets an error for work that was done."
        ),
        favours="event_driven",
        when=lambda f: f.inline_p99_s > f.inline_limit_s,
        weight=constant(1.0),
        sentence=_inline_limit,
        source=HOPS,
        rules_out=("synchronous",),
    ),
    Rule(
        id="first_token_limit",
        title="The first token comes after an idle limit",
        about="A stream keeps idle limits from firing only once it has begun.",
        favours="event_driven",
        when=lambda f: f.streams & (f.first_token_s + f.wait_s > np.minimum(f.hop_idle_s, f.client_timeout_s)),
        weight=constant(1.0),
        sentence=_first_token,
        source=HOPS,
        rules_out=("synchronous",),
    ),
)
