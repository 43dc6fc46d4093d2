"""The answers in words: values with units, conditions of a flip, and the table of all assumptions."""

import math
from collections.abc import Mapping
from typing import Any

from advisor.advice import library
from advisor.advice.answers import CLASSES, LEAVES, Answers
from advisor.advice.contract import Flip, Recommendation
from advisor.advice.questionnaire import SECTIONS, Question
from advisor.advice.templates import TEMPLATES
from advisor.advice.variations import starting_number
from advisor.reports.document.blocks import Paragraph, Section, table_block
from advisor.reports.wording import uncapitalised
from core.numbers import (
    DIGITS,
    Writer,
    count,
    duration,
    exactly,
    number,
    percent,
    plural,
    rate,
    rate_unit,
    rounded_outward,
    singular_of,
)
from core.paths import value_at

QUESTIONS: Mapping[str, Question] = {question.path: question for section in SECTIONS for question in section.questions}
LABELS: Mapping[str, str] = {path: question.label for path, question in QUESTIONS.items()}

TRACE = "volume.trace"

AS_KIND = "as the kind of worker has it"

EMPTY: Mapping[str, str] = {
    "caller.deadline_s": "no deadline",
    "caller.first_token_s": "not known",
    TRACE: "none",
    "processing.p99_s": "from p50 and p95",
    "volume.clients": "none",
    "processing.request_kb": "as its input tokens say",
    "processing.high_mean_s": "no slower",
    "provider.profile": "none",
    "provider.call_timeout_s": "never",
    "failures.failure_s": "as long as a call that works",
    "subscribers.keys": "not known",
    "operations.lease_s": "as long as it takes",
    **{f"priorities.{name}.p50_s": "as all requests" for name in CLASSES},
    **{f"priorities.{name}.p95_s": "in proportion to the typical time" for name in CLASSES},
    "synchronous.client_timeout_s": "never",
    "failures.retry_intervals_s": "no list",
    "operations.accept_s": AS_KIND,
    "operations.dispatch_s": AS_KIND,
    "operations.retry_tick_s": AS_KIND,
}
"""What an empty answer means; anywhere else it is no limit."""


def assumptions(answers: Answers, recommendation: Recommendation, recording: str | None = None) -> Section:
    """The template's answers that are unchanged, those that change the advice first; then all others.

    `recording` is in words, if there is one.
    """
    template = TEMPLATES[answers.template]
    given, assumed = answers.model_dump(), template.answers.model_dump()
    flips = {flip.field: flip for flip in reversed(recommendation.flips)}
    unconfirmed, confirmed = [], []
    for question in QUESTIONS.values():
        if not question.applies(answers):
            continue
        value, source = value_at(given, question.path), answers.source_of(question.path)
        is_recording = question.path == TRACE and recording is not None
        if source or is_recording or value != value_at(assumed, question.path):
            words = recording if is_recording and recording else value_words(question.path, value)
            confirmed.append((question.label, words, source.text if source else "given"))
        else:
            flip = flips.get(question.path)
            turns = uncapitalised(flip_condition(flip, answers)) if flip else ""
            unconfirmed.append((question.label, value_words(question.path, value), turns))
    changing = [row for row in unconfirmed if row[2]]
    others = [row[:2] for row in unconfirmed if not row[2]]
    words = (
        f"Of {count(len(unconfirmed) + len(confirmed), 'answer')} {count(len(unconfirmed))} {plural(len(unconfirmed), 'is', 'are')} still "
        f"as the template {template.title} has {plural(len(unconfirmed), 'it', 'them')}, and no one may have confirmed "
        f"{plural(len(unconfirmed), 'it', 'them')}. Another value of {len(changing)} of them changes the advice: check those first. "
        "Questions that do not apply are left out."
    )
    tables = (
        (changing, ("Question", "Assumed", "The advice changes"), "Not confirmed, and the advice depends on it"),
        (
            others,
            ("Question", "Assumed"),
            "Not confirmed; no change of one of these alone was found to change the advice",
        ),
        (confirmed, ("Question", "Answer", "From"), "Answered"),
    )
    blocks = [table_block(headers, rows, caption, 3) for rows, headers, caption in tables if rows]
    return Section("assumptions", "Assumptions", (Paragraph(words), *blocks))


def value_words(path: str, value: Any) -> str:
    """An answer with its unit; a range as one; "don't know" as what is assumed instead."""
    question = QUESTIONS.get(path)
    if isinstance(value, Mapping) and not value.get("unknown"):
        return f"{value_words(path, value['low'])} to {value_words(path, value['high'])}"
    if isinstance(value, Mapping):
        return "not known: the template's range is assumed"
    if value is None:
        return EMPTY.get(path, "no limit")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_item(item) for item in value) or "none"
    if isinstance(value, str):
        return (
            dict(question.choices).get(value, value) if question and question.kind in ("choice", "profile") else value
        )
    return _figure(value, question.unit if question else "")


def exact_words(path: str, value: float) -> str:
    """All digits and the unit, so that the very value can be typed."""
    unit = QUESTIONS[path].unit
    scale, write = WRITTEN.get(unit, (1.0, number))
    if isinstance(value, int):
        return value_words(path, value)
    words = exactly(value * scale, write)
    if unit in WRITTEN:
        return words
    return f"{words}x" if unit == "x" else f"{words} {of_unit(unit, words)}".rstrip()


WRITTEN: Mapping[str, tuple[float, Writer]] = {
    "s": (1.0, duration),
    "min": (60.0, duration),
    "h": (3600.0, duration),
    "/s": (1.0, rate),
    "%": (1.0, percent),
}
"""Units whose figures are scaled, and how each is written."""

IF_CHOSEN: Mapping[str, Mapping[str, str]] = {
    "caller.kind": {
        "end_user": "If a person waited",
        "internal": "If one of our own services waited",
        "partner": "If a partner's service waited",
        "nobody": "If nobody waited",
    }
}
"""Choices as conditions, where their own words don't read as one."""


def threshold_words(path: str, value: float, now: float) -> str:
    """Away from the answer of now to three digits, so that it holds there; a rate in the unit of that answer."""
    up, leaf = value > now, LEAVES[path]
    unit = QUESTIONS[path].unit
    if not value or (unit == "%" and value > 99):
        return exact_words(path, value)
    if isinstance(value, int):
        shown: float = round(rounded_outward(value, number, up=up)) if value >= 10**DIGITS else value
        words = value_words(path, shown)
    elif unit == "/s":
        scale, per = rate_unit(now)
        shown = rounded_outward(value * scale, number, up=up) / scale
        words = f"{exactly(shown * scale, number)} {per}"
    else:
        scale, write = WRITTEN.get(unit, (1.0, number))
        shown = rounded_outward(value * scale, write, up=up) / scale
        words = exact_words(path, shown)
    return words if (leaf.low or 0) <= shown <= (leaf.high or math.inf) else exact_words(path, value)


def flip_condition(flip: Flip, answers: Answers) -> str:
    """For example: If 1.9 s or less; If yes."""
    path, to = flip.field, flip.to
    if LEAVES[path].numeric:
        now = starting_number(path, answers)
        words = threshold_words(path, to, now) + (" or more" if to > now else " or less" if to else "")
        return f"If {'about ' if flip.about else ''}{words}"
    if isinstance(to, list | tuple):
        return f"With only {value_words(path, to)}" if to else "With none of them"
    return IF_CHOSEN.get(path, {}).get(to) or f"If {answered(path, to)}"


def answered(path: str, value: Any) -> str:
    words = value_words(path, value)
    chosen = isinstance(value, str) and path in QUESTIONS and QUESTIONS[path].kind == "choice"
    return uncapitalised(words) if chosen else words


def _item(item: Any) -> str:
    return duration(item) if isinstance(item, int | float) else _hop(item)


def _hop(hop: Any) -> str:
    if isinstance(hop, str):
        fact = library.hop_named(hop)
        return f"{fact.title} ({duration(fact.limit_s)}, {fact.kind})" if fact else hop
    return f"{hop['name']} ({duration(hop['limit_s'])}, {hop['kind']})"


def _figure(value: float, unit: str) -> str:
    match unit:
        case "s":
            return duration(value)
        case "min":
            return duration(60 * value)
        case "h":
            return duration(3600 * value)
        case "/s":
            return rate(value)
        case "%":
            return percent(value)
        case "x":
            return f"{number(value)}x"
        case "/min" | "tokens/min":
            figure = count(value) if float(value).is_integer() else number(value)
            return f"{figure} {of_unit(unit, figure)}"
    figure = count(value) if isinstance(value, int) else number(value)
    return f"{figure} {of_unit(unit, figure)}".rstrip()


def of_unit(unit: str, figure: str) -> str:
    """1 token/min, 2 tokens/min; s is no plural."""
    noun, slash, per = unit.partition("/")
    return f"{singular_of(noun) if figure == '1' and noun != 's' else noun}{slash}{per}"
