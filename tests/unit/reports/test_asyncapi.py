"""The AsyncAPI export: valid by the official schema, every reference leads somewhere, and it has what is advised."""

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from advisor.advice.library import brokers
from advisor.reports.document import Document, build
from advisor.reports.formats.asyncapi import PROTOCOLS, render_asyncapi
from tests.unit.reports import results
from tests.unit.reports.documents import DATE, VERSIONS, advice_alone, document, spoken_by

SCHEMA = Path(__file__).parent / "schemas" / "asyncapi-3.0.0.json.gz"
"""From the npm package @asyncapi/specs, Apache-2.0."""


@cache
def validator() -> Draft7Validator:
    with gzip.open(SCHEMA) as stream:
        return Draft7Validator(json.load(stream))


def described(report: Document) -> Any:
    """What is rendered, once it is valid."""
    data = json.loads(render_asyncapi(report))
    assert [error.message for error in validator().iter_errors(data)] == []
    for reference in references(data):
        target = data
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
    return data


def references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def advised(**changes: Any) -> Any:
    """What is described for a recommendation with these changes."""
    report = advice_alone()
    return described(build(report.answers, results.recommendation(**changes), date=DATE, versions=VERSIONS))


def test_each_queue_has_its_retries_and_its_dead_letters() -> None:
    data = described(document())
    assert data["asyncapi"] == "3.0.0" and data["info"]["title"] == "Invoice extraction"
    assert set(data["channels"]) == {"urgent", "urgent.retry", "urgent.dead-letters", "results"}
    assert data["channels"]["urgent"]["x-crossover"]["alarm_depth"] == 12
    assert data["channels"]["urgent.retry"]["x-crossover"]["retries"]["max"] == 4
    directions = {name: operation["action"] for name, operation in data["operations"].items()}
    assert directions == {
        "store-urgent": "send",
        "process-urgent": "receive",
        "retry-urgent.retry": "send",
        "resume-urgent.retry": "receive",
        "give-up-urgent.dead-letters": "send",
        "inspect-urgent.dead-letters": "receive",
        "deliver-results": "send",
    }


def test_what_is_not_advised_is_not_described() -> None:
    retries = {"max": 0, "base_s": 1, "cap_s": 60, "jitter": "full", "all_fail_probability": 0.02}
    polled = results.recommendation().delivery.model_dump(mode="json") | {"method": "polling"}
    data = advised(dead_letter=False, retries=retries, delivery=polled)
    assert set(data["channels"]) == {"urgent"}
    inline = polled | {"method": "inline"}
    data = advised(style="synchronous", queues=[], dead_letter=False, delivery=inline)
    assert data["channels"] == data["operations"] == data["servers"] == {}
    assert "There are no channels" in data["info"]["description"]


@pytest.mark.parametrize("method", ["webhook", "sse", "websocket"])
def test_results_that_are_pushed_are_messages_to_the_caller(method: str) -> None:
    delivery = results.recommendation().delivery.model_dump(mode="json") | {"method": method}
    data = advised(delivery=delivery)
    assert data["channels"]["results"]["x-crossover"]["method"] == method
    assert data["servers"]["callers"]["protocol"] == {"websocket": "wss"}.get(method, "https")


def test_the_events_of_a_hybrid_that_answers_in_line_carry_results() -> None:
    inline = results.recommendation().delivery.model_dump(mode="json") | {"method": "inline"}
    data = advised(style="hybrid", delivery=inline)
    assert set(data["components"]["messages"]) == {"result"} and "results" not in data["channels"]


def test_queues_of_any_name_get_channels_of_their_own() -> None:
    queue = results.recommendation().queues[0].model_dump(mode="json")
    data = advised(queues=[queue | {"name": name} for name in ("ä/b", "b", "{x}~", "日本")])
    assert [name for name in data["channels"] if "." not in name] == ["b", "b-2", "x", "queue", "results"]
    described(spoken_by('{"$ref": "#/x"} {host} </script>'))


def test_every_broker_has_a_protocol() -> None:
    assert set(PROTOCOLS) == set(brokers())
