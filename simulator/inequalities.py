"""In what the two designs were not given the same."""

from collections.abc import Sequence
from math import inf

from core.numbers import count
from simulator.arrivals import ClosedArrivals
from simulator.plan import EVENT_DRIVEN, called_subscribers, client_retries_of
from simulator.scenario import EventDriven, Scenario


def inequalities_of(scenario: Scenario) -> list[str]:
    synchronous, event_driven = scenario.synchronous, scenario.event_driven
    sentences = [
        *_of_capacity(scenario),
        *_of_clients(scenario),
        *_of_deliveries(scenario),
        (
            event_driven.expires_s is not None,
            f"Event-driven jobs that are not begun within {event_driven.expires_s or 0:g} s expire; synchronous calls have no such limit.",
        ),
        (
            event_driven.breaker is not None,
            "A circuit breaker pauses the event-driven consumers; the synchronous workers have none.",
        ),
        (
            len(event_driven.queues) > 1,
            f"Event-driven jobs wait in {len(event_driven.queues)} queues ({_discipline(event_driven)}); the synchronous backlog is a single one.",
        ),
        (
            synchronous.inline_retries is not None and synchronous.inline_retries != scenario.retries.max,
            f"Retries: {synchronous.inline_retries} in line, {scenario.retries.max} event-driven.",
        ),
    ]
    return [sentence for differs, sentence in sentences if differs]


def _discipline(design: EventDriven) -> str:
    if design.queue_consumers is None:
        return design.discipline
    return f"{design.discipline}: {', '.join(f'{name} {design.queue_consumers[name]}' for name in design.queues)}"


def _of_capacity(scenario: Scenario) -> Sequence[tuple[bool, str]]:
    synchronous, event_driven = scenario.synchronous, scenario.event_driven
    backlog = "any number of calls" if synchronous.backlog is None else count(synchronous.backlog, "call")
    queue = "any number of jobs" if event_driven.max_queue is None else count(event_driven.max_queue, "job")
    cost = event_driven.accept_s + event_driven.dispatch_s
    return [
        (
            synchronous.workers != event_driven.consumers,
            f"Synchronous has {count(synchronous.workers, 'worker')}, event-driven {count(event_driven.consumers, 'consumer')}.",
        ),
        (
            synchronous.backlog != event_driven.max_queue,
            f"The synchronous backlog holds {backlog}, the event-driven queue {queue}.",
        ),
        (cost > 0, f"Accepting and dispatching through the broker costs the event-driven design {cost:g} s a job."),
        (
            event_driven.retry_tick_s > 0,
            f"Event-driven retries are queued by a scheduler that cuts their due time down to whole ticks of {event_driven.retry_tick_s:g} s"
            " and looks once a tick: they come up to a tick early or late.",
        ),
        (
            called_subscribers(scenario) > 0,
            "Subscribers are called in line before the synchronous answer; the event-driven result does not wait for them.",
        ),
    ]


def _of_deliveries(scenario: Scenario) -> Sequence[tuple[bool, str]]:
    event_driven = scenario.event_driven
    return [
        (
            called_subscribers(scenario) > 0 and scenario.subscribers.inline_failure == "fails_the_call",
            "A subscriber that gives up fails the synchronous call; the event-driven result does not depend on it.",
        ),
        (
            event_driven.ordering != "none" and not _keeps_one_order(scenario),
            "Event-driven jobs are worked on in order"
            + (
                f" within each of {count(event_driven.keys, 'key')}"
                if event_driven.ordering == "per_key"
                else ", one at a time"
            )
            + "; synchronous calls in any order.",
        ),
        (
            event_driven.lease_s is not None,
            f"Event-driven jobs are queued again if their work takes longer than a lease of {event_driven.lease_s or 0:g} s; "
            "synchronous work has no lease.",
        ),
        (
            event_driven.max_deliveries is not None,
            f"Event-driven jobs are delivered at most {count(event_driven.max_deliveries or 0, 'time')}, retries included.",
        ),
        (
            event_driven.crashes_per_hour > 0,
            f"Each event-driven consumer crashes {event_driven.crashes_per_hour:g} times in an hour of work; synchronous workers do not.",
        ),
    ]


def _keeps_one_order(scenario: Scenario) -> bool:
    """Whether a single worker serves synchronous calls as they came, as the event-driven design does."""
    synchronous = scenario.synchronous
    is_alone = synchronous.workers == 1 and scenario.autoscaling is None
    return scenario.event_driven.ordering == "one_at_a_time" and is_alone and synchronous.overflow == "refuse"


def _of_clients(scenario: Scenario) -> Sequence[tuple[bool, str]]:
    synchronous, delivery_sentence = scenario.synchronous, scenario.event_driven.delivery.inequality
    event_driven, again = scenario.event_driven, client_retries_of(scenario, EVENT_DRIVEN)
    patience, answer_s = scenario.first_byte_limit_s, scenario.answer_limit_s
    gives_up = f"after {patience:g} s" if patience == answer_s else f"if nothing has come after {patience:g} s"
    whole = f", or if the answer is not whole after {answer_s:g} s" if patience < answer_s < inf else ""
    syns = ", ".join(f"{after_s:g}" for after_s in synchronous.syns_s[:3])
    return [
        (
            isinstance(scenario.arrivals, ClosedArrivals),
            "The number of clients is fixed, and each waits for its result before its next request: the design that answers sooner gets more"
            " requests in the same time.",
        ),
        (
            patience < inf,
            f"Synchronous callers give up {gives_up}{whole}; event-driven callers wait for their result.",
        ),
        (
            synchronous.client_retries > 0 or (event_driven.max_queue is not None and again > 0),
            f"Synchronous callers call again up to {count(synchronous.client_retries, 'time')}; event-driven callers "
            + (
                f"up to {count(again, 'time')}, if the queue is full."
                if event_driven.max_queue is not None
                else "need not."
            ),
        ),
        (
            synchronous.overflow == "drop" and synchronous.backlog is not None,
            f"Connections that find the synchronous backlog full are dropped, and the caller's TCP tries them again after {syns} s and so on; "
            "that time counts in the latency, not in the wait. Event-driven jobs are accepted or refused at once.",
        ),
        (synchronous.drops_abandoned, "The synchronous server drops calls whose caller gave up before they began."),
        (bool(delivery_sentence), delivery_sentence),
    ]
