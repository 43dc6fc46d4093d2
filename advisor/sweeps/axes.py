import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.advice.answers import LEAVES
from core.errors import InvalidInput, Problem

FEWEST_STEPS, MOST_STEPS = 2, 50
SHAPE = "FIELD=LOW:HIGH:STEPS"


@dataclass(frozen=True)
class Axis:
    field: str
    values: tuple[float, ...]

    @property
    def low(self) -> float:
        return self.values[0]

    @property
    def high(self) -> float:
        return self.values[-1]

    def within(self, count: int) -> "Axis":
        """For borders between cells: equal steps, not rounded for integer answers."""
        return Axis(self.field, tuple(np.linspace(self.low, self.high, count).tolist()))


def axis(field: str, low: float, high: float, steps: int, name: str = "x") -> Axis:
    """`steps` values, both ends included; an integer answer gets whole numbers, each once.

    Raises:
        InvalidInput: on `name`, if the field is not a number, a value is out of its bounds, or the number of steps is.
    """
    leaf = LEAVES.get(field)
    if leaf is None or not leaf.numeric:
        raise InvalidInput([Problem(name, f"{field!r} is not a number of the questionnaire; one is processing.p95_s")])
    if not FEWEST_STEPS <= steps <= MOST_STEPS:
        raise InvalidInput([Problem(name, f"steps should be {FEWEST_STEPS} to {MOST_STEPS}, not {steps}")])
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InvalidInput([Problem(name, f"the low end ({low:g}) should be less than the high end ({high:g})")])
    for value in (low, high):
        if fault := leaf.fault(value):
            raise InvalidInput([Problem(name, f"{field} at {value:g} {fault}")])
    values = np.linspace(low, high, steps)
    if leaf.kind == "integer":
        values = np.unique(np.rint(values))
    if len(values) < FEWEST_STEPS:
        raise InvalidInput([Problem(name, f"{field} is a whole number: {low:g} to {high:g} holds fewer than two")])
    return Axis(field, tuple(values.tolist()))


def parsed(text: str, name: str = "x") -> Axis:
    """Read `FIELD=LOW:HIGH:STEPS`.

    Raises:
        InvalidInput: on `name`.
    """
    field, equals, stretch = text.partition("=")
    parts = stretch.split(":")
    if not equals or len(parts) != 3:
        raise InvalidInput([Problem(name, f"should read {SHAPE}, as in processing.p95_s=2:30:20, not {text!r}")])
    return axis(field.strip(), *_numbers(parts, name), name)


def _numbers(parts: Sequence[str], name: str) -> tuple[float, float, int]:
    try:
        return float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise InvalidInput(
            [Problem(name, f"{':'.join(parts)!r} should be LOW:HIGH:STEPS, the steps a whole number")]
        ) from None
