"""The load, and how long the work takes."""

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.branches import peaks, rate_matters
from advisor.advice.questionnaire.shape import (
    HOURS,
    MILLISECONDS,
    MINUTES,
    PER_DAY,
    PER_HOUR,
    PER_MINUTE,
    Question,
    Section,
    said,
)
from advisor.advice.words import duration, rate, times


def _load_state(answers: Answers) -> str:
    volume = answers.volume
    load = "a recording" if volume.trace else said(answers, "volume.mean_rate_per_s", rate)
    peaks = volume.trace is None and volume.peaks
    bursts = f", peaks of {said(answers, 'volume.peak_to_mean', times)}" if peaks else ""
    p50, p95 = (said(answers, f"processing.{name}", duration) for name in ("p50_s", "p95_s"))
    return f"{load}{bursts}; p50 {p50}, p95 {p95}"


LOAD = Section(
    "load",
    "Load and time",
    (
        Question(
            "volume.mean_rate_per_s",
            "How many requests arrive, on average?",
            "With the processing time it gives the number of requests in progress. The peaks are included in it.",
            "/s",
            "0.5",
            rate_matters,
            converters=(PER_MINUTE, PER_HOUR, PER_DAY),
        ),
        Question(
            "volume.peak_to_mean",
            "How many times the average is a peak?",
            "A peak past capacity is what a queue is for; a steady load needs none.",
            "x",
            "8",
            rate_matters,
        ),
        Question(
            "volume.peak_minutes",
            "How long does a peak last?",
            "What gathers in a peak must be served before the deadline.",
            "min",
            "15",
            peaks,
            converters=(HOURS,),
        ),
        Question(
            "volume.peaks_per_day",
            "How many peaks are there in a day?",
            "It says how much time there is to recover between two of them. One a month is 0.033.",
            "a day",
            "1",
            peaks,
        ),
        Question(
            "volume.interarrival_cv",
            "How uneven are the gaps between requests, outside the peaks?",
            "1 is what many independent senders make; clumps make waits longer by the square of it.",
            "",
            "1",
            rate_matters,
        ),
        Question(
            "volume.trace",
            "Is there a recording of arrivals?",
            "A simulation replays it instead of the rate and the peaks above.",
            "",
            "",
        ),
        Question(
            "processing.p50_s",
            "How long does processing take, typically?",
            "Half of the requests take no longer. It is the scale of every other time.",
            "s",
            "8",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.p95_s",
            "How long does the slowest one in twenty take?",
            "Under 2 s speaks for a synchronous answer, past 10 s for events; in between it does not weigh.",
            "s",
            "20",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.p99_s",
            "How long does the slowest one in a hundred take?",
            "It is held against every time limit on the way. Empty: worked out from the two above.",
            "s",
            "35",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.input_tokens",
            "How many tokens does a request send to the model?",
            "It counts against the quota of input tokens.",
            "tokens",
            "3000",
        ),
        Question(
            "processing.output_tokens",
            "How many tokens does the model answer?",
            "It counts against the quota of output tokens.",
            "tokens",
            "400",
        ),
    ),
    _load_state,
)
