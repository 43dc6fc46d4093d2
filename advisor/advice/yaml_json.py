"""Read Answers and Scenarios from YAML 1.2 or JSON, strictly and with the line of each fault; write Answers as both.

Refused with their line: tags, anchors and aliases, keys that are repeated or aren't text, nesting deeper than 20, numbers that no float or
63-bit integer holds, NaN and infinities; and with a reason: more than 256 kB, anything but UTF-8, control characters.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any, Literal, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from core.errors import InvalidInput, Problem
from core.values import Value

LARGEST_BYTES = 256 * 1024
LARGEST_REPORT_BYTES = 4 * 1024 * 1024
"""Of a JSON report, which holds the results as well."""
REPORT_SCHEMA = "crossover/report@1"
DEEPEST = 20
LARGEST_INTEGER = 2**63 - 1

CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ud800-\\udfff]")
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[-+]?Infinity|NaN")
CONSTANTS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""The YAML 1.2 core schema: `no` is text, and so is `12:30`."""

SCENARIO_KEYS = frozenset({"arrivals", "service"})
ANSWERS_KEYS = frozenset(
    {"template", "name", "caller", "volume", "processing", "priorities", "resilience", "operations"}
)


class SourceMapping(dict[str, Any]):
    """What a file holds, with the line of each field by its dotted path."""

    def __init__(self, values: Mapping[str, Any], lines: Mapping[str, int]) -> None:
        super().__init__(values)
        self.lines = lines

    def line_of(self, path: str) -> int | None:
        """The line of a field, or of the nearest field above it that the file has."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path)


def with_lines(error: InvalidInput, given: Mapping[str, Any]) -> InvalidInput:
    if not isinstance(given, SourceMapping):
        return error
    return InvalidInput(
        replace(problem, line=problem.line or given.line_of(problem.path)) for problem in error.problems
    )


def document_kind(given: Mapping[str, Any]) -> Literal["answers", "scenario"]:
    """`arrivals` or `service` on top makes it a Scenario, anything else is Answers.

    Raises:
        InvalidInput: for keys of both.
    """
    scenario, answers = sorted(SCENARIO_KEYS & set(given)), sorted(ANSWERS_KEYS & set(given))
    if scenario and answers:
        reason = (
            f"{', '.join(scenario)} make it a Scenario and {', '.join(answers)} make it Answers: give one of the two"
        )
        raise with_lines(InvalidInput([Problem(answers[0], reason)]), given)
    return "scenario" if scenario else "answers"


_REPORT = re.compile(rb'\s*\{\s*"schema"\s*:\s*"' + REPORT_SCHEMA.encode() + b'"')


def read_report(data: bytes, name: str) -> Mapping[str, Any] | None:
    """What a JSON report holds; None if it is none.

    Raises:
        InvalidInput: if it holds no answers, or as `read_mapping`.
    """
    if not _REPORT.match(data):
        return None
    report = _json_values(_decoded(data, name, LARGEST_REPORT_BYTES), name)
    if not isinstance(report, dict) or not isinstance(report.get("answers"), dict):
        _refuse(f"{name} is a report without answers")
    _refuse_control(report["answers"], {}, "")
    return report


def read_mapping(data: bytes, name: str) -> SourceMapping:
    """The mapping in a file of YAML or JSON. JSON is read twice: values by its own rules, structure and lines as YAML. Of a report: its answers.

    Raises:
        InvalidInput: with the line if there is one. `name` is named if the whole file is at fault.
    """
    report = read_report(data, name)
    if report is not None:
        return SourceMapping(report["answers"], {})
    text = _decoded(data, name)
    if name.lower().endswith(".json") or _is_json(text):
        values = _json_values(text, name)
        _, lines = _read_events(text.replace("\t", " "), name)
    else:
        values, lines = _read_events(text, name)
        values = {} if values is None else values
    if not isinstance(values, dict):
        _refuse(f"{name} should hold named fields", 1)
    _refuse_control(values, lines, "")
    return SourceMapping(values, lines)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(data: bytes, name: str, most_bytes: int = LARGEST_BYTES) -> str:
    if len(data) > most_bytes:
        _refuse(f"{name} has {len(data):,} bytes; {most_bytes:,} are allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInput([Problem("", f"{name} is not UTF-8 text", line)]) from error
    if match := CONTROL.search(text):
        _refuse(f"{name} holds a control character (U+{ord(match[0]):04X})", text.count("\n", 0, match.start()) + 1)
    return text


def _refuse(reason: str, line: int | None = None, path: str = "") -> NoReturn:
    raise InvalidInput([Problem(path, reason, line)])


def _json_values(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        _refuse(f"{name} is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.lineno)
    except (
        RecursionError,
        ValueError,
    ):  # depth, or an integer of thousands of digits: reading it as YAML finds the line
        return None


def _read_events(text: str, name: str) -> tuple[Any, dict[str, int]]:
    reader, value, documents = _EventReader(_events(text, name)), None, 0
    for event in reader.events:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                _refuse(f"{name} holds more than one document", _line(event))
        elif isinstance(event, NodeEvent):
            value = reader.value(event, "", 1)
    return value, reader.lines


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


class _EventReader:
    """Builds plain values from YAML events, and notes the line of each; recursion ends at DEEPEST."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.events = events
        self.lines: dict[str, int] = {}

    def value(self, event: Event, path: str, depth: int) -> Any:
        line = _line(event)
        _require_plain(event, line)
        if not isinstance(event, ScalarEvent) and depth > DEEPEST:
            _refuse(f"is nested deeper than {DEEPEST} levels", line)
        if path:
            self.lines[path] = line
        if isinstance(event, ScalarEvent):
            return event.value if event.style else _plain(event.value, line, path)
        return self._list(path, depth) if isinstance(event, SequenceStartEvent) else self._mapping(path, depth)

    def _list(self, path: str, depth: int) -> list[Any]:
        values: list[Any] = []
        for event in self._entries():
            values.append(self.value(event, _below(path, str(len(values))), depth + 1))
        return values

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in self._entries():
            _require_plain(event, _line(event))
            if not isinstance(event, ScalarEvent):
                _refuse("a field's name must be text", _line(event), path)
            if event.value in values:
                _refuse("is given twice", _line(event), _below(path, event.value))
            values[event.value] = self.value(next(self.events), _below(path, event.value), depth + 1)
        return values

    def _entries(self) -> Iterator[Event]:
        """The events up to the end of the collection that has begun."""
        return takewhile(lambda event: not isinstance(event, CollectionEndEvent), self.events)


def _below(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part


def _require_plain(event: Any, line: int) -> None:
    if isinstance(event, AliasEvent):
        _refuse("aliases are not allowed", line)
    if event.anchor is not None:
        _refuse("anchors are not allowed", line)
    if event.tag is not None and str(event.tag) not in ("None", "!"):
        _refuse(f"tags are not allowed: {event.tag}", line)


def _events(text: str, name: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(f"{name} is not YAML: {error.problem or error.context}", mark.line + 1 if mark else None)
    except YAMLError as error:
        _refuse(f"{name} is not YAML: {error}")


def _refuse_control(value: Any, lines: Mapping[str, int], path: str) -> None:
    if isinstance(value, str) and CONTROL.search(value):
        _refuse("holds a control character", lines.get(path), path)
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_control(str(key), lines, path)
            _refuse_control(inner, lines, f"{path}.{key}" if path else str(key))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            _refuse_control(inner, lines, f"{path}.{place}" if path else str(place))


def _plain(text: str, line: int, path: str) -> Any:
    if text in CONSTANTS:
        return CONSTANTS[text]
    if NOT_A_NUMBER.fullmatch(text):
        _refuse(f"must be a finite number, not {text}", line, path)
    if INTEGER.fullmatch(text):
        if len(text) > 30 or abs(_integer(text)) > LARGEST_INTEGER:
            _refuse("is an integer too large to hold", line, path)
        return _integer(text)
    if NUMBER.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            _refuse(f"is a number too large to hold: {text[:30]}", line, path)
        return value
    return text


def _integer(text: str) -> int:
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


BARE = re.compile(r"[a-z][a-z_]*")
"""Text that no reader takes for anything else, constants aside."""


def as_json(answers: Value) -> str:
    return json.dumps(answers.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"


def as_yaml(answers: Value) -> str:
    return mapping_as_yaml(answers.model_dump(mode="json"))


def mapping_as_yaml(values: Mapping[str, Any]) -> str:
    return "".join(_block(values, ""))


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
