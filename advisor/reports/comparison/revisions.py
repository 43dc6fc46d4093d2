"""What differs between two revisions: the answers in words, and what became of the advice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from advisor.advice.answers import Answers
from advisor.advice.contract import Reason, Recommendation
from advisor.advice.templates import TEMPLATES
from advisor.reports import wording
from advisor.reports.document.advice import RULE_TITLES
from advisor.reports.document.answers import LABELS, TRACE, value_words
from advisor.reports.document.record import DELETED
from core.numbers import count
from core.paths import value_at

MOST_NAMED = 2
"""How many answers the sentence names; the others are counted."""
COMMON = {"kind", "count", "profile", "share", "max wait", "ordering", "trace", "workers"}
"""Names that say too little without what they are of."""


@dataclass(frozen=True)
class Changed:
    name: str
    before: str
    after: str
    path: str = ""

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class Comparison:
    answers: tuple[Changed, ...]
    advice: tuple[Changed, ...]
    """Style, strength, delivery and so on, also where they are the same."""
    gained: tuple[Reason, ...]
    lost: tuple[Reason, ...]
    reworded: tuple[Changed, ...]
    """Reasons in both, with other evidence or weight."""

    @property
    def sentence(self) -> str:
        """As in "p95 8 s → 20 s: the style changed to event-driven"."""
        if not self.answers:
            return "The same answers" + (f": {_outcome(self.advice)}" if _outcome(self.advice) != SAME else "")
        named = [f"{short_name(one.path)} {one.before} → {one.after}" for one in self.answers[:MOST_NAMED]]
        rest = len(self.answers) - len(named)
        if rest:
            named.append(count(rest, "other answer"))
        text = f"{wording.listed(named)}: {_outcome(self.advice)}"
        return text if text[1:2].isdigit() else wording.capitalised(text)


SAME = "the advice stayed the same"


def compare(
    before: tuple[Answers, Recommendation],
    after: tuple[Answers, Recommendation],
    paths: Iterable[str],
    recordings: tuple[str | None, str | None] = (None, None),
) -> Comparison:
    """`paths` are the answers that differ, `recordings` the names of the two recordings."""
    old, new = before[1], after[1]
    reasons = {reason.rule: reason for reason in old.reasons}
    now = {reason.rule: reason for reason in new.reasons}
    return Comparison(
        answers=tuple(_answer(path, before[0].model_dump(), after[0].model_dump(), recordings) for path in paths),
        advice=_advice(old, new),
        gained=tuple(reason for rule, reason in now.items() if rule not in reasons),
        lost=tuple(reason for rule, reason in reasons.items() if rule not in now),
        reworded=tuple(
            Changed(RULE_TITLES.get(rule, rule), reasons[rule].evidence, reason.evidence)
            for rule, reason in now.items()
            if rule in reasons and reasons[rule].evidence != reason.evidence
        ),
    )


def short_name(path: str) -> str:
    """An answer's name inside a sentence: `processing.p95_s` is "p95"."""
    *parents, leaf = path.split(".")
    words = wording.without_unit(leaf)
    return f"{parents[-1]} {words}" if parents and words in COMMON else words


def _answer(
    path: str, before: Mapping[str, Any], after: Mapping[str, Any], recordings: tuple[str | None, str | None]
) -> Changed:
    old, new = _words(path, before, recordings[0]), _words(path, after, recordings[1])
    return Changed(LABELS.get(path, "Which template does it start from?"), old, new, path)


def _words(path: str, tree: Mapping[str, Any], recording: str | None) -> str:
    value = value_at(tree, path)
    if path == "template":
        return TEMPLATES[value].title if value in TEMPLATES else str(value)
    return (recording or DELETED) if path == TRACE and value else value_words(path, value)


def _advice(old: Recommendation, new: Recommendation) -> tuple[Changed, ...]:
    return (
        Changed("Style", wording.style_name(old.style), wording.style_name(new.style)),
        Changed("Strength", old.strength, new.strength),
        Changed("Delivery", wording.method_name(old.delivery.method), wording.method_name(new.delivery.method)),
        Changed("Score, from synchronous −1 to event-driven +1", _score(old), _score(new)),
        Changed("Feasible", "yes" if old.feasible else "no", "yes" if new.feasible else "no"),
        Changed("Queues", _queues(old), _queues(new)),
        Changed("Most calls at once that help", count(old.concurrency.useful), count(new.concurrency.useful)),
    )  # fmt: skip


def _score(recommendation: Recommendation) -> str:
    return f"{recommendation.score:+.2f}".replace("-", "−")


def _queues(recommendation: Recommendation) -> str:
    parts = [f"{queue.name} with {count(queue.consumers, 'consumer')}" for queue in recommendation.queues]
    return wording.listed(parts) or "none"


def _outcome(advice: tuple[Changed, ...]) -> str:
    for one in advice[:3]:
        if one.differs:
            return f"the {one.name.lower()} changed to {wording.uncapitalised(one.after) if one.name != 'Delivery' else one.after}"
    if advice[4].differs:
        return f"it is {'feasible now' if advice[4].after == 'yes' else 'no longer feasible'}"
    return SAME
