"""The data files: templates, HTTP hops and provider profiles. Facts that vendors change live there, dated and sourced, and nowhere in code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from core.paths import nested
from simulator.scenario import Hop

DATA = Path(__file__).parent / "data"

DEFAULT_TEMPLATE = "document_extraction"

OWN = "own_"
"""How the names of hops and profiles begin that a workspace has added to these."""


@dataclass(frozen=True)
class Default:
    value: Any
    why: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Sheet:
    name: str
    title: str
    summary: str
    defaults: Mapping[str, Default]

    def values(self) -> dict[str, Any]:
        return nested({path: default.value for path, default in self.defaults.items()})


@dataclass(frozen=True, kw_only=True)
class DatedFact:
    """What a vendor's documentation or a measurement says, with where and when it was read."""

    name: str
    title: str
    note: str
    source: str
    checked: str
    unchecked: bool


@dataclass(frozen=True, kw_only=True)
class HopFact(DatedFact):
    limit_s: float
    kind: Literal["total", "idle"]
    adjustable: bool
    """Whether a setting of one's own changes it; a quota request or a dearer contract is none."""
    streaming_limit_s: float | None
    """The total limit of a streamed response, if it is another."""
    aliases: tuple[str, ...]
    formerly: tuple[str, ...] = ()
    """Titles that it had before: answers may know it by one of them."""

    def hop(self, streams: bool) -> Hop:
        limit_s = self.streaming_limit_s if streams and self.streaming_limit_s is not None else self.limit_s
        return Hop(name=self.name, limit_s=limit_s, kind=self.kind, adjustable=self.adjustable)


@dataclass(frozen=True, kw_only=True)
class Profile(DatedFact):
    limits: Mapping[str, float | int | None]
    failed_calls_count: bool


@dataclass(frozen=True, kw_only=True)
class WorkerKind(DatedFact):
    accept_s: float
    dispatch_s: float
    retry_tick_s: float


@dataclass(frozen=True, kw_only=True)
class Broker(DatedFact):
    """What a broker can do by its documentation; None is no limit. Rates are a second."""

    running: int
    """What it takes to run, in points: 0 for what is there anyway."""
    per_second: float | None
    longest_delay_s: float | None
    lease_s: float | None
    """How long a consumer may keep a job by default."""
    longest_lease_s: float | None
    retention_s: float | None
    message_bytes: int
    in_flight: int | None
    ordered_per_second: float | None
    order: Literal["per_key", "global"]
    """The order that it keeps by itself."""
    replays: bool
    fans_out: bool
    keeps_steps: bool
    ready_made: bool
    """Whether retries and failed jobs are built in."""
    has_priorities: bool
    in_memory: bool
    near_hops: tuple[str, ...]
    """Hops of the same vendor."""


FactType = TypeVar("FactType", bound=DatedFact)


def _read(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def _facts(name: str, fact_type: type[FactType]) -> Mapping[str, FactType]:
    rows: list[dict[str, Any]] = [
        {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        for row in _read(f"{name}.json")[name]
    ]
    return MappingProxyType({row["name"]: fact_type(**row) for row in rows})


def _sheet(name: str, common: dict[str, Any]) -> Sheet:
    data = _read(f"templates/{name}.json")
    rows = common | data["values"]
    ranges = {path: row.get("range", common.get(path, {}).get("range", (None, None))) for path, row in rows.items()}
    defaults = {path: Default(row["value"], row["why"], *ranges[path]) for path, row in rows.items()}
    return Sheet(name, data["title"], data["summary"], MappingProxyType(defaults))


@cache
def sheets() -> Mapping[str, Sheet]:
    index = _read("templates/index.json")
    common = _read("templates/common.json")["values"]
    return MappingProxyType({name: _sheet(name, common) for name in index["order"]})


@cache
def hops() -> Mapping[str, HopFact]:
    return _facts("hops", HopFact)


def hop_named(name: str) -> HopFact | None:
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return next((fact for fact in hops().values() if plain == fact.name or plain in fact.aliases), None)


@cache
def profiles() -> Mapping[str, Profile]:
    return _facts("profiles", Profile)


@cache
def worker_kinds() -> Mapping[str, WorkerKind]:
    return _facts("workers", WorkerKind)


@cache
def brokers() -> Mapping[str, Broker]:
    """The simplest to run first."""
    return _facts("brokers", Broker)


@cache
def dates() -> Mapping[str, str]:
    names = ("templates/index", "hops", "profiles", "workers", "delivery", "brokers")
    return MappingProxyType({name.partition("/")[0]: _read(f"{name}.json")["version"] for name in names})


@cache
def delivery_standards() -> Mapping[str, Any]:
    return MappingProxyType(_read("delivery.json"))
