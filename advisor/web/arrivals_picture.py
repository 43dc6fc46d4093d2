"""A picture of a recording's arrivals, for the page on which a person checks how the file was understood."""

from dataclasses import dataclass

import numpy as np

from core.numbers import duration, rate
from simulator.traces import Trace

PARTS = 150
WIDTH, HEIGHT = 600, 120
"""Of the drawing, in its own units."""


@dataclass(frozen=True)
class ArrivalsPicture:
    path: str
    """Of an SVG: the requests in each part, as steps from the left to the right."""
    text: str


def draw_arrivals(trace: Trace) -> ArrivalsPicture | None:
    """None if all requests come at once."""
    if trace.span_s <= 0:
        return None
    counts, _ = np.histogram(trace.arrivals_s, bins=PARTS, range=(0.0, trace.span_s))
    bin_s = trace.span_s / PARTS
    heights = HEIGHT * (1 - counts / counts.max())
    steps = [f"V{height:.1f}H{WIDTH * (place + 1) / PARTS:.1f}" for place, height in enumerate(heights)]
    text = (
        f"Requests over {duration(trace.span_s)} in {PARTS} parts of {duration(bin_s)}: {rate(trace.mean_rate_per_s)} on average, "
        f"{rate(counts.max() / bin_s)} in the fullest part"
    )
    return ArrivalsPicture(f"M0,{HEIGHT}{''.join(steps)}V{HEIGHT}Z", text)
