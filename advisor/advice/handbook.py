"""Everything that the advice rests on, as entries to read: rules, cross-checks, templates, hops, profiles, workers. The same data that decides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from advisor.advice import library
from advisor.advice.checks import CHECKS
from advisor.advice.library_overrides import SHIPPED, Library
from advisor.advice.rules import RULES, Rule
from advisor.advice.templates import TEMPLATES
from advisor.advice.words import duration, number, plural
from core.plurals import singular_of

HandbookKind = Literal["rule", "warning", "template", "hop", "profile", "worker"]

FRESH_DAYS = 180
"""Vendors change their limits: what was checked longer ago is to be checked again."""
FRESH = timedelta(days=FRESH_DAYS)


@dataclass(frozen=True)
class Entry:
    kind: HandbookKind
    id: str
    title: str
    text: str
    source: str = ""
    checked: str = ""
    unchecked: bool = False
    stale: bool = False
    """Whether the check is so old that the figure may have changed since."""

    @property
    def standing(self) -> str:
        if self.unchecked:
            return "not checked at the source"
        older = f", more than {FRESH_DAYS} days ago" if self.stale else ""
        return f"checked {self.checked}{older}" if self.checked else ""


def entries(own: Library = SHIPPED, today: date | None = None) -> tuple[Entry, ...]:
    facts: tuple[library.HopFact | library.Profile, ...] = (*own.hops.values(), *own.profiles.values())
    return (
        *map(_rule, RULES),
        *_warnings(),
        *_templates(),
        *(entry_of(fact, today) for fact in facts),
        *(_dated(_worker(kind), today) for kind in library.worker_kinds().values()),
    )


def entry_of(fact: library.HopFact | library.Profile, today: date | None = None) -> Entry:
    return _dated(_hop(fact) if isinstance(fact, library.HopFact) else _profile(fact), today)


def _dated(entry: Entry, today: date | None) -> Entry:
    stale = today is not None and not entry.unchecked and today - date.fromisoformat(entry.checked) > FRESH
    return replace(entry, stale=stale)


def _rule(rule: Rule) -> Entry:
    return Entry("rule", rule.id, rule.title, rule.about, rule.source)


def _warnings() -> Iterator[Entry]:
    for check in CHECKS:
        yield Entry("warning", check.code, check.title, check.about)


def _templates() -> Iterator[Entry]:
    for template in TEMPLATES.values():
        yield Entry("template", template.name, template.title, template.summary)


def _hop(fact: library.HopFact) -> Entry:
    streamed = f", {duration(fact.streaming_limit_s)} where the response streams" if fact.streaming_limit_s else ""
    fixed = "a setting changes it" if fact.adjustable else "no setting changes it"
    text = f"{duration(fact.limit_s)}, {fact.kind}{streamed}; {fixed}. {fact.note}"
    return Entry("hop", fact.name, fact.title, text, fact.source, fact.checked, fact.unchecked)


def _worker(kind: library.WorkerKind) -> Entry:
    text = (
        f"Accepting a job {duration(kind.accept_s)}, dispatching it {duration(kind.dispatch_s)}, "
        f"{f'looking for due retries every {duration(kind.retry_tick_s)}' if kind.retry_tick_s else 'retries exactly when due'}. {kind.note}"
    )
    return Entry("worker", kind.name, kind.title, text, kind.source, kind.checked, kind.unchecked)


def _limit_words(name: str, limit: float) -> str:
    if name == "max_concurrency":
        return f"{plural(limit, 'call')} at once"
    counted, _, per = name.replace("_", " ").partition(" per ")
    return f"{plural(limit, singular_of(counted), counted)} per {per}"


def _profile(profile: library.Profile) -> Entry:
    limits = [
        f"{number(limit)} {_limit_words(name, limit)}" for name, limit in profile.limits.items() if limit is not None
    ]
    text = f"{', '.join(limits)}. {profile.note}" if limits else profile.note
    return Entry("profile", profile.name, profile.title, text, profile.source, profile.checked, profile.unchecked)
