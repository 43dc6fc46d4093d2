"""What differs between the scenarios of several runs, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.reports import wording
from advisor.reports.comparison.runs import Laid
from core.numbers import count, duration, number, percent, rate

ABSENT = "–"
WHOLE = "all of it"
NOTHING: Mapping[str, str] = {
    "deadline_s": "no deadline",
    "synchronous.backlog": "unbounded",
    "synchronous.client_timeout_s": "never",
    "synchronous.inline_retries": "as the retries",
    "event_driven.max_queue": "unbounded",
    "event_driven.expires_s": "never",
}
"""What an empty setting means; anywhere else it is no limit, or not used."""
UNITS = ("_per_s", "_s", "_percent")
LIMITS = "provider."


@dataclass(frozen=True)
class Setting:
    """One setting with its value in each run."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs disagree on it."""
        return len(set(self.values)) > 1


def settings_of(laid: Sequence[Laid]) -> tuple[Setting, ...]:
    """Every setting of the scenarios, in their order, and how each was run."""
    each = [_flat(one) for one in laid]
    paths = dict.fromkeys(path for settings in each for path in settings)
    names = [_name(path) for path in paths]
    found = [Setting(_told_apart(path, names), tuple(_words(path, settings) for settings in each)) for path in paths]
    run = [
        Setting("Engine", tuple(one.result.engine for one in laid)),
        Setting("Part that was run", tuple(one.result.live.window if one.result.live else WHOLE for one in laid)),
        Setting("Speed", tuple(f"{number(one.result.live.speed)}x" if one.result.live else ABSENT for one in laid)),
        Setting(
            "Arrivals over", tuple(duration(one.result.live.seconds) if one.result.live else ABSENT for one in laid)
        ),
        Setting("Workers", tuple(one.result.live.workers if one.result.live else ABSENT for one in laid)),
        Setting("Replications", tuple(count(one.result.replications) for one in laid)),
    ]
    return (*run, *found)


def _flat(one: Laid) -> dict[str, Any]:
    settings = dict(_leaves(one.scenario.model_dump(exclude={"schema_"}), ""))
    if one.recording:
        settings["arrivals.trace"] = one.recording
    return settings


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    """Dotted paths and plain values; what is listed is one value."""
    if isinstance(value, Mapping) and value:
        return [leaf for name, part in value.items() for leaf in _leaves(part, f"{path}.{name}" if path else str(name))]
    return [(path, value)]


def _told_apart(path: str, names: Sequence[str]) -> str:
    """A share and a time may have the same name without their unit."""
    name = _name(path)
    return f"{name} time" if names.count(name) > 1 and path.endswith("_s") else name


def _name(path: str) -> str:
    *parents, leaf = path.split(".")
    for unit in UNITS:
        leaf = leaf.removesuffix(unit)
    where = " ".join(parents).replace("_", " ").replace("event driven", "event-driven")
    words = leaf.replace("_", " ")
    text = f"{where}: {words}" if where else words
    return text[:1].upper() + text[1:]


def _words(path: str, settings: Mapping[str, Any]) -> str:
    if path not in settings:
        return ABSENT
    return _value(path, settings[path])


def _value(path: str, value: Any) -> str:
    if value is None:
        return NOTHING.get(path, "no limit" if path.startswith(LIMITS) else "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, Mapping | list | tuple):
        return wording.listed([_part(part) for part in value]) or "none"
    if path == "seed":
        return str(value)
    if path.endswith("_per_s"):
        return rate(value)
    if path.endswith("_s"):
        return duration(value)
    if path.endswith("_percent") or path.startswith("event_driven.queues."):
        return percent(value)
    return count(value) if float(value).is_integer() else number(value)


def _part(part: Any) -> str:
    """One of a list: a hop, an outage, a time."""
    if isinstance(part, Mapping):
        return ", ".join(_value(name, value) for name, value in part.items())
    return _value("_s", part) if isinstance(part, int | float) else str(part)
