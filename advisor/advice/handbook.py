"""Everything that the advice rests on, as entries to read: rules, cross-checks, templates, hops, profiles. The same data that decides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from advisor.advice import library
from advisor.advice.cautions import CHECKS
from advisor.advice.editions import SHIPPED, Library
from advisor.advice.rules import RULES, Rule
from advisor.advice.templates import TEMPLATES
from advisor.advice.words import duration, number

Kind = Literal["rule", "warning", "template", "hop", "profile"]


@dataclass(frozen=True)
class Entry:
    """One thing to read about: what it is, what it does, where it comes from, and when that was checked."""

    kind: Kind
    id: str
    title: str
    text: str
    source: str = ""
    checked: str = ""
    unchecked: bool = False

    @property
    def standing(self) -> str:
        """When it was checked at its source, in words; a date of what was not checked would say too much."""
        if self.unchecked:
            return "not checked at the source"
        return f"checked {self.checked}" if self.checked else ""


def entries(own: Library = SHIPPED) -> tuple[Entry, ...]:
    """Every entry of the handbook, by kind, in the order in which things are weighed or offered; hops and profiles of the given library."""
    return (
        *map(_rule, RULES),
        *_warnings(),
        *_templates(),
        *map(entry_of, own.hops.values()),
        *map(entry_of, own.profiles.values()),
    )


def entry_of(fact: library.HopFact | library.Profile) -> Entry:
    """A hop or a profile to read about."""
    return _hop(fact) if isinstance(fact, library.HopFact) else _profile(fact)


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
    text = f"{duration(fact.limit_s)}, {fact.kind}{streamed}. {fact.note}"
    return Entry("hop", fact.name, fact.title, text, fact.source, fact.checked, fact.unchecked)


def _profile(profile: library.Profile) -> Entry:
    limits = [
        f"{number(limit)} {name.replace('_', ' ')}" for name, limit in profile.limits.items() if limit is not None
    ]
    text = f"{', '.join(limits)}. {profile.note}" if limits else profile.note
    return Entry("profile", profile.name, profile.title, text, profile.source, profile.checked, profile.unchecked)
