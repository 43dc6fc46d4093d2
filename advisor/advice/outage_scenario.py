"""The stated outage of the model, as a Scenario of its own: an outage a year must not decide an ordinary day's share."""

import math

from advisor.advice.answers import Answers
from simulator.arrivals import BurstArrivals, ClosedArrivals, TraceArrivals
from simulator.plan import rate_of
from simulator.scenario import Outage, Scenario

JOBS_BEFORE = 2_000
"""Jobs that arrive before the outage if there are no peaks, so that it does not meet an empty system."""
LONGEST_BEFORE_S = 1e7


def build_outage_scenario(scenario: Scenario, answers: Answers) -> Scenario | None:
    """The scenario with the stated outage: from the start of the first peak on, or mid-run if there are no peaks.

    Arrivals go on until everything must be served again (`recover_within_minutes`), and at least as long as the outage lasted; bursts in
    whole cycles. Every job counts. None if no outage is stated, or if arrivals are recorded, whose peaks are not known here.
    """
    length_s = answers.resilience.outage_minutes * 60
    if length_s <= 0 or isinstance(scenario.arrivals, TraceArrivals):
        return None
    rate = rate_of(scenario, None)
    start_s = outage_start_s(scenario, rate)
    until_s = start_s + length_s + max(length_s, answers.resilience.recover_within_minutes * 60)
    outage = Outage(start_s=start_s, length_s=length_s, mode=answers.resilience.outage_mode)
    lasts = (
        {"jobs": None, "duration_s": until_s}
        if isinstance(scenario.arrivals, ClosedArrivals)
        else {"jobs": max(1, math.ceil(rate * until_s)), "duration_s": None}
    )
    provider = scenario.provider.model_copy(update={"outages": (*scenario.provider.outages, outage)})
    return scenario.model_copy(update={**lasts, "warmup_jobs": 0, "provider": provider})


def outage_start_s(scenario: Scenario, rate: float) -> float:
    match scenario.arrivals:
        case BurstArrivals(peak_s=peak_s, every_s=every_s):
            return (every_s - peak_s) / 2
        case _:
            return min(JOBS_BEFORE / rate, LONGEST_BEFORE_S) if rate > 0 else 0.0
