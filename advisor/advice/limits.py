"""The limits on the way of an in-line answer by name: which of them a setting changes, and to what."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from advisor.advice import library
from advisor.advice.answer_vectors import resolved_hops
from advisor.advice.answers import Answers
from advisor.advice.facts import PointFacts
from core.numbers import duration, listed

_HEADROOM = 1.1
"""A raised limit leaves a tenth more than the answer takes."""


@dataclass(frozen=True)
class NamedLimit:
    title: str
    limit_s: float
    kind: Literal["total", "idle", "client", "sender"]
    adjustable: bool

    @property
    def ends_streams(self) -> bool:
        """Whether it ends an answer that streams; the others wait for its first part alone."""
        return self.kind in ("total", "sender")

    def title_words(self, limit: str) -> str:
        """The limit, as written, with what it is."""
        match self.kind:
            case "client":
                return f"the {limit} after which the client gives up"
            case "sender":
                return f"the {limit} within which the sender must have its 2xx"
            case _:
                return f"the {limit} {self.kind} limit of {self.title}"


def limits_on_the_way(answers: Answers) -> Iterator[NamedLimit]:
    """Of hops, the client and the sender; a caller that does not wait has only the sender's."""
    caller, design = answers.caller, answers.synchronous
    if caller.kind != "nobody":
        for hop in resolved_hops(design.hops, caller.streams_response):
            fact = library.hop_named(hop.name)
            yield NamedLimit(fact.title if fact else hop.name, hop.limit_s, hop.kind, hop.adjustable)
        if design.client_timeout_s is not None:
            yield NamedLimit("the client", design.client_timeout_s, "client", True)
    if caller.acknowledgement_s is not None:
        yield NamedLimit("the sender", caller.acknowledgement_s, "sender", False)


def tightest(point: PointFacts, *, adjustable: bool, of_first_part: bool = False) -> NamedLimit | None:
    """The shortest limit that ends the answer (or, `of_first_part`, the wait for a stream's first part) and that a setting changes or not."""
    limits = [
        limit
        for limit in limits_on_the_way(point.answers)
        if limit.adjustable == adjustable
        and (limit.ends_streams != of_first_part if point.caller.streams else not of_first_part)
    ]
    return min(limits, key=lambda limit: limit.limit_s, default=None)


def raise_sentence(point: PointFacts, takes_s: float, *, of_first_part: bool = False) -> str:
    """Each limit that such an answer reaches and that a setting changes, and what it has to become."""
    enough_s = raised_s(takes_s)
    short = [
        limit
        for limit in limits_on_the_way(point.answers)
        if limit.adjustable
        and limit.limit_s < takes_s
        and (limit.ends_streams != of_first_part if point.caller.streams else not of_first_part)
    ]
    names = listed([f"the {duration(limit.limit_s)} of {limit.title}" for limit in short])
    return f"raise {names} to {duration(enough_s)}"


def raised_s(takes_s: float) -> float:
    """A tenth more, as two digits upwards."""
    wanted = _HEADROOM * takes_s
    if not 0 < wanted < math.inf:
        return takes_s
    unit = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return math.ceil(wanted / unit - 1e-9) * unit
