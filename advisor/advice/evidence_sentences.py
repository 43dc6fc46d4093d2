"""The evidence in sentences: what share of the requests is in time, and what became of the others."""

from advisor.advice.contract import Evidence, Style, StyleEvidence
from advisor.advice.words import apart
from core.errors import InvalidInput
from core.numbers import count, duration, listed, percent, rate
from simulator.arrivals import BurstArrivals
from simulator.result import Conclusion
from simulator.scenario import Scenario

STYLE_WORDS: dict[Style, str] = {
    "synchronous": "synchronous",
    "event_driven": "event-driven",
    "hybrid": "hybrid",
}

NO_DEADLINE = "Not simulated: without a deadline no design meets or misses it."
RECORDING_NOT_GIVEN = "Not simulated: the recording that these answers replay is not at hand."


def evidence_sentence(evidence: Evidence) -> str:
    """What the advice rests on, for all styles."""
    shares = [f"{_in_time(outcome)} of the {STYLE_WORDS[style]}" for style, outcome in evidence.styles.items()]
    *first, last = sorted(shares, key=lambda words: words.split(" of the ")[1])
    return (
        f"Simulated with your numbers: {', '.join(first)} and {last} requests are in time "
        f"({count(evidence.jobs, 'request')} each)."
    )


def _in_time(outcome: StyleEvidence) -> str:
    return percent(100 * outcome.good_share)


NOT_YET = {
    "event_driven.max_deliveries": "a job that is given up after a number of deliveries",
    "event_driven.lease_s": "a time after which a job is delivered again",
}
"""Fields of a Scenario that cannot be simulated with a model that slows, as people say them."""


def refusal_sentence(error: InvalidInput | MemoryError) -> str:
    """Why there is no evidence."""
    if isinstance(error, MemoryError):
        return "Not simulated: more requests would be in the system at once than a run can hold."
    for problem in error.problems:
        if problem.path in NOT_YET:
            return f"Not simulated: {NOT_YET[problem.path]} cannot be simulated yet with a model that is slower when it is busy."
    reasons = "; ".join(f"{problem.path} {problem.reason}".strip() for problem in error.problems)
    return f"Not simulated: {reasons}."


def long_cycle_reason(scenario: Scenario, jobs: int, most: int) -> str:
    """Why a run that is not shortened is not made at each change of the answers."""
    arrivals = scenario.arrivals
    every = f"with a peak every {duration(arrivals.every_s)} " if isinstance(arrivals, BurstArrivals) else ""
    return (
        f"{every}a run has {count(jobs, 'request')}, and the advice simulates at most {most:,} at each change; "
        "Simulate runs all of them"
    )


def miss_sentence(style: Style, evidence: Evidence) -> str:
    """Why a style that the evidence shows to miss does."""
    outcome = evidence.styles[style]
    if not outcome.stable:
        grows = f", by {rate(outcome.growth_per_min / 60)}" if outcome.growth_per_min else ""
        return f"The {STYLE_WORDS[style]} design does not keep up: its backlog grows as long as requests arrive{grows}."
    good, wanted = apart(100 * outcome.good_share, 100 * evidence.wanted_share, percent)
    worst = missed_parts(outcome)
    parts = ", ".join(f"{percent(100 * share)} {words}" for share, words in worst)
    return (
        f"{good} of the {STYLE_WORDS[style]} requests have their result within {duration(evidence.deadline_s)}, "
        f"less than the {wanted} wanted" + (f": {parts}." if parts else ".")
    )


def evidence_shortfall(evidence: Evidence) -> str:
    """What fails, as the headline of advice that is not feasible."""
    stable = {style: outcome for style, outcome in evidence.styles.items() if outcome.stable}
    if not stable:
        return "Neither design can keep up: the backlog of each grows as long as requests arrive."
    shares = ", ".join(f"{_in_time(outcome)} {STYLE_WORDS[style]}" for style, outcome in stable.items())
    best = max(stable, key=lambda style: stable[style].good_share)
    missed, tolerated = apart(100 * (1 - stable[best].good_share), 100 * (1 - evidence.wanted_share), percent)
    parts = listed([f"{percent(100 * share)} {words}" for share, words in missed_parts(stable[best])])
    of_best = f" Of the {STYLE_WORDS[best]} {missed} are missed ({parts}); {tolerated} may be." if parts else ""
    wanted = percent(100 * evidence.wanted_share)
    return (
        f"No design has {wanted} of the results within {duration(evidence.deadline_s)}: {shares} are in time.{of_best}"
    )


def missed_parts(outcome: StyleEvidence) -> list[tuple[float, str]]:
    """What becomes of the requests that are not in time, with the share of each, the largest first."""
    lost = {
        "timed out": outcome.timed_out_share,
        "refused": outcome.refused_share,
        "late": outcome.late_share,
        "failed for good": outcome.failed_share,
        "computed but not delivered": outcome.undelivered_share,
        "lost": outcome.lost_share,
    }
    return sorted((share, words) for words, share in lost.items() if share >= 0.0005)[::-1]


def share_in_words(outcome: StyleEvidence, evidence: Evidence) -> str:
    """One style's share in time with its interval, against the wanted one."""
    low, high = percent(100 * outcome.low), percent(100 * outcome.high)
    return f"{_in_time(outcome)} in time ({low} to {high}), {percent(100 * evidence.wanted_share)} wanted"


def largest_queue(outcome: StyleEvidence) -> str:
    if not outcome.stable:
        return "backlog grows without end"
    most = round(outcome.queue_depth_max)
    return f"at most {count(most, 'request')} waiting" if most else "no request waits"


CONCLUSION_WORDS: dict[Conclusion, str] = {
    "meets": "meets the deadline",
    "misses": "misses the deadline",
    "unresolved": "may or may not meet it",
}


def changed_conclusions(evidence: Evidence, longer: Evidence) -> str:
    """What a longer simulation of the same answers concludes otherwise, in a sentence; empty if it agrees."""
    changes = [
        f"the {STYLE_WORDS[style]} design {CONCLUSION_WORDS[longer.styles[style].conclusion]}"
        f" ({CONCLUSION_WORDS[outcome.conclusion]} in the short one)"
        for style, outcome in evidence.styles.items()
        if style in longer.styles and longer.styles[style].conclusion not in (outcome.conclusion, "unresolved")
    ]
    return f"The longer simulation says otherwise than the advice: {', '.join(changes)}." if changes else ""
