"""What the rules weigh, worked out from the answers: times, loads, capacities, limits. Arithmetic on columns, no words."""

from dataclasses import dataclass, fields

from advisor.advice.answers import Answers
from advisor.advice.columns import Columns
from advisor.advice.facts.caller import ATTENTION_S, Caller, caller_of
from advisor.advice.facts.capacity import Capacity, capacity_of
from advisor.advice.facts.coupling import Coupling, coupling_of
from advisor.advice.facts.failure import Failure, failure_of
from advisor.advice.facts.inline import Inline, inline_of
from advisor.advice.facts.load import Load, load_of
from advisor.advice.facts.work import Work, work_of

__all__ = ["ATTENTION_S", "Facts", "Point", "facts_of"]


@dataclass(frozen=True)
class Facts(Caller, Load, Work, Failure, Capacity, Coupling, Inline):
    """One row a variation. Times in seconds, rates per second, infinite where unlimited."""


def facts_of(columns: Columns) -> Facts:
    """The facts behind columns of answers."""
    caller = caller_of(columns)
    load = load_of(columns)
    work = work_of(columns, caller)
    failure = failure_of(columns, load)
    capacity = capacity_of(columns, load, work, failure)
    coupling = coupling_of(columns, caller)
    inline = inline_of(columns, caller, load, work, failure, capacity, coupling)
    parts = (caller, load, work, failure, capacity, coupling, inline)
    return Facts(**{name: value for part in parts for name, value in vars(part).items()})


class Point:
    """The facts of one set of answers, every one a plain number (a flag 0.0 or 1.0), and the answers themselves for their words."""

    def __init__(self, facts: Facts, answers: Answers) -> None:
        self.answers = answers
        self._numbers = {field.name: float(getattr(facts, field.name)[0]) for field in fields(facts)}

    def __getattr__(self, name: str) -> float:
        try:
            return self.__dict__["_numbers"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None
