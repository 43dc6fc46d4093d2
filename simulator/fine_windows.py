"""Finer bins around what matters in a long run: the deepest queue of each design, and outages.

The first replication is run again from its seed over these windows only, for all designs, so that they compare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from simulator.kernel import layout
from simulator.replications import OnProgress, Runner
from simulator.result import FineWindow
from simulator.scenario import Outage, Scenario
from simulator.tally import FineTally, Tally
from simulator.trace_columns import Floats

MOST_OUTAGES_SHOWN = 3
LOW = 0.05
"""A queue is drained at this part of its peak."""
AS_DEEP = 0.95
"""A peak of at least this part of a design's deepest counts as its peak, too."""
MARGIN = 0.15
"""What a window shows before and after, by its length."""
WHOLE = 0.5
"""A longer part of the run has no window: the whole run is nearly as fine."""
DISTINCT = 0.1
"""A peak above what is usual has a window if it is at most this part of the run."""
NARROW_BINS = 12
"""A peak within so few bins of the whole run is looked at in finer ones, to find where it begins and ends."""
LONGEST_RECOVERY = 20.0
"""What a window shows after an outage, at most, by the outage's length."""


@dataclass(frozen=True)
class _Span:
    start_s: float
    end_s: float
    peaks: tuple[str, ...] = ()
    outages_s: tuple[float, ...] = ()

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    def padded(self, run_s: float) -> "_Span":
        margin = MARGIN * self.length_s
        return replace(self, start_s=max(0.0, self.start_s - margin), end_s=min(run_s, self.end_s + margin))

    def joined(self, other: "_Span") -> "_Span":
        return _Span(
            min(self.start_s, other.start_s),
            max(self.end_s, other.end_s),
            self.peaks + other.peaks,
            self.outages_s + other.outages_s,
        )


def fine_windows(
    scenario: Scenario, runner: Runner, on_progress: OnProgress | None = None
) -> tuple[tuple[FineWindow, ...], dict[str, list[FineTally]]]:
    """The windows in the order of time, and for each design what its first replication did in each."""
    tallies = {design: kept[0] for design, kept in runner.tallies.items()}
    run_s = max(tally.bins.shape[1] * tally.bin_width_s for tally in tallies.values())
    spans = [*_peaks(tallies, runner, run_s, on_progress), *_outages(scenario, tallies, run_s)]
    shown = _merged([span.padded(run_s) for span in spans])
    shown = [span for span in shown if 0 < span.length_s <= WHOLE * run_s]
    bounds = [(span.start_s, span.end_s) for span in shown]
    fine = runner.look_closer(dict.fromkeys(tallies, bounds), on_progress) if bounds else {}
    windows = (
        FineWindow(start_s=span.start_s, end_s=span.end_s, peaks=span.peaks, outages_s=span.outages_s) for span in shown
    )
    return tuple(windows), fine


def _peaks(tallies: Mapping[str, Tally], runner: Runner, run_s: float, on_progress: OnProgress | None) -> list[_Span]:
    spans = {
        design: span
        for design, tally in tallies.items()
        if (span := _peak(design, tally, _depths(tally.bins), 0.0, tally.bin_width_s)) is not None
    }
    narrow = {
        design: [(span.padded(run_s).start_s, span.padded(run_s).end_s)]
        for design, span in spans.items()
        if span.length_s <= NARROW_BINS * tallies[design].bin_width_s
    }
    for design, (fine, *_) in (runner.look_closer(narrow, on_progress) if narrow else {}).items():
        closer = _peak(design, tallies[design], _depths(fine.bins), fine.start_s, fine.bin_width_s)
        if closer is not None:
            spans[design] = closer
    return _shared(spans, tallies)


def _shared(spans: Mapping[str, _Span], tallies: Mapping[str, Tally]) -> list[_Span]:
    """One window for several designs if the others' queues are as long there as they ever are, the longest recovery first."""
    kept: list[_Span] = []
    for design, span in sorted(spans.items(), key=lambda pair: -pair[1].length_s):
        depths, width_s = _depths(tallies[design].bins), tallies[design].bin_width_s
        for place, other in enumerate(kept):
            inside = depths[int(other.start_s / width_s) : int(other.end_s / width_s) + 1]
            if len(inside) and inside.max() >= AS_DEEP * depths.max():
                kept[place] = replace(other, peaks=(*other.peaks, design))
                break
        else:
            kept.append(span)
    return kept


def _depths(bins: Floats) -> Floats:
    depths: Floats = bins[layout.B_DEPTH]
    return depths


def _peak(design: str, tally: Tally, depths: Floats, start_s: float, width_s: float) -> _Span | None:
    """Around the deepest queue, from drained to drained; where it hardly ever drains, down to what is usual, if that is a small part of the run."""
    if tally.depth_max < 1 or not len(depths):
        return None
    run_s = tally.bins.shape[1] * tally.bin_width_s
    at = min(max(0, int((tally.depth_max_at_s - start_s) / width_s)), len(depths) - 1)
    usual = min(float(np.median(_depths(tally.bins))), tally.depth_max / 2)
    for level, most in ((LOW * tally.depth_max, WHOLE), (usual, DISTINCT)):
        first, last = _around(depths <= level, at)
        if (last + 1 - first) * width_s <= most * run_s:
            return _Span(start_s + first * width_s, start_s + (last + 1) * width_s, peaks=(design,))
    return None


def _around(low: NDArray[np.bool_], at: int) -> tuple[int, int]:
    """From the bin after the last low end before the place until the first low end from there on."""
    before, after = np.flatnonzero(low[:at]), np.flatnonzero(low[at:])
    return int(before[-1]) + 1 if len(before) else 0, at + int(after[0]) if len(after) else len(low) - 1


def _outages(scenario: Scenario, tallies: Mapping[str, Tally], run_s: float) -> list[_Span]:
    inside = [outage for outage in scenario.provider.outages if outage.start_s < run_s]
    longest = sorted(inside, key=lambda outage: -outage.length_s)[:MOST_OUTAGES_SHOWN]
    return [_outage(outage, tallies) for outage in sorted(longest, key=lambda outage: outage.start_s)]


def _outage(outage: Outage, tallies: Mapping[str, Tally]) -> _Span:
    """From its start until every queue is as low again as it was, at most `LONGEST_RECOVERY` times its length after its end."""
    end_s = outage.start_s + outage.length_s
    recovered_s = max(_recovered_s(tally, outage.start_s, end_s) for tally in tallies.values())
    recovered_s = min(recovered_s, end_s + LONGEST_RECOVERY * outage.length_s)
    return _Span(outage.start_s, max(recovered_s, end_s + outage.length_s), outages_s=(outage.start_s,))


def _recovered_s(tally: Tally, start_s: float, end_s: float) -> float:
    depths = tally.bins[layout.B_DEPTH]
    ends_s = tally.bin_width_s * np.arange(1, len(depths) + 1)
    during = depths[(ends_s > start_s)]
    if not len(during):
        return end_s
    low = depths <= max(LOW * float(during.max()), float(np.median(depths)))
    recovered = np.flatnonzero(low & (ends_s >= end_s))
    return float(ends_s[recovered[0]]) if len(recovered) else inf


def _merged(spans: Sequence[_Span]) -> list[_Span]:
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        if merged and span.start_s < merged[-1].end_s:
            merged[-1] = merged[-1].joined(span)
        else:
            merged.append(span)
    return merged
