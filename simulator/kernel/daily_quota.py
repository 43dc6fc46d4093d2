# mypy: disable-error-code="no-any-return"
"""The provider's quota of calls a day, in fixed windows of 24 hours from the run's start, as free tiers count from midnight."""

import numpy as np

from core.units import DAY_S
from simulator.kernel import layout
from simulator.kernel.compiled import compiled
from simulator.kernel.layout import Machine


@compiled
def charge_day(m: Machine, now: float, calls: int) -> None:
    """Count a call, or give back one that failed (`calls` -1) to the day in which it ends."""
    day = int((now + layout.ROUNDING_S) / DAY_S)
    if day != m.quota_day:
        m.quota_day = day
        m.calls_today = 0
    m.calls_today = max(0, m.calls_today + calls)


@compiled
def day_opens_at(m: Machine) -> float:
    """From when the day's quota lets a call through."""
    if m.day_quota > 0 and m.calls_today >= m.day_quota:
        return (m.quota_day + 1) * DAY_S
    return -np.inf
