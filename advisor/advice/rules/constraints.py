"""Hard constraints: what rules a style out, whatever speaks for it."""

import math

from advisor.advice.facts import PointFacts
from advisor.advice.limits import tightest
from advisor.advice.rules.rule import ALL, HOPS_SOURCE, Rule, constant
from advisor.advice.words import apart, past, rates
from core.numbers import count, duration, number, percent, plural


def slow_answer(p: PointFacts) -> str:
    """How long the in-line answer takes at the quantile that the tolerated misses leave, and what that is made of."""
    besides = [f"waiting {duration(p.inline.wait_s)} on average"] if p.inline.wait_s > 0.05 * p.work.p99_s else []
    if p.failure.transient > 0 and p.failure.max_retries > 0:
        besides.append("retries")
    if p.coupling.others > 0 and p.coupling.handling_s > 0:
        besides.append(f"in-line subscribers {duration(p.coupling.handling_s)}")
    rest = "".join(f", {part}" for part in besides)
    waits = "" if p.inline.counts_waits else ", waiting not counted"
    quantile = number(100 - 100 * p.caller.tolerated)
    return f"at p{quantile} (processing {duration(p.work.p99_s)} at p99{rest}{waits})"


def slow_answer_also(p: PointFacts) -> tuple[str, ...]:
    cases = {"failure.max_retries": p.failure.transient > 0, "coupling.handling_s": p.coupling.others > 0}
    return tuple(fact for fact, applies in cases.items() if applies)


def _inline_limit(p: PointFacts) -> str:
    takes, beyond, limit = past(p.inline.inline_slow_s, p.inline.fixed_limit_s)
    named = tightest(p, adjustable=False)
    which = named.title_words(limit) if named else limit
    return f"The in-line answer takes {takes} {slow_answer(p)}, {beyond} {which}, which no setting changes."


def _overload_shortfall(p: PointFacts) -> str:
    arrive, served = rates(p.load.rate, p.capacity.cap)
    return f"Neither design can keep up: {arrive} arrive, {served} can be served."


def _calls_at_once(p: PointFacts) -> str:
    """Little's law; where quotas or one order bind, more calls at once bring nothing."""
    calls = p.load.rate * p.work.mean_s * p.failure.attempts
    if p.capacity.ordered_globally or p.capacity.quotas <= p.load.rate:
        return ""
    return f"The mean alone takes about {count(math.ceil(calls), 'call')} at once (arithmetic, not simulated)."


def _overload(p: PointFacts) -> str:
    order = " One order for all results leaves one at a time." if p.capacity.ordered_globally else ""
    arrive, served = rates(p.load.rate, p.capacity.cap)
    growth = (
        f"the backlog grows by {number((p.load.rate - p.capacity.cap) * 60)} "
        f"{plural((p.load.rate - p.capacity.cap) * 60, 'job')} a minute without end"
        if p.load.rate > p.capacity.cap
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


def _peak_shortfall(p: PointFacts) -> str:
    peak, served = rates(p.load.peak_rate, p.capacity.cap)
    return (
        f"Neither design can serve the peak in time: {peak} arrive for {duration(p.load.peak_s)}, {served} can be served, and the result must be "
        f"there in {duration(p.caller.deadline_s)}."
    )


def _burst_beyond_deadline(p: PointFacts) -> str:
    peak, served = rates(p.load.peak_rate, p.capacity.cap)
    takes, beyond, deadline = past(p.capacity.gathers_s + p.work.p95_s, p.caller.deadline_s)
    return (
        f"A peak of {peak} for {duration(p.load.peak_s)} gathers {duration(p.capacity.gathers_s)} of work beyond the {served} that can be "
        f"served; with p95 {duration(p.work.p95_s)} that makes {takes}, {beyond} the deadline of {deadline}. No style serves this peak in time: "
        "more capacity comes first, or shedding, or expiry."
    )


def _deadline_shortfall(p: PointFacts) -> str:
    late, tolerated = _late(p)
    return (
        f"Neither design can meet the deadline of {duration(p.caller.deadline_s)}: {late} of the requests take longer to process, and "
        f"{tolerated} may be late."
    )


def _impossible_deadline(p: PointFacts) -> str:
    late, tolerated = _late(p)
    return (
        f"{late} of the requests take longer than the deadline of {duration(p.caller.deadline_s)} to process "
        f"(p50 {duration(p.work.p50_s)}, p95 {duration(p.work.p95_s)}), more than the {tolerated} that may be late. No design answers "
        "sooner than it processes."
    )


def _late(p: PointFacts) -> tuple[str, str]:
    return apart(100 * p.work.late_share, 100 * p.caller.tolerated, percent)


def _first_token(p: PointFacts) -> str:
    comes, beyond, silence = past(p.caller.first_token_s + p.inline.wait_s, p.inline.fixed_silence_limit_s)
    return (
        f"The first token comes after {comes}, {beyond} the {silence} for which something on the way waits in silence, and no setting changes "
        "that: the stream is cut before it begins."
    )


CONSTRAINTS: tuple[Rule, ...] = (
    Rule(
        id="overload",
        title="More arrives than can ever be served",
        about="The mean demand, retries included, at or above what all allowed workers and the provider can do: no queue and no call helps.",
        favours="neither",
        when=lambda f: f.capacity.long_run_load >= 1,
        weight=constant(1.0),
        sentence=_overload,
        cites=(
            "failure.attempts",
            "capacity.cap",
            "work.mean_s",
            "capacity.ordered_globally",
            "capacity.quotas",
            "load.rate",
        ),
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
        when=lambda f: (f.capacity.gathers_s > 0) & (f.capacity.gathers_s + f.work.p95_s > f.caller.deadline_s),
        weight=constant(1.0),
        sentence=_burst_beyond_deadline,
        cites=(
            "capacity.cap",
            "caller.deadline_s",
            "capacity.gathers_s",
            "work.p95_s",
            "load.peak_rate",
            "load.peak_s",
        ),
        source="Fluid approximation of a queue in a peak",
        rules_out=ALL,
        shortfall=_peak_shortfall,
    ),
    Rule(
        id="impossible_deadline",
        title="Processing alone takes longer than the deadline",
        about="More requests take longer to process than the deadline than may be late: no design answers sooner than it processes.",
        favours="neither",
        when=lambda f: f.work.late_share > f.caller.tolerated + 1e-9,
        weight=constant(1.0),
        sentence=_impossible_deadline,
        cites=("caller.deadline_s", "work.late_share", "work.p50_s", "work.p95_s", "caller.tolerated"),
        source="The lognormal through p50 and p95",
        rules_out=ALL,
        shortfall=_deadline_shortfall,
    ),
    Rule(
        id="inline_limit",
        title="The in-line answer outlasts a limit on the way",
        about=(
            "The in-line answer (waiting, retries and in-line subscribers included), at the quantile that the tolerated misses leave, past a total "
            "limit that no setting changes, past such an idle limit where nothing streams, or past the time in which a sender must have its 2xx: "
            "the caller gets an error for work that was done."
        ),
        favours="event_driven",
        when=lambda f: f.inline.inline_slow_s > f.inline.fixed_limit_s,
        weight=constant(1.0),
        sentence=_inline_limit,
        cites=(
            "inline.counts_waits",
            "inline.fixed_limit_s",
            "inline.inline_slow_s",
            "caller.tolerated",
            "inline.wait_s",
            "work.p99_s",
            "failure.transient",
            "coupling.others",
        ),
        cites_also=slow_answer_also,
        source=HOPS_SOURCE,
        rules_out=("synchronous",),
    ),
    Rule(
        id="first_token_limit",
        title="The first token comes after an idle limit",
        about="A stream keeps idle limits from firing only once it has begun. Of those that no setting changes.",
        favours="event_driven",
        when=lambda f: f.caller.streams & (f.caller.first_token_s + f.inline.wait_s > f.inline.fixed_silence_limit_s),
        weight=constant(1.0),
        sentence=_first_token,
        cites=("caller.first_token_s", "inline.fixed_silence_limit_s", "inline.wait_s"),
        source=HOPS_SOURCE,
        rules_out=("synchronous",),
    ),
)
