"""AsyncAPI 3 of what is advised: a channel for each queue, its retries, its dead letters, and the results that are delivered."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.advice.contract import Queue, Recommendation
from advisor.reports import wording
from advisor.reports.document import Document
from core.numbers import count, duration, percent

PROTOCOLS: Mapping[str, str] = {
    "database": "postgresql",
    "rq": "redis",
    "sqs": "sqs",
    "rabbitmq": "amqp",
    "temporal": "temporal",
    "kafka": "kafka",
}
"""Of the brokers that are advised, by name; any other is a protocol by its own name."""
PUSHED: Mapping[str, tuple[str, str]] = {
    "webhook": ("https", "The result is posted to the address that the caller gave."),
    "sse": ("https", "The result is an event of the caller's open stream."),
    "websocket": ("wss", "The result is a message on the caller's open connection."),
}
"""Deliveries that are messages, with their protocol and what happens."""
JOB = {"$ref": "#/components/messages/job"}
RESULT = {"$ref": "#/components/messages/result"}


def render_asyncapi(document: Document) -> bytes:
    recommendation = document.recommendation
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, queue in _named(recommendation):
        _add_queue(channels, operations, name, queue, recommendation)
    servers = _servers(recommendation) if channels else {}
    _add_delivery(channels, operations, servers, recommendation)
    described = {
        "asyncapi": "3.0.0",
        "info": _info(document, is_empty=not channels),
        "defaultContentType": "application/json",
        "servers": servers,
        "channels": channels,
        "operations": operations,
        "components": {"messages": _messages(channels)},
    }
    return (json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _info(document: Document, *, is_empty: bool) -> dict[str, Any]:
    record = document.record
    none = " There are no channels: every result is in its response." if is_empty else ""
    info: dict[str, Any] = {
        "title": document.title,
        "version": f"{record.revision}.0.0" if record else "0.0.0",
        "description": f"{document.verdict}{none}\n\n{document.decision.paragraph}",
    }
    if record:
        info["externalDocs"] = {"description": "The decision", "url": record.address}
    return info


def _named(recommendation: Recommendation) -> Iterator[tuple[str, Queue]]:
    """Each queue with the name of its channel: letters, digits, dashes and underscores, once each."""
    taken: set[str] = set()
    for place, queue in enumerate(recommendation.queues, 1):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", queue.name).strip("-")[:60] or "queue"
        name = f"{name}-{place}" if name in taken else name
        taken.add(name)
        yield name, queue


def _servers(recommendation: Recommendation) -> dict[str, Any]:
    broker = recommendation.broker
    if broker is None:
        return {}
    host = {"description": "Where it runs, with its port.", "default": "localhost"}
    return {
        "broker": {
            "host": "{host}",
            "protocol": PROTOCOLS.get(broker.first.name, broker.first.name),
            "title": broker.first.title,
            "description": f"{broker.first.note}",
            "variables": {"host": host},
        }
    }


def _add_queue(
    channels: dict[str, Any], operations: dict[str, Any], name: str, queue: Queue, recommendation: Recommendation
) -> None:
    """The queue, and if it is advised its channels of retries and dead letters, with who sends to each and who receives from it."""
    handles_results = recommendation.style == "hybrid" and recommendation.delivery.method == "inline"
    kind, message = ("result", RESULT) if handles_results else ("job", JOB)

    def add(channel: str, summary: str, sender: tuple[str, str], receiver: tuple[str, str], facts: Any = None) -> None:
        at_broker = [{"$ref": "#/servers/broker"}] if recommendation.broker else []
        channels[channel] = {
            "address": channel,
            "summary": summary,
            "messages": {kind: message},
            **({"servers": at_broker} if at_broker else {}),
            **({"x-crossover": facts} if facts else {}),
        }
        for action, (does, words) in (("send", sender), ("receive", receiver)):
            operations[f"{does}-{channel}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "summary": words,
                "messages": [{"$ref": f"#/channels/{channel}/messages/{kind}"}],
            }

    wait = f"served within {duration(queue.max_wait_s)}"
    summary = f"{percent(queue.share_percent)} of the requests, {wait}; {count(queue.consumers, 'consumer')}."
    stored = "Publish the result of an answered request." if handles_results else "Store an accepted request."
    work = "Handle a result." if handles_results else "Process a job."
    add(name, summary, ("store", stored), ("process", work), queue.model_dump(mode="json"))
    retries = recommendation.retries
    if retries.max:
        waits = wording.retries_sentence(retries)
        plan = {"retries": retries.model_dump(mode="json")}
        if recommendation.plan and recommendation.plan.breaker:
            plan["circuit_breaker"] = recommendation.plan.breaker.model_dump(mode="json")
        sender = ("retry", "Put a job whose attempt failed aside for its pause.")
        add(f"{name}.retry", waits, sender, ("resume", "Put a job back into its queue after its pause."), plan)
    if recommendation.dead_letter:
        sender = ("give-up", "Keep what has failed for good, with its reason.")
        summary = wording.dead_letter_sentence(recommendation)
        add(f"{name}.dead-letters", summary, sender, ("inspect", "Look at a dead letter, and send it again."))


def _add_delivery(
    channels: dict[str, Any], operations: dict[str, Any], servers: dict[str, Any], recommendation: Recommendation
) -> None:
    """Polling is a request of the caller's: no channel. So is an answer in the response."""
    method = recommendation.delivery.method
    if method not in PUSHED or recommendation.style == "synchronous":
        return
    protocol, words = PUSHED[method]
    where = {"description": "The caller's host, or the one that holds its connection.", "default": "localhost"}
    servers["callers"] = {"host": "{host}", "protocol": protocol, "variables": {"host": where}}
    channels["results"] = {
        "address": None,
        "summary": words,
        "messages": {"result": RESULT},
        "servers": [{"$ref": "#/servers/callers"}],
        "x-crossover": {"method": method, "parameters": recommendation.delivery.parameters},
    }
    operations["deliver-results"] = {
        "action": "send",
        "channel": {"$ref": "#/channels/results"},
        "summary": wording.delivery_sentence(method),
        "messages": [{"$ref": "#/channels/results/messages/result"}],
    }


def _messages(channels: Mapping[str, Any]) -> dict[str, Any]:
    """Those that a channel has."""
    used = {name for channel in channels.values() for name in channel["messages"]}
    return {name: message for name, message in _MESSAGES.items() if name in used}


def _message(title: str, summary: str, own: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    every: dict[str, Any] = {"id": {"type": "string", "description": "The request's, made when it is accepted."}}
    return {
        "name": title.lower(),
        "title": title,
        "summary": summary,
        "correlationId": {"location": "$message.payload#/id"},
        "payload": {"type": "object", "required": ["id", *required], "properties": {**every, **own}},
    }


_MESSAGES: Mapping[str, Any] = {
    "job": _message(
        "Job",
        "A request that has been accepted and stored.",
        {
            "idempotency_key": {"type": "string", "description": "The same for a request that comes twice."},
            "accepted_at": {"type": "string", "format": "date-time"},
            "attempt": {"type": "integer", "minimum": 1, "description": "1 for the first."},
            "input": {"description": "What the request carries, or where it is stored."},
        },
        ["idempotency_key", "accepted_at", "attempt"],
    ),
    "result": _message(
        "Result",
        "The result of a request, or its error.",
        {
            "finished_at": {"type": "string", "format": "date-time"},
            "output": {"description": "The result, or where it is stored."},
            "error": {"type": ["string", "null"], "description": "Why there is none."},
        },
        ["finished_at"],
    ),
}
