"""What a live run adds to a report: how it was run, and how far the kernel's prediction was off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from advisor.reports import wording
from advisor.reports.document.blocks import Block, Paragraph, grid
from advisor.reports.document.outside import outside_sentences
from advisor.reports.numbers import count, duration, number, share
from simulator.result import LiveFigure, LiveReport

NAMES = {
    "wait_s.mean": "Wait, mean",
    "wait_s.p95": "Wait, p95",
    "latency_s.mean": "Latency, mean",
    "latency_s.p50": "Latency, p50",
    "latency_s.p95": "Latency, p95",
    "good_share": "Good share",
    "queue_depth.mean": "Queue depth, mean",
    "queue_depth.max": "Queue depth, largest",
    "lag_s.max": "Lag, largest",
    "utilisation": "Utilisation",
    "provider_calls": "Calls to the provider",
    "delivery_calls": "Delivery calls",
    "in_system": "Jobs still in the system",
}
WORDS: Mapping[str, Callable[[float], str]] = {"share": share, "s": duration}
SMALLEST_PERCENT = 0.05
"""What reads as no error."""
LATE_S = 0.05
"""A load generator that is so late (p99, real time) has not had the machine that the run was planned for."""
MOST_LETTERS = 20


@dataclass(frozen=True)
class Compared:
    """A figure of one design: predicted, measured, the error, and whether that is within the tolerance."""

    style: str
    name: str
    predicted: str
    measured: str
    error: str
    within: bool


def compared_rows(live: LiveReport) -> tuple[Compared, ...]:
    """Every figure in words."""
    return tuple(
        Compared(
            figure.design,
            NAMES.get(figure.figure) or f"Jobs {wording.OUTCOMES.get(figure.figure, figure.figure)}",
            _words(figure, figure.predicted),
            _words(figure, figure.measured),
            _error(figure),
            figure.within,
        )
        for figure in live.figures
    )


def _words(figure: LiveFigure, value: float | None) -> str:
    if value is None:
        return wording.NOT_REACHED
    if figure.unit in WORDS:
        return WORDS[figure.unit](value)
    return count(round(value)) if value == round(value) else number(value)


def _error(figure: LiveFigure) -> str:
    if figure.error_percent is None:
        return "none" if figure.predicted == figure.measured else wording.MISSING
    if abs(figure.error_percent) < SMALLEST_PERCENT:
        return "none"
    return f"{figure.error_percent:+.1f} %" if abs(figure.error_percent) < 1000 else "over ±1,000 %"


def how_sentence(live: LiveReport) -> str:
    """What was run, where and how fast."""
    pace = "in real time" if live.speed == 1 else f"{number(live.speed)} times as fast"
    return (
        f"Live: {live.window}, {pace}, {count(live.jobs, 'job')} through real queues, workers and HTTP, one design after the other; "
        f"{duration(live.real_s)} in all."
    )


def agreement_sentence(live: LiveReport) -> str:
    """How far the model and the machine agree."""
    off = [figure for figure in live.figures if not figure.within]
    if not off:
        return f"All {count(len(live.figures))} figures of the kernel are within their tolerance of what was measured."
    return (
        f"{count(len(live.figures) - len(off))} of {count(len(live.figures))} figures of the kernel are within their tolerance of what "
        "was measured."
    )


def costs_sentence(live: LiveReport) -> str:
    """What the machine's own parts took."""
    costs = live.costs
    return (
        f"This machine took {duration(costs.accept_s)} to accept a job, {duration(costs.pickup_s)} until a consumer had it, "
        f"{duration(costs.dispatch_s)} to dispatch an attempt and "
        f"{duration(costs.synchronous_s)} for a call in line, measured in a run of its own just before; the prediction counts them."
    )


def lateness_sentence(live: LiveReport) -> str:
    """How punctual the load was."""
    worst = max(live.lateness.values(), key=lambda late: late.p99_s, default=None)
    if worst is None:
        return ""
    told = f"Jobs were sent {duration(worst.mean_s)} after their instants on average, {duration(worst.p99_s)} at p99 (real time)."
    if worst.p99_s > LATE_S:
        told += " That is late: this machine was busy with something else, which is in every measured figure. Run it again when it is quiet."
    return told


def _in_words(row: Compared) -> str:
    """The error without a leading sign, which spreadsheets would take for a formula."""
    sign, size = row.error[:1], row.error[1:]
    words = f"{size} {'higher' if sign == '+' else 'lower'}" if sign in ("+", "-") else row.error
    return words if row.within else f"{words} (over)"


def live_blocks(live: LiveReport) -> tuple[Block, ...]:
    """The comparison, for a document."""
    rows = [
        (
            wording.style_name(row.style),
            row.name,
            row.predicted,
            row.measured,
            _in_words(row),
        )
        for row in compared_rows(live)
    ]
    return (
        Paragraph(how_sentence(live)),
        *(Paragraph(sentence) for sentence in outside_sentences(live)),
        Paragraph(f"{agreement_sentence(live)} {costs_sentence(live)} {lateness_sentence(live)}"),
        grid(
            ("Design", "Figure", "Predicted", "Measured", "Error"),
            rows,
            "The kernel's prediction against the live run; (over): past 15 %, 0.05 of the mean service time, 2 jobs, or sampling error",
            figures_from=2,
        ),
        *_letters(live),
    )


def _letters(live: LiveReport) -> tuple[Block, ...]:
    """The first of the dead letters that were left."""
    if not live.dead_letters:
        return ()
    shown = live.dead_letters[:MOST_LETTERS]
    rows = [
        (letter.queue, letter.reason, str(letter.job), str(letter.attempts), duration(letter.at_s)) for letter in shown
    ]
    several = count(len(live.dead_letters), "dead letter")
    words = several if len(shown) == len(live.dead_letters) else f"The first {len(shown)} of {several}"
    return (
        grid(
            ("Queue", "Reason", "Job", "Attempts", "When"),
            rows,
            f"{words}, and when each was given up since the start",
            figures_from=2,
        ),
    )
