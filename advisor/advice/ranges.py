"""Answers that are not one number: a range, or "don't know", which is the range that the template documents."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from advisor.advice import library
from advisor.advice.fields import Leaf

MINUTES_A_DAY = 1440
UNKNOWN: Mapping[str, Any] = {"unknown": True}
"""How "don't know" is written."""


@dataclass(frozen=True)
class Range:
    """Between `low` and `high`, evenly likely on a logarithmic scale. `unknown` if the range is the template's, for "don't know"."""

    low: float
    high: float
    unknown: bool = False
    asked: tuple[float, float] | None = None
    """The ends as given, if only a part of that range fits the other answers."""

    @property
    def offset(self) -> float:
        """What is added before taking logarithms: nothing, or a hundredth of the range where it begins at zero."""
        return 0.0 if self.low > 0 else self.high / 100 or 1.0

    @property
    def middle(self) -> float:
        """The geometric mean of the two ends, which is the median of the samples."""
        return self.at(0.5)

    def at(self, quantile: float) -> float:
        """The value below which this share of the samples lies."""
        if self.low == self.high:
            return self.low
        low, high = math.log(self.low + self.offset), math.log(self.high + self.offset)
        return min(self.high, max(self.low, math.exp(low + quantile * (high - low)) - self.offset))

    def share_below(self, value: float) -> float:
        """The share of the samples below a value."""
        if not self.low < value < self.high:
            return float(value >= self.high)
        low, high = math.log(self.low + self.offset), math.log(self.high + self.offset)
        return (math.log(value + self.offset) - low) / (high - low)

    def ends(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}

    def given(self) -> dict[str, Any]:
        if self.unknown:
            return dict(UNKNOWN)
        return self.ends() if self.asked is None else {"low": self.asked[0], "high": self.asked[1]}


def _point(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """A plain number as it is; of a range, both ends checked by the field's own bounds, the middle."""
    if not isinstance(value, Mapping):
        return handler(value)
    if set(value) - {"low", "high", "unknown"} or not {"low", "high"} <= set(value):
        raise ValueError("should be a number, a range {low, high} or {unknown: true}")
    low, high = handler(value["low"]), handler(value["high"])
    if low is None or high is None or low > high:
        raise ValueError("of a range, low must not exceed high")
    middle = Range(low, high).middle
    return handler(round(middle) if isinstance(low, int) else middle)


ORDERED = (
    ("processing.p50_s", "processing.p95_s"),
    ("processing.p95_s", "processing.p99_s"),
    ("failures.backoff_base_s", "failures.backoff_cap_s"),
    ("operations.min_workers", "operations.max_workers"),
)
"""Pairs of fields of which the first must not exceed the second."""

Uncertain = WrapValidator(_point)
"""Marks a numeric field: a range or "don't know" is accepted and becomes its middle."""


def located(data: Mapping[str, Any], fields: Mapping[str, Leaf]) -> tuple[dict[str, Any], dict[str, Range]]:
    """The ranges in an Answers mapping by path; and the mapping with each "don't know" spelled out as its template's range."""
    spelled = copied_json(data)
    sheet = library.sheets().get(str(spelled.get("template", library.DEFAULT_TEMPLATE)))
    ranges: dict[str, Range] = {}
    mappings = set(_paths_of_mappings(spelled))
    for path in (path for path, leaf in fields.items() if path in mappings and leaf.numeric):
        branch, key = branch_of(spelled, path)
        value = branch.get(key) if branch is not None else None
        if not isinstance(value, Mapping):
            continue
        if dict(value) == UNKNOWN and sheet is not None:
            ranges[path] = template_range(sheet, path)
            branch[key] = ranges[path].ends()
        elif set(value) == {"low", "high"} and all(_plain(value[end]) for end in ("low", "high")):
            ranges[path] = Range(value["low"], value["high"])
    for lower, upper in ORDERED:
        _in_order(spelled, ranges, lower, upper, whole=fields[lower].kind == "integer")
    _fit_peaks(spelled, ranges)
    return spelled, ranges


def copied_json(value: Any) -> Any:
    """A copy of all mappings and lists, in a tenth of the time of a deep copy."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: copied_json(each) for key, each in value.items()}
    return [copied_json(each) for each in value] if isinstance(value, list | tuple) else value


def _paths_of_mappings(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield f"{prefix}{key}"
            yield from _paths_of_mappings(value, f"{prefix}{key}.")


def _fit_peaks(data: dict[str, Any], ranges: dict[str, Range]) -> None:
    volume = data.get("volume")
    if not isinstance(volume, dict):
        return
    for key, least in (("peak_minutes", 0.01), ("peaks_per_day", 0.0), ("peak_to_mean", 1.0)):
        middles = [middle_of(volume.get(name)) for name in ("peak_to_mean", "peak_minutes", "peaks_per_day")]
        if any(middle is None for middle in middles) or (middles[0] or 0) <= 1:
            return
        fits = MINUTES_A_DAY / max(1e-12, math.prod(middle or 0 for middle in middles))
        uncertain = ranges.get(f"volume.{key}")
        if fits < 1 and uncertain is not None and uncertain.unknown:
            ranges[f"volume.{key}"] = Range(
                max(least, uncertain.low * fits), max(least, uncertain.high * fits), unknown=True
            )
            volume[key] = ranges[f"volume.{key}"].ends()


def _in_order(data: dict[str, Any], ranges: dict[str, Range], lower: str, upper: str, *, whole: bool) -> None:
    """If the middles of two answers are in the wrong order, the part of a range that is in order counts alone.

    A "don't know" wholly on the wrong side becomes the number that it must not cross; such a range stays, to be refused.
    """
    (below, low_key), (above, high_key) = branch_of(data, lower), branch_of(data, upper)
    if below is None or above is None:
        return
    least, most = middle_of(below.get(low_key)), middle_of(above.get(high_key))
    if least is None or most is None or least <= most:
        return
    ends = [(upper, above, high_key, least, max), (lower, below, low_key, most, min)]
    ends = [end for end in ends if end[0] in ranges]
    for path, branch, key, bound, keep in sorted(ends, key=lambda end: not ranges[end[0]].unknown):
        if ranges[path].unknown or ranges[path].low <= bound <= ranges[path].high:
            inside = (math.ceil if path == upper else math.floor)(bound) if whole else bound
            ranges[path] = _part(ranges[path], inside, keep)
            branch[key] = ranges[path].ends()
            return


def _part(uncertain: Range, bound: float, keep: Callable[[float, float], float]) -> Range:
    asked = None if uncertain.unknown else (uncertain.low, uncertain.high)
    return Range(keep(uncertain.low, bound), keep(uncertain.high, bound), uncertain.unknown, asked)


def restored(data: dict[str, Any], ranges: Mapping[str, Range]) -> dict[str, Any]:
    for path, uncertain in ranges.items():
        branch, key = branch_of(data, path)
        if branch is not None and key in branch:
            branch[key] = uncertain.given()
    return data


def template_range(sheet: library.Sheet, path: str) -> Range:
    default = sheet.defaults[path]
    if default.low is None or default.high is None:
        raise LookupError(f"the template {sheet.name} has no range for {path}")
    return Range(default.low, default.high, unknown=True)


def middle_of(value: Any) -> float | None:
    if _plain(value):
        return float(value)
    if isinstance(value, Mapping) and set(value) == {"low", "high"} and all(_plain(value[end]) for end in value):
        low, high = float(value["low"]), float(value["high"])
        return Range(low, high).middle if 0 <= low <= high else None
    return None


def _plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def branch_of(tree: Any, path: str) -> tuple[Any, str]:
    """The mapping that holds the last part of a path, or None, and that part."""
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree.get(parent) if isinstance(tree, Mapping) else None
    return (tree if isinstance(tree, Mapping) else None), last
