"""Values as words: the same word for the same thing on every page, on the command line and in every file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import assert_never

from advisor.advice.contract import (
    Concurrency,
    Delivery,
    Doubt,
    Flip,
    FlipOutcome,
    Method,
    Queue,
    Recommendation,
    RetryPlan,
    Style,
)
from advisor.advice.template_merge import SHARE_PATHS
from advisor.advice.variations import P50, P95
from core.closed_sets import complete_table
from core.numbers import (
    count,
    duration,
    interval,
    number,
    percent,
    plural,
    rate,
    share,
    share_interval,
)
from core.numbers import (
    listed as listed,
)
from simulator.class_conclusions import SEVERAL
from simulator.result import Conclusion, DesignResult, Result, StarvedClass

NOT_FEASIBLE = "Not feasible with these answers."
NOT_REACHED = "not reached"
"""A percentile of the latency that the completed share does not come up to."""

STYLES: Mapping[str, str] = complete_table(
    Style, {"synchronous": "Synchronous", "event_driven": "Event-driven", "hybrid": "Hybrid"}
)

METHODS: Mapping[str, str] = complete_table(
    Method,
    {
        "inline": "in line",
        "polling": "polling",
        "webhook": "webhook",
        "sse": "server-sent events",
        "websocket": "WebSocket",
        "none": "none",
    },
)

CONCLUSIONS: Mapping[str, str] = complete_table(
    Conclusion, {"meets": "meets it", "misses": "does not meet it", "unresolved": "may or may not meet it"}
)
"""Of a design, of the deadline."""

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "good": "good",
        "late": "late",
        "failed": "failed",
        "timed_out": "timed out",
        "rejected": "rejected",
        "dead_lettered": "dead-lettered",
        "undelivered": "undelivered",
        "lost": "lost",
        "in_system": "in system",
        "undecided": "undecided when the run was cut",
    }
)
"""What may become of a job, best first: the fields of a DesignResult that sum to `offered`."""

REPEATED: Mapping[str, str] = MappingProxyType(
    {"redelivered": "Jobs delivered again after a lease or a crash", "duplicates": "Results computed more than once"}
)
"""What counts work that is done again: fields of a DesignResult, shown if there is any."""

MOVES_ALONG: Mapping[str, str] = MappingProxyType(
    {
        P50: "The slower times in proportion",
        P95: "The typical time in proportion",
        **dict.fromkeys(SHARE_PATHS, "The other classes in proportion"),
    }
)
"""What moves with an answer that flips the advice."""

RUN_STATES: Mapping[str, str] = MappingProxyType(
    {
        "queued": "Queued",
        "running": "Running",
        "succeeded": "Done",
        "failed": "Failed",
        "cancelled": "Cancelled",
        "timed_out": "Timed out",
    }
)


UNIT_OF_NAME = re.compile(r"_(per_s|s|percent|minutes|h)$")


def without_unit(name: str) -> str:
    """As in p95 for p95_s, or mean rate for mean_rate_per_s."""
    return UNIT_OF_NAME.sub("", name).replace("_", " ")


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def value_by_name(name: str, value: float) -> str:
    """With the unit that ends the name."""
    if name.endswith("_per_s"):
        return rate(value)
    if name.endswith("_s"):
        return duration(value)
    return percent(value) if name.endswith("_percent") else number(value)


def style_name(style: str) -> str:
    return STYLES[style]


def design_name(style: str) -> str:
    return STYLES[style].lower()


def method_name(method: str) -> str:
    return METHODS[method]


def run_state(state: str) -> str:
    return RUN_STATES[state]


def favours(style: str) -> str:
    return "Neither" if style == "neither" else STYLES[style]


def headline(style: str, strength: str) -> str:
    """As in "Event-driven, clearly."."""
    name = STYLES[style]
    match strength:
        case "clear":
            return f"{name}, clearly."
        case "lean":
            return f"{name}, on balance."
        case "close":
            return f"A close call, {name.lower()} by a narrow margin."
    raise ValueError(f"there is no strength {strength!r}")


def delivery_sentence(method: Method) -> str:
    match method:
        case "inline":
            return "Answer in the response."
        case "polling" | "webhook" | "sse" | "websocket":
            return f"Deliver by {METHODS[method]}."
        case "none":
            return "Nobody waits, so nothing is delivered."
        case _:
            assert_never(method)


def shown_style(recommendation: Recommendation) -> str:
    """The style in whose colour advice is shown."""
    return recommendation.style if recommendation.feasible else "neither"


def advice_headline(recommendation: Recommendation) -> str:
    if not recommendation.feasible:
        return f"{(recommendation.shortfall or NOT_FEASIBLE).partition(':')[0].rstrip('.')}."
    return headline(recommendation.style, recommendation.strength)


def forces_headline(recommendation: Recommendation) -> str:
    """For advice without its evidence."""
    return f"By the forces alone: {uncapitalised(advice_headline(recommendation))}"


def recommendation_sentence(recommendation: Recommendation) -> str:
    if not recommendation.feasible:
        remedy = "" if recommendation.remedy is None else f" {recommendation.remedy.text}"
        return f"{recommendation.shortfall or NOT_FEASIBLE}{remedy}"
    verdict = headline(recommendation.style, recommendation.strength)
    if recommendation.style == "hybrid" and recommendation.delivery.method == "inline":
        verdict += " Answer in the response and publish an event for the other services."
    elif (
        recommendation.style == "hybrid"
        and recommendation.inline_wait_s is not None
        and recommendation.delivery.method != "websocket"
    ):
        wait = duration(recommendation.inline_wait_s)
        verdict += f" Answer in the response within {wait}, later than that {_later(recommendation.delivery)}"
    else:
        verdict += f" {delivery_sentence(recommendation.delivery.method)}"
    return verdict


def delivery_sentences(recommendation: Recommendation) -> str:
    plan = recommendation.delivery
    if recommendation.feasible or plan.method == "none":
        return f"{delivery_sentence(plan.method)} {plan.why}"
    how = delivery_sentence(plan.method)
    return f"Once a design is feasible: {uncapitalised(how)} {plan.why}"


def _later(delivery: Delivery) -> str:
    if delivery.method in ("inline", "none"):
        return "by event."
    return delivery_sentence(delivery.method).replace("Deliver", "deliver")


def flip_sentence(flip: Flip, recommendation: Recommendation, question: str, condition: str) -> str:
    along = f" ({MOVES_ALONG[flip.field]}.)" if flip.field in MOVES_ALONG else ""
    return f"{question} {condition}: {flip_outcome(flip, recommendation)}{along}".strip()


def flip_outcome(flip: Flip, recommendation: Recommendation) -> str:
    becomes, changes = flip.becomes, []
    if not becomes.feasible:
        return "no design is feasible."
    if not recommendation.feasible or (becomes.style, becomes.strength) != (
        recommendation.style,
        recommendation.strength,
    ):
        changes.append(_headline_there(flip, becomes, recommendation))
    if becomes.delivery != recommendation.delivery.method:
        changes.append(delivery_sentence(becomes.delivery))
    return " ".join(changes) or "the same."


def _headline_there(flip: Flip, becomes: FlipOutcome, recommendation: Recommendation) -> str:
    """A number past which the style changes is near to the one before it: the advice there is never clear."""
    is_number = isinstance(flip.to, int | float) and not isinstance(flip.to, bool)
    if is_number and becomes.style != recommendation.style and becomes.strength == "clear":
        return f"{STYLES[becomes.style]}."
    return headline(becomes.style, becomes.strength)


FLIPS_SHOWN_FIRST = 5


def nearest_and_further(flips: Sequence[Flip]) -> tuple[Sequence[Flip], Sequence[Flip]]:
    """What is shown first, and the rest."""
    return flips[:FLIPS_SHOWN_FIRST], flips[FLIPS_SHOWN_FIRST:]


DOUBTS: Mapping[str, tuple[str, str]] = {
    "near": (
        "Not clear, because another style is better if this answer is off by a fifth:",
        "Not clear, because another style is better if one of these answers is off by a fifth:",
    ),
    "default": (
        "Not clear yet: this answer is still the template's, and another style is better for other usual values:",
        "Not clear yet: these answers are still the template's, and another style is better for other usual values of each:",
    ),
    "range": ("Not clear, because another style is better in more than a tenth of the ranges given.",) * 2,
}
"""Of one answer, and of several."""


def doubt_sentences(doubts: Iterable[Doubt]) -> list[tuple[str, list[str]]]:
    """Each kind of doubt in a sentence, with the answers that it is about."""
    fields: dict[str, list[str]] = {}
    for doubt in doubts:
        fields.setdefault(doubt.why, []).extend([doubt.field] if doubt.field else [])
    return [(DOUBTS[why][len(paths) > 1], paths) for why, paths in fields.items()]


def regret_sentence(regret: Mapping[Style, float]) -> str:
    """Of the style that loses least over the ranges, and of the others."""
    (least, lost), *others = sorted(regret.items(), key=lambda item: item[1])
    more = listed([f"{STYLES[style].lower()} {percent(100 * share)}" for style, share in others])
    fewer = f"{percent(100 * lost)} fewer of the requests in time than the best style of each case"
    return f"Least regretted: {STYLES[least].lower()}, with {fewer}, on average ({more})."


def retries_sentence(plan: RetryPlan) -> str:
    if plan.why:
        return plan.why
    if not plan.max:
        return f"No retries; an attempt fails in {share(plan.all_fail_probability)} of cases."
    jitter = "without jitter" if plan.jitter == "none" else f"with {plan.jitter} jitter"
    return (
        f"At most {count(plan.max, 'retry')}, after pauses of {duration(plan.base_s)} up to {duration(plan.cap_s)} {jitter}; all of them fail "
        f"in {share(plan.all_fail_probability)} of cases."
    )


def expiry_sentence(recommendation: Recommendation) -> str:
    """Empty if no job expires."""
    plan = recommendation.plan
    if plan is None or plan.expiry is None or recommendation.style == "synchronous":
        return ""
    return plan.expiry.why


def breaker_sentence(recommendation: Recommendation) -> str:
    """Empty if no circuit breaker is planned."""
    plan, evidence = recommendation.plan, recommendation.evidence
    if plan is None or plan.breaker is None or recommendation.style == "synchronous":
        return ""
    failures, pause_s = plan.breaker.failures, plan.breaker.pause_s
    outage = evidence.outage if evidence else None
    effect = (
        ""
        if outage is None
        else f" With it {percent(100 * outage.given_up_share)} of the requests are given up in the simulated peak with its outage of "
        f"{duration(outage.length_s)}, and {percent(100 * outage.good_share)} are in time."
    )
    return (
        f"A circuit breaker pauses the consumers after {count(failures, 'failed call')} in a row and tries again with one call every "
        f"{duration(pause_s)}, so that an outage does not use up the retries.{effect}"
    )


def dead_letter_sentence(recommendation: Recommendation) -> str:
    if recommendation.style == "synchronous":
        return "In line there is no dead-letter queue: what has failed for good goes back to the caller as an error."
    if recommendation.dead_letter:
        return "What has failed for good goes to a dead-letter queue; somebody has to look at it."
    return "There is no dead-letter queue: what has failed for good is gone."


def consumers_sentence(recommendation: Recommendation) -> str:
    """Who takes the jobs of the queues; empty if there are none, or in advice of before."""
    plan, queues = recommendation.plan, recommendation.queues
    if plan is None or not queues:
        return ""
    if plan.subscriber_consumers is not None and recommendation.style == "hybrid":
        outcome = recommendation.evidence.styles.get("hybrid") if recommendation.evidence else None
        p95_s = outcome.subscribers_p95_s if outcome else None
        handled = (
            f" In the simulation 95 % of the results are handled {duration(p95_s)} after their request."
            if p95_s
            else ""
        )
        in_line = f" by {count(plan.consumers, 'worker')}" if plan.consumers else ""
        return (
            f"The answer is given in line{in_line}; the queue carries each result to the subscribers, each of which has "
            f"{count(plan.subscriber_consumers, 'consumer')}.{handled}"
        )
    more = plan.recovery_consumers
    recovers = (
        f" {count(more)} of them {plural(more, 'is', 'are')} for the recovery from the stated outage in the time allowed."
        if more
        else ""
    )
    if plan.queue_consumers is not None:
        total = sum(plan.queue_consumers.values())
        return f"Each queue has consumers of its own, {total:,} in all: shared ones would be held by the longer jobs.{recovers}"
    consumers = count(queues[0].consumers, "consumer")
    if len(queues) == 1:
        return f"{consumers} in the simulation, too: the waits are those of it.{recovers}"
    return f"The queues share {consumers}, in the simulation, too: each takes the most urgent job that waits.{recovers}"


def consumers_of_queue(recommendation: Recommendation, queue: Queue) -> str:
    """How many consumers a queue has; those of several queues may be the same ones."""
    plan = recommendation.plan
    is_pool = plan is not None and plan.queue_consumers is None and plan.subscriber_consumers is None
    shared = ", shared" if is_pool and len(recommendation.queues) > 1 else ""
    return f"{count(queue.consumers)}{shared}"


def concurrency_sentence(concurrency: Concurrency) -> str:
    calls, bound = count(concurrency.useful, "call"), concurrency.bound_by.replace("_", " ")
    if bound == "workers":
        return f"Up to {calls} at once can be put to use: operations allow no more workers."
    if bound == "order":
        why = "all results keep one order"
    elif bound.endswith("concurrency"):
        why = f"the provider allows {concurrency.useful:,}"
    else:
        why = f"the provider limits the {bound}"
    return f"More than {calls} at once {plural(concurrency.useful, 'brings', 'bring')} nothing: {why}."


def run_sentence(result: Result) -> str:
    """The verdict of a run in short, for a list."""
    verdict = _verdict_in_short(result)
    return f"{verdict[0].upper()}{verdict[1:]}"


def run_size_words(result: Result) -> str:
    how = "Run live" if result.engine == "live" else "Simulated"
    return f"{how} on {count(result.synchronous.offered, 'request')}"


def _verdict_in_short(result: Result) -> str:
    if isinstance(result.verdict, list):
        return f"{listed([design_name(style) for style in result.verdict])} meet the deadline."
    match result.verdict:
        case "neither":
            return "no design meets the deadline."
        case "unresolved":
            return "whether the deadline is met is unresolved."
        case "no_deadline":
            return "there is no deadline."
    return f"{design_name(result.verdict)} alone meets the deadline."


def simulated_sentence(result: Result, deadline_s: float | Mapping[str, float] | None, tolerated_percent: float) -> str:
    """`deadline_s` is one for all jobs or one a class."""
    within = _deadline(deadline_s)
    live = result.engine == "live"
    misses, where = f"with at most {percent(tolerated_percent)} missed", "live" if live else "in simulation"
    if isinstance(result.verdict, list):
        names = listed([design_name(style) for style in result.verdict])
        both = f"The {names} designs {'both' if len(result.verdict) == 2 else 'all'}"
        return f"{both} meet {within} {where}, {misses}."
    match result.verdict:
        case "neither":
            none = "Neither" if result.hybrid is None else "No"
            return f"{none} design meets {within} {where}, {misses}."
        case "unresolved":
            return f"{found_by(result)} cannot tell yet whether {within} is met, {misses}: it is unresolved. {_what_would_tell(result)}"
        case "no_deadline":
            return f"There is no deadline, so {uncapitalised(found_by(result))} names no winner; compare latency and outcomes."
    return f"Only the {design_name(result.verdict)} design meets {within} {where}, {misses}."


def _what_would_tell(result: Result) -> str:
    if result.engine == "live":
        return "Simulate it, with more replications."
    if any(design.decided == 0 for _, design in designs_of(result)):
        return "Let a run last longer than the deadline."
    return "A longer recording would tell more." if result.resamples else "Run more replications."


def conclusion_sentences(result: Result) -> tuple[str, ...]:
    """Of each design, whether it meets the deadline by its own interval, and on how many jobs that rests; then which one is ahead."""
    sentences = [
        f"The {design_name(style)} design {CONCLUSIONS[design.conclusion]}{_in_time(design)}."
        for style, design in designs_of(result)
        if design.conclusion is not None
    ]
    return (*sentences, *ahead_sentences(result)) if sentences else ()


def _in_time(design: DesignResult) -> str:
    if not design.stable:
        return ", because it cannot keep up"
    bounds, jobs = design.intervals.get("good_share"), design.offered if design.decided is None else design.decided
    if bounds is None or not jobs:
        return ": no job's deadline had passed when the run was cut"
    return f": {share_interval(design.good_share, *bounds)} in time, of {count(jobs, 'job')}"


def ahead_sentences(result: Result) -> tuple[str, ...]:
    """Of an unresolved verdict: being ahead does not decide it."""
    by = result.difference.get("good_share")
    if result.verdict != "unresolved" or by is None or by.low <= 0 <= by.high:
        return ()
    first = "event_driven" if by.low > 0 else "synchronous"
    low, high = sorted((abs(by.low), abs(by.high)))
    points = interval(100 * abs(by.mean), 100 * low, 100 * high, "points")
    return (f"The {design_name(first)} design is ahead by {points}; that decides nothing about the deadline.",)


def found_by(result: Result) -> str:
    return "The live run" if result.engine == "live" else "The simulation"


def _deadline(deadline_s: float | Mapping[str, float] | None) -> str:
    if deadline_s is None:
        return "the deadline"
    if isinstance(deadline_s, Mapping):
        return f"the deadlines ({', '.join(f'{name} {duration(value)}' for name, value in deadline_s.items())})"
    return f"the deadline of {duration(deadline_s)}"


def unstable_sentence(style: str, design: DesignResult) -> str:
    growth = (
        ""
        if design.growth_per_min is None
        else f" by {number(design.growth_per_min)} {plural(design.growth_per_min, 'job')} a minute"
    )
    return (
        f"The {design_name(style)} design cannot keep up: its backlog grows{growth}, so waits have no limit "
        "and percentiles would mean nothing."
    )


def stability_sentences(designs: Iterable[tuple[str, DesignResult]]) -> list[str]:
    """What is to be said of backlogs that grow, grew as long as a recording lasted, or are still filling."""
    sentences = []
    for style, design in designs:
        if not design.stable:
            sentences.append(unstable_sentence(style, design))
        elif design.growth_per_min is not None:
            growth = f"{number(design.growth_per_min)} {plural(design.growth_per_min, 'job')} a minute"
            sentences.append(
                f"The backlog of the {design_name(style)} design grew until the end of the recording, by {growth}, and was worked off"
                " afterwards: a longer recording would show longer waits."
            )
        if design.jobs_to_settle is not None:
            sentences.append(
                f"This run is too short to show the steady state of the {design_name(style)} design: its backlog may still be filling, so"
                f" its waits and its share in time depend on the length of the run. It takes about {count(design.jobs_to_settle, 'job')}."
            )
    return sentences


def starved_sentence(starved: StarvedClass) -> str:
    """A class is starved where it waits several times as long as another; else it only misses what the others meet."""
    own, others_s, deadline_s = starved.worst_wait_s, starved.others_worst_wait_s, starved.deadline_s
    design, name = design_name(starved.design), capitalised(starved.queue)
    is_starved = own is None or (others_s is not None and own > SEVERAL * others_s)
    waits = " Its waits grow as long as jobs arrive." if own is None else f" It waits at worst {duration(own)}"
    if own is not None:
        waits += "." if others_s is None or not is_starved else f", another class {duration(others_s)}."
    share_words = f"{share(starved.good_share)} of its jobs meet the deadline of {duration(deadline_s)}"
    if starved.others_meet:
        others = "although every other class meets its own"
        if is_starved:
            return f"{name} is starved in the {design} design: {share_words}, {others}.{waits}"
        return f"{name} misses its deadline in the {design} design, {others}: {share_words}.{waits}"
    return f"{name} is starved in the {design} design: {share_words}.{waits}"


def designs_of(result: Result) -> Iterable[tuple[str, DesignResult]]:
    """The designs that ran, in the order in which they are always shown."""
    yield "synchronous", result.synchronous
    yield "event_driven", result.event_driven
    if result.hybrid is not None:
        yield "hybrid", result.hybrid


def unbroken(text: str) -> str:
    """Keep each number on one line with its unit, and the parts of a duration together."""
    return _INSIDE_DURATION.sub("\u00a0", _BEFORE_UNIT.sub("\u00a0", text))


_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|µs|ms|s|min|h|d|/s|/h|/d|/min|±)(?:[\s.,;:)]|$))")
_INSIDE_DURATION = re.compile(r"(?<=\u00a0min) (?=\d+\u00a0s\b)|(?<=\u00a0h) (?=\d+\u00a0(?:min|s)\b)")
