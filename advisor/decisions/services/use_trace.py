"""Lets a decision go by a recording of arrivals, or by a rate again."""

from typing import Any

from advisor.decisions.models import Decision, Revision, Trace
from advisor.decisions.services.save_answers import save_answers
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.teams.models import User
from simulator import arrivals

PEAK_WINDOWS_S = (10.0, 60.0, 300.0, 900.0, 3600.0)
DAY_S = 86_400
HIGHEST_CV = 100.0
MOST_PEAKS = 1440.0
RATES = (1e-6, 1e6)


def use_trace(decision: Decision, trace: Trace, user: User, version: int) -> Revision:
    """The revision whose arrivals are the trace. Its rate, peaks and unevenness become answers, too: the advice goes by them.

    Raises:
        PermissionDenied, InvalidInput, StaleVersion: as `save_answers`.
    """
    given = decision.latest().answers.model_dump()
    given["volume"] |= measured(read_stored_trace(trace)) | {"trace": str(trace.pk)}
    return save_answers(decision, given, user, version)


def drop_trace(decision: Decision, user: User, version: int) -> Revision:
    """The revision whose arrivals follow the rate and peaks again; they keep what the trace said.

    Raises:
        PermissionDenied, InvalidInput, StaleVersion: as `save_answers`.
    """
    given = decision.latest().answers.model_dump()
    given["volume"]["trace"] = None
    return save_answers(decision, given, user, version)


def measured(trace: arrivals.Trace) -> dict[str, Any]:
    """A recording's volume: its mean rate, and as its peak the window in which most gathers above the mean.

    The unevenness is that of the gaps, peaks included. A recording with no length says nothing.
    """
    if trace.span_s <= 0:
        return {}
    mean = trace.mean_rate_per_s
    windows = [window for window in PEAK_WINDOWS_S if window <= trace.span_s / 2] or [trace.span_s]
    peak_s = max(windows, key=lambda window: (trace.busiest(window) - 1) * window)
    minutes = max(0.01, peak_s / 60)
    ratio = min(10_000.0, max(1.0, trace.busiest(peak_s)))
    return {
        "mean_rate_per_s": _three(min(RATES[1], max(RATES[0], mean))),
        "peak_to_mean": _three(ratio),
        "peak_minutes": _three(min(1440.0, minutes)),
        "peaks_per_day": _three(min(MOST_PEAKS, DAY_S / trace.span_s, 0.98 * 1440 / (minutes * ratio))),
        "interarrival_cv": _three(min(HIGHEST_CV, trace.interarrival_cv2**0.5)),
    }


def _three(value: float) -> float:
    """To three significant digits: the figures are shown and edited."""
    return float(f"{value:.3g}")
