"""Reading Answers and Scenarios from YAML 1.2 or JSON: strict, bounded, and with the line of whatever is wrong.

Refused with their line: tags, anchors and aliases, keys that are repeated or aren't text, nesting deeper than 20, numbers that no float or
63-bit integer holds, NaN and infinities; and with a reason: more than 256 kB, anything but UTF-8, control characters.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from core.errors import InvalidInput, Problem

LARGEST_BYTES = 256 * 1024
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
    def __init__(self, values: Mapping[str, Any], lines: Mapping[str, int]) -> None:
        super().__init__(values)
        self.lines = dict(lines)

    def line_of(self, path: str) -> int | None:
        """The line of a field, or of the nearest field above it that the file has."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return None


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


def read_mapping(data: bytes, name: str) -> SourceMapping:
    """The mapping in a file of YAML or JSON.

    Raises:
        InvalidInput: with the line where there is one. `name` is named where the whole file is at fault.
    """
    text = _decoded(data, name)
    source = _from_json(text, name) if name.lower().endswith(".json") or _is_json(text) else _from_yaml(text, name)
    _refuse_control(source, source.lines, "")
    return source


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(data: bytes, name: str) -> str:
    if len(data) > LARGEST_BYTES:
        _refuse(f"{name} has {len(data):,} bytes; {LARGEST_BYTES:,} are allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInput([Problem("", f"{name} is not UTF-8 text", line)]) from error
    if found := CONTROL.search(text):
        _refuse(f"{name} holds a control character (U+{ord(found[0]):04X})", text.count("\n", 0, found.start()) + 1)
    return text


def _refuse(reason: str, line: int | None = None, path: str = "") -> NoReturn:
    raise InvalidInput([Problem(path, reason, line)])


def _from_json(text: str, name: str) -> SourceMapping:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        _refuse(f"{name} is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.lineno)
    except (RecursionError, ValueError):  # depth, or an integer of thousands of digits: the reader below says where
        values = None
    reader = _Reader(name)
    reader.read(_events(text.replace("\t", " "), name))
    if not isinstance(values, dict):
        _refuse(f"{name} should hold named fields", 1)
    return SourceMapping(values, reader.lines)


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


def _from_yaml(text: str, name: str) -> SourceMapping:
    reader = _Reader(name)
    values = reader.read(_events(text, name))
    if values is None:
        return SourceMapping({}, {})
    if not isinstance(values, dict):
        _refuse(f"{name} should hold named fields", 1)
    return SourceMapping(values, reader.lines)


def _events(text: str, name: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(f"{name} is not YAML: {error.problem or error.context}", mark.line + 1 if mark else None)
    except YAMLError as error:
        _refuse(f"{name} is not YAML: {error}")


@dataclass
class _Level:
    path: str
    values: dict[str, Any] | list[Any]
    key: str | None = None


@dataclass
class _Reader:
    name: str
    lines: dict[str, int] = field(default_factory=dict)
    _levels: list[_Level] = field(default_factory=list)
    _result: Any = None
    _documents: int = 0

    def read(self, events: Iterator[Event]) -> Any:
        for event in events:
            self._take(event)
        return self._result

    def _take(self, event: Event) -> None:
        line = event.start_mark.line + 1
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    _refuse(f"{self.name} holds more than one document", line)
            case AliasEvent():
                _refuse("aliases are not allowed", line)
            case ScalarEvent():
                self._require_plain(event, line)
                self._scalar(event, line)
            case MappingStartEvent() | SequenceStartEvent():
                self._require_plain(event, line)
                self._open(event, line)
            case CollectionEndEvent():
                self._levels.pop()

    def _require_plain(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, line: int) -> None:
        if event.anchor is not None:
            _refuse("anchors are not allowed", line)
        if event.tag is not None and str(event.tag) not in ("None", "!"):
            _refuse(f"tags are not allowed: {event.tag}", line)

    def _scalar(self, event: ScalarEvent, line: int) -> None:
        level = self._levels[-1] if self._levels else None
        if level is not None and isinstance(level.values, dict) and level.key is None:
            self._key(level, event.value, line)
            return
        path = self._path(level)
        self._place(level, event.value if event.style else _plain(event.value, line, path), line, path)

    def _key(self, level: _Level, key: str, line: int) -> None:
        path = f"{level.path}.{key}" if level.path else key
        if key in level.values:
            _refuse("is given twice", line, path)
        level.key = key

    def _open(self, event: Event, line: int) -> None:
        level = self._levels[-1] if self._levels else None
        if level is not None and isinstance(level.values, dict) and level.key is None:
            _refuse("a field's name must be text", line, level.path)
        if len(self._levels) >= DEEPEST:
            _refuse(f"is nested deeper than {DEEPEST} levels", line)
        path = self._path(level)
        values: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        self._place(level, values, line, path)
        self._levels.append(_Level(path, values))

    @staticmethod
    def _path(level: _Level | None) -> str:
        if level is None:
            return ""
        part = level.key if isinstance(level.values, dict) else str(len(level.values))
        return f"{level.path}.{part}" if level.path else str(part)

    def _place(self, level: _Level | None, value: Any, line: int, path: str) -> None:
        if path:
            self.lines[path] = line
        if level is None:
            self._result = value
        elif isinstance(level.values, list):
            level.values.append(value)
        else:
            level.values[str(level.key)] = value
            level.key = None


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
