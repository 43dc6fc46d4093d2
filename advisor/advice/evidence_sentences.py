"""The evidence in sentences: what share of the requests is in time, and what became of the others."""

from advisor.advice.contract import Evidence, Style, StyleEvidence
from advisor.advice.words import apart
from core.numbers import count, duration, percent, rate

STYLE_WORDS: dict[Style, str] = {
    "synchronous": "synchronous",
    "event_driven": "event-driven",
    "hybrid": "hybrid",
}


def evidence_sentence(evidence: Evidence) -> str:
    """What the advice rests on, for all styles."""
    shares = [f"{_in_time(found)} of the {STYLE_WORDS[style]}" for style, found in evidence.styles.items()]
    *first, last = sorted(shares, key=lambda words: words.split(" of the ")[1])
    return (
        f"Simulated with your numbers: {', '.join(first)} and {last} requests are in time "
        f"({count(evidence.jobs, 'request')} each)."
    )


def _in_time(found: StyleEvidence) -> str:
    return percent(100 * found.good_share)


def miss_sentence(style: Style, evidence: Evidence) -> str:
    """Why a style that the evidence shows to miss does."""
    found = evidence.styles[style]
    if not found.stable:
        grows = f", by {rate(found.growth_per_min / 60)}" if found.growth_per_min else ""
        return f"The {STYLE_WORDS[style]} design does not keep up: its backlog grows as long as requests arrive{grows}."
    good, wanted = apart(100 * found.good_share, 100 * evidence.wanted_share, percent)
    lost = {
        "timed out": found.timed_out_share,
        "refused": found.refused_share,
        "late": found.late_share,
        "failed for good": found.failed_share,
        "computed but not delivered": found.undelivered_share,
        "lost": found.lost_share,
    }
    worst = sorted((share, words) for words, share in lost.items() if share >= 0.0005)[::-1]
    parts = ", ".join(f"{percent(100 * share)} {words}" for share, words in worst)
    return (
        f"{good} of the {STYLE_WORDS[style]} requests have their result within {duration(evidence.deadline_s)}, "
        f"less than the {wanted} wanted" + (f": {parts}." if parts else ".")
    )


def evidence_shortfall(evidence: Evidence) -> str:
    """What fails, as the headline of advice that is not feasible."""
    shares = [f"{_in_time(found)} {STYLE_WORDS[style]}" for style, found in evidence.styles.items() if found.stable]
    wanted = percent(100 * evidence.wanted_share)
    if not shares:
        return "Neither design can keep up: the backlog of each grows as long as requests arrive."
    return f"No design has {wanted} of the results within {duration(evidence.deadline_s)}: {', '.join(shares)} are in time."
