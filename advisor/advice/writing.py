"""Answers as YAML 1.2 or JSON, so that `reading` reads the same answers back."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.advice.answers import Answers
from advisor.advice.reading import CONSTANTS

BARE = re.compile(r"[a-z][a-z_]*")
"""Text that no reader takes for anything else, constants aside."""


def as_json(answers: Answers) -> str:
    return json.dumps(answers.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"


def as_yaml(answers: Answers) -> str:
    return "".join(_block(answers.model_dump(mode="json"), ""))


def _block(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and not _is_leaf(value):
            yield f"{indent}{key}:\n"
            yield from _block(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_flow(value)}\n"


def _is_leaf(value: Mapping[str, Any]) -> bool:
    return set(value) <= {"low", "high", "unknown"}


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str) and BARE.fullmatch(value) and value not in CONSTANTS:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
