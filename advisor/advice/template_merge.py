"""Laying what is given over a template: deep, lists replace, and what was not given gives way to what was."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from advisor.advice import library
from advisor.advice.ranges import MINUTES_A_DAY, UNKNOWN, middle_of, template_range

CLASSES = ("urgent", "standard", "batch")


def merge(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` over `base`: mappings merge where both are mappings, anything else replaces."""
    result = deepcopy(dict(base))
    for key, value in given.items():
        under = result.get(key)
        result[key] = merge(under, value) if isinstance(under, dict) and isinstance(value, Mapping) else deepcopy(value)
    return result


def merge_template(given: Mapping[str, Any]) -> dict[str, Any]:
    """A whole Answers mapping out of the few that are given: template, then the provider profile's limits, then what is given.

    A value that nobody gave moves where it would contradict one that was: p50 keeps its ratio to a given p95, the other shares fill up to
    100 %, the template's peak shortens so that the peaks still fit into the mean.
    """
    known = library.sheets().get(str(given.get("template", library.DEFAULT_TEMPLATE)))
    sheet = known or library.sheets()[library.DEFAULT_TEMPLATE]
    limits = _profile_limits(given)
    base = {"name": known.title if known else "Decision", **sheet.values()}
    result = merge(merge(base, {"provider": limits}) if limits else base, given)
    merging = _TemplateMerge(sheet, result, given)
    merging.times()
    merging.peaks()
    merging.shares()
    merging.bound("failures", "backoff_base_s", "backoff_cap_s")
    merging.workers()
    merging.bound("operations", "min_workers", "max_workers")
    return result


def _profile_limits(given: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = library.profiles().get(str(_section(given, "provider").get("profile")))
    return dict(profile.limits) if profile else {}


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = tree.get(name)
    return section if isinstance(section, Mapping) else {}


class _TemplateMerge:
    def __init__(self, sheet: library.Sheet, result: dict[str, Any], given: Mapping[str, Any]) -> None:
        self.sheet, self.result, self.given = sheet, result, given

    def is_given(self, section: str, key: str) -> bool:
        return key in _section(self.given, section)

    def middle(self, section: str, key: str) -> float | None:
        value = _section(self.result, section).get(key)
        return template_range(self.sheet, f"{section}.{key}").middle if value == UNKNOWN else middle_of(value)

    def put(self, section: str, key: str, value: Any) -> None:
        values = self.result[section]
        if isinstance(values, dict):
            values[key] = value

    def times(self) -> None:
        """A template's p50 or p95 on the wrong side of the one that was given keeps its ratio to it."""
        p50, p95 = self.middle("processing", "p50_s"), self.middle("processing", "p95_s")
        ratio = self.sheet.defaults["processing.p50_s"].value / self.sheet.defaults["processing.p95_s"].value
        if p50 is not None and p95 is not None and p95 < p50:
            if not self.is_given("processing", "p50_s"):
                self.put("processing", "p50_s", max(0.001, p95 * ratio))
            elif not self.is_given("processing", "p95_s"):
                self.put("processing", "p95_s", p50 / ratio)

    def peaks(self) -> None:
        """The length of a peak, else their number, else their height gives way until the mean can include them."""
        peak, minutes, often = (self.middle("volume", key) for key in ("peak_to_mean", "peak_minutes", "peaks_per_day"))
        if peak is None or minutes is None or often is None or peak <= 1 or peak * minutes * often <= MINUTES_A_DAY:
            return
        if not self.is_given("volume", "peak_minutes"):
            self.put("volume", "peak_minutes", max(0.01, MINUTES_A_DAY / (peak * often)))
        elif not self.is_given("volume", "peaks_per_day"):
            self.put("volume", "peaks_per_day", MINUTES_A_DAY / (peak * minutes))
        elif not self.is_given("volume", "peak_to_mean"):
            self.put("volume", "peak_to_mean", max(1.0, MINUTES_A_DAY / (often * minutes)))

    def shares(self) -> None:
        """Shares that were not given fill up what the given ones leave, in their own proportions."""
        classes = _section(self.result, "priorities")
        fixed = [name for name in CLASSES if "share_percent" in _section(_section(self.given, "priorities"), name)]
        free = [name for name in CLASSES if name not in fixed]
        shares = {name: self._share(classes, name) for name in CLASSES}
        if not fixed or not free or None in shares.values():
            return
        left, total = 100 - sum(shares[name] or 0 for name in fixed), sum(shares[name] or 0 for name in free)
        for name in free if left >= 0 else []:
            section = classes[name]
            if isinstance(section, dict):
                section["share_percent"] = left * (shares[name] or 0) / total if total else left / len(free)

    def _share(self, classes: Mapping[str, Any], name: str) -> float | None:
        value = _section(classes, name).get("share_percent")
        return (
            template_range(self.sheet, f"priorities.{name}.share_percent").middle
            if value == UNKNOWN
            else middle_of(value)
        )

    def workers(self) -> None:
        """The workers of the synchronous design and the most that operations allow: the one that was not given gives way."""
        workers, most = self.middle("synchronous", "workers"), self.middle("operations", "max_workers")
        if workers is None or most is None or workers <= most:
            return
        if not self.is_given("operations", "max_workers"):
            self.put("operations", "max_workers", _section(self.result, "synchronous")["workers"])
        elif not self.is_given("synchronous", "workers"):
            self.put("synchronous", "workers", _section(self.result, "operations")["max_workers"])

    def bound(self, section: str, low: str, high: str) -> None:
        """Of two bounds in the wrong order the one that was not given takes the other's value."""
        least, most = self.middle(section, low), self.middle(section, high)
        if least is None or most is None or least <= most:
            return
        values = _section(self.result, section)
        if not self.is_given(section, high):
            self.put(section, high, values[low])
        elif not self.is_given(section, low):
            self.put(section, low, values[high])
