"""Regions of the advised map, the places of their words, and smooth borders."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from advisor.reports.charts.labels import Region
from advisor.sweeps.border import AdvisedMap

SMALLEST = 0.01
"""A region with a smaller share of the map carries no word."""
BLUR = 2
"""Values to each side that are averaged: the line of half way is then free of the grid's stairs."""

Mask = NDArray[np.bool_]


def regions(border: AdvisedMap) -> Iterator[Region]:
    """Every region that is large enough for a word, the styles in their order."""
    for style in np.unique(border.style):
        left: Mask = border.style == style
        while left.any():
            region = _grown(np.unravel_index(int(left.argmax()), left.shape), left)
            left &= ~region
            if region.mean() >= SMALLEST:
                yield Region(int(style), tuple(_spots(region)))


def _grown(start: tuple[np.intp, ...], within: Mask) -> Mask:
    region = np.zeros_like(within)
    region[start] = True
    while True:
        wider = within & (_shifted(region).any(axis=0) | region)
        if (wider == region).all():
            return region
        region = wider


def _spots(region: Mask) -> Iterator[tuple[int, int]]:
    """Places (row, column): the deepest, then the middle of every row, the nearest rows first."""
    deepest = _deepest(region)
    yield deepest
    rows: list[int] = np.flatnonzero(region.any(axis=1)).tolist()
    for row in sorted(rows, key=lambda row: abs(row - deepest[0])):
        columns = np.flatnonzero(region[row])
        yield row, int(columns[len(columns) // 2])


def _deepest(region: Mask) -> tuple[int, int]:
    """Take the rim off until nothing is left; of the last layer, what is nearest to its middle."""
    while True:
        inner = region & _shifted(region).all(axis=0)
        if not inner.any():
            break
        region = inner
    rows, columns = np.nonzero(region)
    nearest = ((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin()
    return int(rows[nearest]), int(columns[nearest])


def _shifted(region: Mask) -> Mask:
    """The region moved by one to each side; nothing comes in from outside."""
    padded = np.pad(region, 1)
    return np.stack([padded[2:, 1:-1], padded[:-2, 1:-1], padded[1:-1, 2:], padded[1:-1, :-2]])


def softened(inside: Mask) -> NDArray[np.float64]:
    """1 inside and 0 outside, in between over `BLUR` values on either side of the rim."""
    values = np.pad(inside.astype(float), BLUR, mode="edge")
    width = 2 * BLUR + 1
    window = np.lib.stride_tricks.sliding_window_view(values, (width, width))
    soft: NDArray[np.float64] = window.mean(axis=(2, 3))
    return soft
