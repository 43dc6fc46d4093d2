"""Tallies as bytes: what one process has simulated of a run, for the process that concludes from it.

An npz file: the arrays as they are, and the other fields as JSON that names the arrays in their places. Reading it executes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from simulator.tally import ClassTally, Tally, TimeSample
from simulator.trace_columns import Floats

_KINDS: Mapping[str, type] = MappingProxyType({kind.__name__: kind for kind in (Tally, ClassTally, TimeSample)})
_FIELDS = "fields"


def dump_tallies(tallies: Mapping[str, Tally]) -> bytes:
    arrays: dict[str, Floats] = {}
    plain = json.dumps({design: _plain(tally, arrays) for design, tally in tallies.items()})
    file = BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays, **{_FIELDS: np.frombuffer(plain.encode(), dtype=np.uint8)})
    return file.getvalue()


def load_tallies(stored: bytes) -> dict[str, Tally]:
    with np.load(BytesIO(stored), allow_pickle=False) as arrays:
        plain = json.loads(arrays[_FIELDS].tobytes())
        return {design: cast("Tally", _value(tally, arrays)) for design, tally in plain.items()}


def _plain(value: object, arrays: dict[str, Floats]) -> object:
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        return {"kind": type(value).__name__} | {
            field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)
        }
    if isinstance(value, tuple):
        return [_plain(each, arrays) for each in value]
    return value


def _value(plain: Any, arrays: Mapping[str, Floats]) -> object:
    if isinstance(plain, list):
        return tuple(_value(each, arrays) for each in plain)
    if not isinstance(plain, dict):
        return plain
    if "array" in plain:
        return arrays[plain["array"]]
    values = {name: _value(each, arrays) for name, each in plain.items() if name != "kind"}
    return _KINDS[plain["kind"]](**values) if "kind" in plain else values
