"""What a sweep varies and finds: the JSON contract of `sweep --format json`."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from advisor.advice.answers import LEAVES
from advisor.advice.contract import Style
from core.errors import InvalidInput, Problem
from core.values import Value

FEWEST_STEPS, MOST_STEPS = 2, 61
SHAPE = "FIELD=LOW:HIGH:STEPS"


class SweepAxis(Value):
    """An answer that was varied, and its values in rising order."""

    field: str
    values: Annotated[tuple[float, ...], Field(strict=False)]

    @classmethod
    def from_steps(cls, field: str, low: float, high: float, steps: int, name: str = "x") -> Self:
        """`steps` values, both ends included; an integer answer gets whole numbers, each once.

        Raises:
            InvalidInput: on `name`, if the field is not a number, a value is out of its bounds, or the number of steps is.
        """
        leaf = LEAVES.get(field)
        if leaf is None or not leaf.numeric:
            raise _invalid(name, f"{field!r} is not a number of the questionnaire; one is processing.p95_s")
        if not FEWEST_STEPS <= steps <= MOST_STEPS:
            raise _invalid(name, f"steps should be {FEWEST_STEPS} to {MOST_STEPS}, not {steps}")
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise _invalid(name, f"the low end ({low:g}) should be less than the high end ({high:g})")
        for value in (low, high):
            if fault := leaf.fault(value):
                raise _invalid(name, f"{field} at {value:g} {fault}")
        values = np.linspace(low, high, steps)
        if leaf.kind == "integer":
            values = np.unique(np.rint(values))
        if len(values) < FEWEST_STEPS:
            raise _invalid(name, f"{field} is a whole number: {low:g} to {high:g} holds fewer than two")
        return cls(field=field, values=tuple(values.tolist()))

    @classmethod
    def from_text(cls, text: str, name: str = "x") -> Self:
        """Read `FIELD=LOW:HIGH:STEPS`.

        Raises:
            InvalidInput: on `name`.
        """
        field, equals, stretch = text.partition("=")
        parts = stretch.split(":")
        if not equals or len(parts) != 3:
            raise _invalid(name, f"should read {SHAPE}, as in processing.p95_s=2:30:20, not {text!r}")
        return cls.from_steps(field.strip(), *_numbers(parts, name), name)

    @property
    def low(self) -> float:
        return self.values[0]

    @property
    def high(self) -> float:
        return self.values[-1]


def _invalid(name: str, reason: str) -> InvalidInput:
    return InvalidInput([Problem(name, reason)])


def _numbers(parts: Sequence[str], name: str) -> tuple[float, float, int]:
    try:
        return float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise _invalid(name, f"{':'.join(parts)!r} should be LOW:HIGH:STEPS, the steps a whole number") from None


class GoodShare(Value):
    """The share of all offered jobs whose result was in hand by the deadline, with its 95 % interval."""

    good_share: float
    low: float
    high: float
    stable: bool = True


class Cell(Value):
    """One point of the grid: what both designs did there, and which style the forces choose of those that met the deadline."""

    x: float
    y: float | None = None
    style: Style
    verdict: str | list[str]
    margin: float | None
    """By how much the better design's good share is over what the deadline asks for, as a share: negative if both miss; null: no deadline."""
    synchronous: GoodShare
    event_driven: GoodShare


class SweepResult(Value):
    """The whole map: the cells that were simulated, none of them twice.

    A fine grid is simulated where the answer changes: a cell that is left out lies in a block whose corners agree. A cancelled sweep keeps the
    cells that were done.
    """

    schema_: Literal["crossover/sweep@1"] = Field(default="crossover/sweep@1", alias="schema")
    x: SweepAxis
    y: SweepAxis | None = None
    jobs: int
    seed: int
    coarse_step: int = 1
    """All cells at every n-th value along each axis are simulated, and the last of each."""
    cells: Annotated[tuple[Cell, ...], Field(strict=False)]
    elapsed_s: float
