"""Everything that the advice rests on, as entries to read: rules, cross-checks, templates, and dated facts. The same data that decides."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from advisor.advice import library
from advisor.advice.checks import CHECKS
from advisor.advice.contradictions import CONTRADICTIONS
from advisor.advice.library_overrides import SHIPPED, Library
from advisor.advice.rules import RULES
from advisor.advice.templates import TEMPLATES
from core.numbers import duration, number, plural, singular_of

HandbookKind = Literal["rule", "warning", "template", "hop", "profile", "worker", "broker"]

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
    facts = (*own.hops.values(), *own.profiles.values(), *library.worker_kinds().values(), *library.brokers().values())
    return (
        *(Entry("rule", rule.id, rule.title, rule.about, rule.source) for rule in RULES),
        *(Entry("warning", one.code, one.title, one.about) for one in CONTRADICTIONS),
        *(Entry("warning", check.code, check.title, check.about) for check in CHECKS),
        *(Entry("template", template.name, template.title, template.summary) for template in TEMPLATES.values()),
        *(entry_of(fact, today) for fact in facts),
    )


def entry_of(fact: library.DatedFact, today: date | None = None) -> Entry:
    stale = today is not None and not fact.unchecked and today - date.fromisoformat(fact.checked) > FRESH
    kind, text = _described(fact)
    return Entry(kind, fact.name, fact.title, text, fact.source, fact.checked, fact.unchecked, stale)


def _described(fact: library.DatedFact) -> tuple[HandbookKind, str]:
    match fact:
        case library.HopFact():
            return "hop", _hop_text(fact)
        case library.Profile():
            return "profile", _profile_text(fact)
        case library.WorkerKind():
            return "worker", _worker_text(fact)
        case library.Broker():
            return "broker", fact.note
        case _:
            raise TypeError(f"the handbook has no words for {type(fact).__name__}")


def _hop_text(hop: library.HopFact) -> str:
    streamed = f", {duration(hop.streaming_limit_s)} where the response streams" if hop.streaming_limit_s else ""
    fixed = "a setting changes it" if hop.adjustable else "no setting changes it"
    return f"{duration(hop.limit_s)}, {hop.kind}{streamed}; {fixed}. {hop.note}"


def _worker_text(kind: library.WorkerKind) -> str:
    tick = (
        f"looking for due retries every {duration(kind.retry_tick_s)}"
        if kind.retry_tick_s
        else "retries exactly when due"
    )
    return f"Accepting a job {duration(kind.accept_s)}, dispatching it {duration(kind.dispatch_s)}, {tick}. {kind.note}"


def _limit_words(name: str, limit: float) -> str:
    if name == "max_concurrency":
        return f"{plural(limit, 'call')} at once"
    counted, _, per = name.replace("_", " ").partition(" per ")
    return f"{plural(limit, singular_of(counted), counted)} per {per}"


def _profile_text(profile: library.Profile) -> str:
    limits = [
        f"{number(limit)} {_limit_words(name, limit)}" for name, limit in profile.limits.items() if limit is not None
    ]
    return f"{', '.join(limits)}. {profile.note}" if limits else profile.note
