"""How requests arrive."""

from dataclasses import dataclass

import numpy as np

from advisor.advice.columns import Columns, Floats
from advisor.advice.ranges import MINUTES_A_DAY


@dataclass(frozen=True)
class Load:
    """Facts about arrivals. The mean rate includes the peaks."""

    rate: Floats
    peak_to_mean: Floats
    """1 where there are no peaks."""
    peak_rate: Floats
    peak_s: Floats
    """Length of a peak; 0 where there are none."""
    peak_share: Floats
    """Share of the requests that arrive in a peak."""
    arrival_cv: Floats
    arrives_in_outage: Floats
    outage_s: Floats


def load_of(c: Columns) -> Load:
    """The load behind columns of answers."""
    rate, minutes, often = c["volume.mean_rate_per_s"], c["volume.peak_minutes"], c["volume.peaks_per_day"]
    time_share = minutes * often / MINUTES_A_DAY
    most = 1 / np.maximum(time_share, 1e-12)
    peak_to_mean = np.where(often > 0, np.clip(c["volume.peak_to_mean"], 1.0, np.maximum(most, 1.0)), 1.0)
    peaks = peak_to_mean > 1
    outage_s = c["resilience.outage_minutes"] * 60
    return Load(
        rate=rate,
        peak_to_mean=peak_to_mean,
        peak_rate=rate * peak_to_mean,
        peak_s=np.where(peaks, minutes * 60, 0.0),
        peak_share=np.where(peaks, np.minimum(1.0, peak_to_mean * time_share), 0.0),
        arrival_cv=c["volume.interarrival_cv"],
        arrives_in_outage=rate * outage_s,
        outage_s=outage_s,
    )
