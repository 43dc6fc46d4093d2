"""What to build along with the design: an outbox, an idempotency key, an early acknowledgement, durable execution, a table to start with."""

from collections.abc import Callable
from dataclasses import dataclass

from advisor.advice import library
from advisor.advice.answers import Answers
from advisor.advice.contract import Method, Practice, Style
from advisor.advice.facts import PointFacts
from advisor.advice.few_jobs import has_few_jobs, simple_sentence
from advisor.advice.limits import raise_sentence
from advisor.advice.rules.forces import DEPLOYMENT_SOURCE, MINUTES_S
from advisor.advice.rules.rule import HOPS_SOURCE
from core.numbers import duration, listed


@dataclass(frozen=True)
class Design:
    answers: Answers
    point: PointFacts
    style: Style
    method: Method
    broker: str | None
    """The first choice."""


@dataclass(frozen=True)
class PracticeRule:
    id: str
    title: str
    when: Callable[[Design], bool]
    sentence: Callable[[Design], str]
    source: str


def _publishes(design: Design) -> bool:
    """Whether a stored request or result and an event about it must agree."""
    others = design.point.coupling.others >= 1
    return design.style == "hybrid" or (design.style == "event_driven" and (others or _loses_none(design)))


def _loses_none(design: Design) -> bool:
    return design.answers.resilience.max_lost_jobs == 0 and design.point.load.arrives_in_outage >= 1


def _outbox(design: Design) -> str:
    what = "The answer and its event" if design.style == "hybrid" else "What is stored and the event about it"
    if design.broker == "database":
        return f"{what} must agree: write the job's row in the same transaction as the data that it is about."
    return (
        f"{what} must agree, and a crash between the two writes would leave one without the other: write the event into a table (an outbox) in "
        "the same transaction as the data, and let a relay send it and mark it as sent."
    )


def _acknowledges_first(design: Design) -> bool:
    return design.answers.caller.acknowledgement_s is not None and design.style != "synchronous"


def _acknowledge_first(design: Design) -> str:
    return (
        f"The sender must have its 2xx within {duration(design.answers.caller.acknowledgement_s)}: store the request, answer 2xx, and only then "
        "work. A sender without its 2xx in time sends the request again, so recognise it by its key."
    )


def _is_interrupted(design: Design) -> bool:
    return design.style != "synchronous" and design.point.work.p95_s >= MINUTES_S


def _durable_execution(design: Design) -> str:
    keepers = listed(
        [broker.title for broker in library.brokers().values() if broker.keeps_steps and broker.running], "or"
    )
    progress = {
        "websocket": "over the WebSocket",
        "sse": "as server-sent events",
        "polling": "at the address that it asks",
    }
    where = progress.get(design.method)
    shown = f" Write progress next to them, so that a caller that connects again sees it {where}." if where else ""
    return (
        f"Work of {duration(design.point.work.p95_s)} will meet deployments and crashes: keep the result of each step ({keepers}, or a table of "
        f"steps), so that the work goes on after the last one.{shown}"
    )


def _raises(design: Design) -> bool:
    inline = design.point.inline
    return design.style == "synchronous" and inline.inline_limit_s < inline.inline_slow_s <= inline.fixed_limit_s


def _raise_limits(design: Design) -> str:
    inline = design.point.inline
    return (
        f"The slowest answers that count take {duration(inline.inline_slow_s)}, more than the {duration(inline.inline_limit_s)} that the way allows "
        f"today: {raise_sentence(design.point, inline.inline_slow_s)}."
    )


def _repeats(design: Design) -> bool:
    tries = design.answers.failures.max_retries + (
        0 if design.point.caller.nobody else design.answers.synchronous.client_retries
    )
    return design.style != "synchronous" or (tries > 0 and not design.answers.failures.idempotent)


def _idempotency_key(design: Design) -> str:
    why = (
        "Retries may process a request twice"
        if design.style == "synchronous"
        else "Queues deliver at least once, so a request or an event may come twice"
    )
    harm = (
        "which is harmless here but pays for the model twice"
        if design.answers.failures.idempotent
        else "which does harm here"
    )
    return (
        f"{why}, {harm}: give each a key when it is made, store the key with the result under a unique constraint, and return the stored "
        "result the second time."
    )


PRACTICES: tuple[PracticeRule, ...] = (
    PracticeRule(
        "start_simple",
        "Start simple",
        lambda d: d.style != "synchronous" and has_few_jobs(d.answers, d.point),
        lambda d: simple_sentence(d.answers, d.point),
        "POSIX, crontab: the finest interval is a minute; PostgreSQL, SELECT: SKIP LOCKED for tables that serve as queues",
    ),
    PracticeRule(
        "raise_limits",
        "Raise the limits on the way",
        _raises,
        _raise_limits,
        HOPS_SOURCE,
    ),
    PracticeRule(
        "acknowledge_first",
        "Acknowledge, then work",
        _acknowledges_first,
        _acknowledge_first,
        "G. Hohpe and B. Woolf, Enterprise Integration Patterns, 2003: Guaranteed Delivery",
    ),
    PracticeRule(
        "durable_execution",
        "Durable execution",
        _is_interrupted,
        _durable_execution,
        DEPLOYMENT_SOURCE,
    ),
    PracticeRule(
        "outbox",
        "Transactional outbox",
        _publishes,
        _outbox,
        "C. Richardson, Microservices Patterns, 2018, chapter 3: Transactional outbox",
    ),
    PracticeRule(
        "partition_by_key",
        "Partition by key",
        lambda d: d.style != "synchronous" and bool(d.point.coupling.ordered_by_key),
        lambda d: (
            "Competing consumers mix up the order of a key: put the requests of a key into one partition, and let one consumer take each "
            "partition. A retry then holds back its own key alone."
        ),
        "G. Hohpe and B. Woolf, Enterprise Integration Patterns, 2003: Competing Consumers, Resequencer",
    ),
    PracticeRule(
        "idempotency_key",
        "Idempotency key",
        _repeats,
        _idempotency_key,
        "G. Hohpe and B. Woolf, Enterprise Integration Patterns, 2003: Idempotent Receiver",
    ),
)


def advise_practices(design: Design) -> tuple[Practice, ...]:
    return tuple(
        Practice(id=rule.id, title=rule.title, text=rule.sentence(design), source=rule.source)
        for rule in PRACTICES
        if rule.when(design)
    )
