"""Lay what is given over a template: deep, lists replace, and a template's value gives way to a given one it contradicts."""

from collections.abc import Mapping
from typing import Any

from advisor.advice import library
from advisor.advice.ranges import MINUTES_A_DAY, UNKNOWN, branch_of, copied_json, middle_of, template_range

SHARE_PATHS = tuple(f"priorities.{name}.share_percent" for name in ("urgent", "standard", "batch"))


def merge_mappings(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` over `base`: mappings merge where both are mappings, anything else replaces. No mapping or list of either is in the result."""
    result: dict[str, Any] = {}
    for key, value in {**base, **given}.items():
        under = base.get(key)
        if key in given and isinstance(under, Mapping) and isinstance(value, Mapping):
            result[key] = merge_mappings(under, value)
        else:
            result[key] = copied_json(value)
    return result


def merge_template(given: Mapping[str, Any]) -> dict[str, Any]:
    """A whole Answers mapping out of the few that are given: template, then the provider profile's limits, then what is given.

    A value that was not given moves if it contradicts one that was: p50 keeps its ratio to a given p95, the other shares fill up to
    100 %, the template's peak shortens so that the peaks still fit into the mean.
    """
    known = library.sheets().get(str(given.get("template", library.DEFAULT_TEMPLATE)))
    sheet = known or library.sheets()[library.DEFAULT_TEMPLATE]
    base = {"name": known.title if known else "Decision", **sheet.values()}
    merging = _TemplateMerge(sheet, merge_mappings(merge_mappings(base, _profile_limits(given)), given), given)
    merging.fit_times()
    merging.fit_peaks()
    merging.fit_shares()
    merging.fit_bounds("failures.backoff_base_s", "failures.backoff_cap_s")
    merging.fit_bounds("synchronous.workers", "operations.max_workers")
    merging.fit_bounds("operations.min_workers", "operations.max_workers")
    return merging.result


def _profile_limits(given: Mapping[str, Any]) -> Mapping[str, Any]:
    branch, key = branch_of(given, "provider.profile")
    profile = library.profiles().get(str(branch.get(key))) if branch is not None else None
    return {"provider": profile.limits} if profile else {}


class _TemplateMerge:
    """The merged values, what was given of them, and their template."""

    def __init__(self, sheet: library.Sheet, result: dict[str, Any], given: Mapping[str, Any]) -> None:
        self.sheet, self.result, self.given = sheet, result, given

    def is_given(self, path: str) -> bool:
        branch, key = branch_of(self.given, path)
        return branch is not None and key in branch

    def value(self, path: str) -> Any:
        branch, key = branch_of(self.result, path)
        return branch.get(key) if branch is not None else None

    def middle(self, path: str) -> float | None:
        value = self.value(path)
        return template_range(self.sheet, path).middle if value == UNKNOWN else middle_of(value)

    def put(self, path: str, value: Any) -> None:
        branch, key = branch_of(self.result, path)
        if isinstance(branch, dict):
            branch[key] = value

    def put_first(self, *values: tuple[str, Any]) -> None:
        """Set the first of these fields that was not given."""
        for path, value in values:
            if not self.is_given(path):
                self.put(path, value)
                return

    def fit_times(self) -> None:
        """A template's p50 or p95 on the wrong side of the given one keeps its ratio to it."""
        p50, p95 = self.middle("processing.p50_s"), self.middle("processing.p95_s")
        ratio = self.sheet.defaults["processing.p50_s"].value / self.sheet.defaults["processing.p95_s"].value
        if p50 is not None and p95 is not None and p95 < p50:
            self.put_first(("processing.p50_s", max(0.001, p95 * ratio)), ("processing.p95_s", p50 / ratio))

    def fit_peaks(self) -> None:
        """The length of a peak, else their number, else their height gives way until the mean can include them."""
        names = ("volume.peak_to_mean", "volume.peak_minutes", "volume.peaks_per_day")
        peak, minutes, often = map(self.middle, names)
        if peak is None or minutes is None or often is None or peak <= 1 or peak * minutes * often <= MINUTES_A_DAY:
            return
        self.put_first(
            ("volume.peak_minutes", max(0.01, MINUTES_A_DAY / (peak * often))),
            ("volume.peaks_per_day", MINUTES_A_DAY / (peak * minutes)),
            ("volume.peak_to_mean", max(1.0, MINUTES_A_DAY / (often * minutes))),
        )

    def fit_shares(self) -> None:
        """Shares that were not given fill up what the given ones leave, in their own proportions."""
        shares = {path: self.middle(path) for path in SHARE_PATHS}
        free = [path for path in SHARE_PATHS if not self.is_given(path)]
        if None in shares.values() or len(free) in (0, len(SHARE_PATHS)):
            return
        left = 100 - sum(share or 0 for path, share in shares.items() if path not in free)
        total = sum(shares[path] or 0 for path in free)
        for path in free if left >= 0 else []:
            self.put(path, left * (shares[path] or 0) / total if total else left / len(free))

    def fit_bounds(self, low: str, high: str) -> None:
        """Of two bounds in the wrong order the one that was not given takes the other's value."""
        least, most = self.middle(low), self.middle(high)
        if least is not None and most is not None and least > most:
            self.put_first((high, self.value(low)), (low, self.value(high)))
