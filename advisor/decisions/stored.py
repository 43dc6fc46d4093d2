"""Stored JSON and the values it holds. An older schema is upgraded on reading, version by version; nothing is rewritten.

To change a stored schema: raise the number in its value's `schema`, add the step from the version before to `UPGRADES`,
and a file of the version before to the fixtures that the tests read.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

from advisor.advice.answers import Answers
from advisor.advice.evaluation import Evaluation
from core.values import Value

V = TypeVar("V", bound=Value)
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: dict[str, Upgrade] = {}
"""From `crossover/<kind>@N` to the plain data of N + 1."""


class NewerSchema(Exception):
    pass


def dump(value: Value) -> str:
    return value.model_dump_json(by_alias=True)


def load(kind: type[V], text: str) -> V:
    """Parse the text and upgrade it to the current schema. Values are frozen, so one serves all readers.

    Raises NewerSchema if a later version wrote it.
    """
    return cast(V, _load(kind, text))


@lru_cache(maxsize=64)
def _load(kind: type[Value], text: str) -> Value:
    current = schema_of(kind)
    data = json.loads(text)
    if data["schema"] == current:
        return kind.model_validate_json(text)
    return kind.model_validate_json(json.dumps(upgraded(data, current, UPGRADES)))


@lru_cache(maxsize=64)
def evaluation_of(answers_json: str) -> Evaluation:
    """Cache the evaluation of stored answers for all that save, show and run them."""
    return Evaluation.from_answers(load(Answers, answers_json))


def upgraded(data: dict[str, Any], current: str, upgrades: dict[str, Upgrade]) -> dict[str, Any]:
    while data["schema"] != current:
        step = upgrades.get(data["schema"])
        if step is None:
            raise NewerSchema(f"{data['schema']} was stored by another version of Crossover; this one reads {current}.")
        name, _, version = data["schema"].rpartition("@")
        data = step(data) | {"schema": f"{name}@{int(version) + 1}"}
    return data


def schema_of(kind: type[Value]) -> str:
    return str(kind.model_fields["schema_"].default)
