"""The sliders for the four answers that matter most, around what they are now."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.question import rate_matters
from advisor.reports.document.answers import QUESTIONS
from advisor.web.forms.fields import best_written
from core.numbers import count, duration, rate

SPAN, STEPS = 8.0, 12
"""A slider goes from an eighth of the present answer to eight times it, in this number of steps each way."""
_DIGITS = 2
Values = Mapping[str, float]


@dataclass(frozen=True)
class Slider:
    id: str
    label: str
    stops: tuple[Values, ...]
    """The answers at each stop, by path; none at the present ones."""
    words: tuple[str, ...]
    now: int
    """The stop of the present answers."""

    @property
    def now_words(self) -> str:
        return self.words[self.now]

    @property
    def last(self) -> int:
        return len(self.stops) - 1

    @property
    def stops_json(self) -> str:
        """For each stop its words, and text and unit of each field."""
        return json.dumps(
            [
                [words, {path: best_written(QUESTIONS[path], value) for path, value in values.items()}]
                for words, values in zip(self.words, self.stops, strict=True)
            ],
            separators=(",", ":"),
        )


def sliders_of(answers: Answers) -> list[Slider]:
    """One for each of rate, processing time, workers and deadline that the answers have."""
    work, workers = answers.processing, answers.synchronous.workers
    times = {
        f"processing.{name}": value
        for name, value in (("p50_s", work.p50_s), ("p95_s", work.p95_s), ("p99_s", work.p99_s))
        if value is not None
    }
    sliders = [
        _slider(
            "processing",
            "Processing time, p50 and p95",
            work.p95_s,
            "processing.p95_s",
            lambda p95: {path: float(f"{value * p95 / work.p95_s:.3g}") for path, value in times.items()},
            lambda at: f"{duration(at['processing.p50_s'])}, {duration(at['processing.p95_s'])}",
        ),
        _slider(
            "workers",
            "Workers",
            workers,
            "synchronous.workers",
            lambda number: _staff(answers, round(number)),
            lambda at: count(at["synchronous.workers"], "worker"),
        ),
    ]
    if rate_matters(answers):
        per_s = answers.volume.mean_rate_per_s
        sliders.insert(0, _of_one("rate", "Requests, on average", "volume.mean_rate_per_s", per_s, rate))
    if answers.caller.deadline_s is not None:
        sliders.append(_of_one("deadline", "Deadline", "caller.deadline_s", answers.caller.deadline_s, duration))
    return sliders


def _staff(answers: Answers, workers: int) -> dict[str, float]:
    """As many workers of the synchronous service; the consumers that are allowed, and those that stay up, in proportion."""
    most = max(workers, round(answers.operations.max_workers * workers / answers.synchronous.workers))
    return {
        "synchronous.workers": workers,
        "operations.max_workers": _within("operations.max_workers", most),
        "operations.min_workers": min(answers.operations.min_workers, most),
    }


def _of_one(name: str, label: str, path: str, now: float, write: Callable[[float], str]) -> Slider:
    return _slider(name, label, now, path, lambda value: {path: value}, lambda at: write(at[path]))


def _slider(
    name: str,
    label: str,
    now: float,
    path: str,
    answers_at: Callable[[float], Values],
    words_at: Callable[[Values], str],
) -> Slider:
    others = {_within(path, float(f"{now * SPAN ** (step / STEPS):.{_DIGITS}g}")) for step in range(-STEPS, STEPS + 1)}
    values = sorted({*others, now})
    stops = [answers_at(value) for value in values]
    words = tuple(map(words_at, stops))
    place = values.index(now)
    stops[place] = {}
    return Slider(name, label, tuple(stops), words, place)


def _within(path: str, value: float) -> float:
    question = QUESTIONS[path]
    low, high = question.low, question.high
    value = min(value if high is None else high, max(value if low is None else low, value))
    return round(value) if question.kind == "integer" else value
