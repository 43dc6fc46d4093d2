"""Which broker: the first choice with its reasons, and the runner-up with what would make it win.

A broker has points for what the workload needs and against what it costs to run or lacks; the facts about each are in the data file. The
points are a judgement, the limits are documented.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from advisor.advice import library
from advisor.advice.answers import Answers
from advisor.advice.contract import BrokerChoice, BrokerOption, Style
from advisor.advice.facts import PointFacts
from advisor.advice.few_jobs import has_few_jobs
from advisor.advice.library import Broker
from core.numbers import count, duration, number, plural, rate
from core.units import HOUR_S

WORTH_STEPS_S = 60.0
"""Work that takes longer than a minute is worth keeping step by step."""
LONG_WORK_S = 600.0
"""What is tried as longer work."""
BYTES_PER_TOKEN = 4
"""Of English text; the size of a request if none is given."""
MOST_IN_MEMORY_BYTES = 1e9
"""What a backlog may take of a server that keeps it in memory."""


@dataclass(frozen=True)
class BrokerNeeds:
    order: Literal["none", "per_key", "global"]
    replays: bool
    reacting: int
    """Services that each need every event."""
    peak_per_s: float
    longest_pause_s: float
    """The longest pause before a retry; 0 if nothing is retried."""
    kept_s: float
    """How long a message may have to be kept: the stated outage and the time to recover from it, or a class's longest wait."""
    backlog_bytes: float
    """What the stated outage gathers."""
    message_bytes: float
    work_p99_s: float
    work_p95_s: float
    in_flight: int
    classes: int
    dead_letters: bool
    loses_none: bool
    is_one_step: bool
    """Whether the work may begin again from its start: it does no harm twice, and nothing is sent to it meanwhile."""
    few_jobs: bool
    today: str | None
    """The broker that the team runs, if it says which."""
    near: frozenset[str]
    """Brokers of a vendor whose parts are on the way already."""


def broker_needs(answers: Answers, point: PointFacts, style: Style) -> BrokerNeeds:
    failures, today = answers.failures, answers.operations.broker
    given = answers.processing.request_kb
    message = 1000 * given if given is not None else float(BYTES_PER_TOKEN * answers.processing.input_tokens)
    listed_s = failures.retry_intervals_s
    pause_s = (
        max(listed_s)
        if listed_s
        else min(failures.backoff_cap_s, failures.backoff_base_s * 2.0 ** (failures.max_retries - 1))
    )
    hops = {fact.name for hop in answers.synchronous.hops if isinstance(hop, str) and (fact := library.hop_named(hop))}
    return BrokerNeeds(
        order=answers.subscribers.ordering,
        replays=answers.subscribers.replays,
        reacting=int(point.coupling.others),
        peak_per_s=point.load.peak_rate,
        longest_pause_s=pause_s if failures.max_retries and point.failure.transient > 0 else 0.0,
        kept_s=max(
            point.load.outage_s + 60 * answers.resilience.recover_within_minutes,
            *(priority.max_wait_s for priority in answers.priorities.shares().values()),
        ),
        backlog_bytes=message * point.load.arrives_in_outage,
        message_bytes=message,
        work_p99_s=point.work.p99_s if style == "event_driven" else point.coupling.handling_s,
        work_p95_s=point.work.p95_s if style == "event_driven" else point.coupling.handling_s,
        in_flight=answers.operations.max_workers,
        classes=1 if answers.subscribers.ordering == "global" else len(answers.priorities.shares()),
        dead_letters=failures.dead_letter,
        loses_none=answers.resilience.max_lost_jobs == 0 and point.load.arrives_in_outage >= 1,
        is_one_step=failures.idempotent and not point.caller.bidirectional,
        few_jobs=has_few_jobs(answers, point),
        today=None if today == "unknown" else today,
        near=frozenset(broker.name for broker in library.brokers().values() if hops & set(broker.near_hops)),
    )


@dataclass(frozen=True)
class Point:
    """A reason for a broker, with positive points, or against it."""

    points: float
    text: str


def _running(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if broker.name == needs.today:
        yield Point(4, "The team runs it today.")
    elif broker.near_hops and broker.name not in needs.near:
        yield Point(-broker.running - 1, "It takes an account with its vendor, and none of its parts are on the way.")
    elif broker.running:
        yield Point(-broker.running, "It is one more system to run.")
    else:
        yield Point(0.5, "It is there already, and a job can be written in the same transaction as its data.")
    if broker.name in needs.near and broker.name != needs.today:
        yield Point(2, "Other parts of its vendor are on the way already.")
    if needs.few_jobs and broker.running == 0:
        yield Point(4, f"At most {rate(needs.peak_per_s)} arrive: nothing more is needed.")


def _order(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if needs.order == "none":
        return
    words = "one order for all" if needs.order == "global" else "the order of each key"
    most = broker.ordered_per_second
    if needs.order == "per_key" and broker.order == "global" and not most:
        yield Point(-3, "It cannot keep the order of each key with more than one worker.")
    elif most and needs.peak_per_s > most:
        yield Point(-3, f"In order it takes {rate(most)} at the most, and {rate(needs.peak_per_s)} arrive.")
    elif needs.order == "global":
        yield Point(0, f"One consumer keeps {words}.")
    else:
        yield Point(2 if broker.order == "per_key" else 1, f"It keeps {words}.")


def _replay(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if needs.replays and broker.replays:
        yield Point(5 if broker.fans_out else 2, "Past events can be read again.")
    elif needs.replays:
        yield Point(-4, "What has been processed is deleted: past events cannot be read again.")


def _fan_out(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if needs.reacting < 2:
        return
    reacting = f"{count(needs.reacting, 'service')} react"
    if broker.fans_out:
        yield Point(3, f"{reacting}: it brings each event to all of them.")
    elif broker.near_hops:
        yield Point(-0.5, f"{reacting}: a topic in front of one queue each takes one more part.")
    else:
        yield Point(-2, f"{reacting}, and it brings a job to one of them: sending an event to each is your own code.")


def _volume(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if broker.per_second is not None and needs.peak_per_s > broker.per_second:
        yield Point(
            -4, f"{rate(needs.peak_per_s)} arrive in a peak, and it is at ease up to some {rate(broker.per_second)}."
        )
    elif broker.per_second is None and needs.peak_per_s > 1000:
        yield Point(2, f"{rate(needs.peak_per_s)} in a peak are no burden to it.")
    if broker.in_flight is not None and needs.in_flight > broker.in_flight:
        yield Point(-4, f"{needs.in_flight:,} jobs may be in work at once, and it allows {broker.in_flight:,}.")


def _retries(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if needs.few_jobs:
        return
    retried = needs.longest_pause_s > 0 or needs.dead_letters
    if retried and broker.ready_made:
        yield Point(1, "Retries and failed jobs are built in.")
    elif retried:
        yield Point(-1, "Retries, pauses and dead letters are your own code.")
    longest = broker.longest_delay_s
    if longest is not None and longest > 0 and needs.longest_pause_s > longest:
        yield Point(
            -3,
            f"A pause of {duration(needs.longest_pause_s)} before a retry is longer than it can delay a message: {duration(longest)}.",
        )


def _keeping(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if broker.retention_s is not None and needs.kept_s > broker.retention_s:
        yield Point(
            -4,
            f"A message may have to wait {duration(needs.kept_s)}, and it keeps one for {duration(broker.retention_s)} at the most.",
        )
    if broker.in_memory and needs.backlog_bytes > MOST_IN_MEMORY_BYTES:
        yield Point(
            -3, f"The stated outage gathers {number(needs.backlog_bytes / 1e9)} GB, and it keeps them in memory."
        )
    if broker.in_memory and needs.loses_none:
        yield Point(-1, "None may be lost, and it keeps jobs in memory: it must write each to disk.")


def _size(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if needs.message_bytes > broker.message_bytes:
        yield Point(
            -2,
            f"A request has {_size_words(needs.message_bytes)}, and a message {_size_words(broker.message_bytes)} at the most: send an address.",
        )


def _work(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if broker.longest_lease_s is not None and needs.work_p99_s > broker.longest_lease_s:
        yield Point(
            -5,
            f"Work of {duration(needs.work_p99_s)} is longer than a consumer can keep a message: {duration(broker.longest_lease_s)}.",
        )
    elif broker.lease_s is not None and needs.work_p99_s > broker.lease_s:
        yield Point(
            0,
            f"A consumer may keep a job for {duration(broker.lease_s)}, unless you raise it, and work takes {duration(needs.work_p99_s)} at p99.",
        )
    if needs.work_p95_s < WORTH_STEPS_S or not broker.keeps_steps or needs.few_jobs:
        return
    if broker.running:
        longer = f"Work of {duration(needs.work_p95_s)} goes on after its last step when a process ends"
        yield Point(2, f"{longer}.") if needs.is_one_step else Point(6, f"{longer}, and nothing is done twice.")
    else:
        yield Point(1, "A table of steps keeps what is done when a process ends.")


def _classes(needs: BrokerNeeds, broker: Broker) -> Iterator[Point]:
    if needs.classes > 1 and broker.has_priorities and not needs.few_jobs:
        yield Point(
            1, f"{count(needs.classes, 'class', 'classes')} of urgency: its consumers take the most urgent first."
        )


_CRITERIA = (_running, _order, _replay, _fan_out, _volume, _retries, _keeping, _size, _work, _classes)


def _size_words(size_bytes: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{number(size_bytes / scale)} {unit}"
    return f"{number(size_bytes)} {plural(size_bytes, 'byte')}"


def weigh(needs: BrokerNeeds) -> Mapping[str, tuple[Point, ...]]:
    return {
        name: tuple(point for criterion in _CRITERIA for point in criterion(needs, broker))
        for name, broker in library.brokers().items()
    }


def _ranked(needs: BrokerNeeds) -> list[str]:
    """The best first; of equals the one that is first in the data file, which is the simpler one."""
    weighed = weigh(needs)
    return sorted(weighed, key=lambda name: -sum(point.points for point in weighed[name]))


def _changes(needs: BrokerNeeds, other: str) -> Iterator[tuple[str, BrokerNeeds]]:
    """Other workloads that are one change away, as a condition."""
    if needs.loses_none:
        yield "a few requests might be lost", replace(needs, loses_none=False)
    if needs.few_jobs:
        yield "more than one job a minute arrived", replace(needs, few_jobs=False)
    if other not in needs.near and library.brokers()[other].near_hops:
        yield "other parts of its vendor were in use", replace(needs, near=needs.near | {other})
    if not needs.replays:
        yield "past events had to be read again", replace(needs, replays=True)
    if needs.order == "none":
        yield "the order of each key had to be kept", replace(needs, order="per_key")
    if needs.reacting < 3:
        yield "three services reacted to each result", replace(needs, reacting=3)
    if needs.longest_pause_s < HOUR_S:
        yield f"a retry had to wait {duration(HOUR_S)}", replace(needs, longest_pause_s=float(HOUR_S))
    if needs.work_p95_s < LONG_WORK_S:
        longer = replace(needs, work_p95_s=LONG_WORK_S, work_p99_s=1.5 * LONG_WORK_S, few_jobs=False)
        yield f"the work took {duration(LONG_WORK_S)}", longer
        yield f"the work took {duration(LONG_WORK_S)} and must not be done twice", replace(longer, is_one_step=False)
    for factor in (10, 100, 1000):
        busy = needs.peak_per_s * factor
        yield f"{rate(busy)} arrived in a peak", replace(needs, peak_per_s=busy, few_jobs=False)
    if needs.today is not None:
        yield f"the team did not run {library.brokers()[needs.today].title}", replace(needs, today=None)
    yield "the team ran it today", replace(needs, today=other)


def _wins_if(needs: BrokerNeeds, other: str) -> str:
    """The first change that makes the other one the best."""
    wins = next((condition for condition, changed in _changes(needs, other) if _ranked(changed)[0] == other), "")
    return f"It would be the first choice if {wins}." if wins else ""


def _option(name: str, points: tuple[Point, ...], wins_if: str = "") -> BrokerOption:
    broker = library.brokers()[name]
    return BrokerOption(
        name=name,
        title=broker.title,
        reasons=tuple(point.text for point in points if point.points > 0),
        limits=tuple(point.text for point in points if point.points <= 0),
        note=broker.note,
        source=broker.source,
        checked=broker.checked,
        wins_if=wins_if,
    )


def choose_broker(answers: Answers, point: PointFacts, style: Style) -> BrokerChoice | None:
    """None for the synchronous style, which needs none."""
    if style == "synchronous":
        return None
    needs = broker_needs(answers, point, style)
    weighed = weigh(needs)
    first, second, *others = _ranked(needs)
    return BrokerChoice(
        first=_option(first, weighed[first]),
        runner_up=_option(second, weighed[second], _wins_if(needs, second)),
        others={library.brokers()[name].title: _weakness(weighed[name]) for name in others},
    )


def _weakness(points: tuple[Point, ...]) -> str:
    """What speaks most against it."""
    worst = min(points, key=lambda point: point.points, default=None)
    return worst.text if worst and worst.points < 0 else "Nothing speaks for it here."
