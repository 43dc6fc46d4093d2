from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """What is wrong with an input: where (`processing.p95_s`, or empty for the whole), and why."""

    path: str
    reason: str
    line: int | None = None
    others: tuple[tuple[str, float], ...] = ()
    """The paths and values of other fields that this one contradicts."""

    def __str__(self) -> str:
        where = self.path or "input"
        return f"{where} (line {self.line}): {self.reason}" if self.line else f"{where}: {self.reason}"


class InvalidInput(ValueError):
    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class CannotRun(Exception):
    """Why something cannot be started on this machine or go on, and what to do about it, in a sentence."""
