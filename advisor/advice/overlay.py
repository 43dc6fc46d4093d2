"""Laying what is given over a template: deep, lists replace, and what was not given gives way to what was."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from advisor.advice import library
from advisor.advice.ranges import middle_of

MINUTES_A_DAY = 1440
CLASSES = ("urgent", "standard", "batch")


def overlay(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` over `base`: mappings merge where both are mappings, anything else replaces."""
    result = deepcopy(dict(base))
    for key, value in given.items():
        under = result.get(key)
        result[key] = (
            overlay(under, value) if isinstance(under, dict) and isinstance(value, Mapping) else deepcopy(value)
        )
    return result


def laid_over(given: Mapping[str, Any]) -> dict[str, Any]:
    """A whole Answers mapping out of the few that are given: template, then the provider profile's limits, then what is given.

    A value that nobody gave moves where it would contradict one that was: p50 keeps its ratio to a given p95, the other shares fill up to
    100 %, the template's peak shortens so that the peaks still fit into the mean.
    """
    sheet = library.sheets().get(str(given.get("template", library.DEFAULT_TEMPLATE)))
    base = (sheet or library.sheets()[library.DEFAULT_TEMPLATE]).values()
    title = sheet.title if sheet else "Decision"
    limits = _profile_limits(given)
    result = overlay(overlay({"name": title, **base}, {"provider": limits} if limits else {}), given)
    _times(result, given)
    _peaks(result, given)
    _shares(result, given)
    _bound(result, given, "failures", "backoff_base_s", "backoff_cap_s")
    _bound(result, given, "operations", "min_workers", "max_workers")
    return result


def _profile_limits(given: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = library.profiles().get(str(_section(given, "provider").get("profile")))
    return dict(profile.limits) if profile else {}


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = tree.get(name)
    return section if isinstance(section, Mapping) else {}


def _times(result: dict[str, Any], given: Mapping[str, Any]) -> None:
    """A template's p50 or p95 on the wrong side of the one that was given keeps its ratio to it."""
    times, said = _section(result, "processing"), _section(given, "processing")
    p50, p95 = middle_of(times.get("p50_s")), middle_of(times.get("p95_s"))
    if p50 is None or p95 is None or not isinstance(times, dict):
        return
    if p95 < p50 and "p50_s" not in said:
        times["p50_s"] = max(0.001, p95 * _ratio(given))
    elif p95 < p50 and "p95_s" not in said:
        times["p95_s"] = p50 / _ratio(given)
    p99, p95 = middle_of(times.get("p99_s")), middle_of(times.get("p95_s"))
    if p99 is not None and p95 is not None and p99 < p95 and "p99_s" not in said:
        times["p99_s"] = None


def _ratio(given: Mapping[str, Any]) -> float:
    sheet = library.sheets().get(str(given.get("template", library.DEFAULT_TEMPLATE)))
    if sheet is None:
        return 1.0
    return float(sheet.defaults["processing.p50_s"].value / sheet.defaults["processing.p95_s"].value)


def _peaks(result: dict[str, Any], given: Mapping[str, Any]) -> None:
    volume, said = _section(result, "volume"), _section(given, "volume")
    peak, minutes, often = (middle_of(volume.get(key)) for key in ("peak_to_mean", "peak_minutes", "peaks_per_day"))
    if peak is None or minutes is None or often is None or not isinstance(volume, dict):
        return
    if peak <= 1 or peak * minutes * often <= MINUTES_A_DAY:
        return
    if "peak_minutes" not in said:
        volume["peak_minutes"] = max(0.01, MINUTES_A_DAY / (peak * often))
    elif "peaks_per_day" not in said and minutes > 0:
        volume["peaks_per_day"] = MINUTES_A_DAY / (peak * minutes)
    elif "peak_to_mean" not in said and minutes > 0:
        volume["peak_to_mean"] = max(1.0, MINUTES_A_DAY / (often * minutes))


def _shares(result: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Shares that were not given fill up what the given ones leave, in their own proportions."""
    classes, said = _section(result, "priorities"), _section(given, "priorities")
    fixed = [name for name in CLASSES if "share_percent" in _section(said, name)]
    free = [name for name in CLASSES if name not in fixed]
    taken = [middle_of(_section(classes, name).get("share_percent")) for name in fixed]
    own = [middle_of(_section(classes, name).get("share_percent")) for name in free]
    if not fixed or not free or None in taken or None in own:
        return
    left, total = 100 - sum(share or 0 for share in taken), sum(share or 0 for share in own)
    if left < 0:
        return
    for name, share in zip(free, own, strict=True):
        section = classes.get(name)
        if isinstance(section, dict):
            section["share_percent"] = left * (share or 0) / total if total else left / len(free)


def _bound(result: dict[str, Any], given: Mapping[str, Any], section: str, low: str, high: str) -> None:
    values, said = _section(result, section), _section(given, section)
    least, most = middle_of(values.get(low)), middle_of(values.get(high))
    if least is None or most is None or least <= most or not isinstance(values, dict):
        return
    if high not in said:
        values[high] = values[low]
    elif low not in said:
        values[low] = values[high]
