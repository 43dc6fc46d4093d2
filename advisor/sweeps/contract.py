"""What a sweep found: the JSON contract of `sweep --format json`."""

from typing import Annotated, Literal

from pydantic import Field

from advisor.advice.contract import Style
from core.values import Value


class Axis(Value):
    """An answer that was varied, and its values in rising order."""

    field: str
    values: Annotated[tuple[float, ...], Field(strict=False)]


class GoodShare(Value):
    """The share of all offered jobs whose result was in hand by the deadline, with its 95 % interval."""

    good_share: float
    low: float
    high: float
    stable: bool = True


class Cell(Value):
    """One point of the grid: what the advice says there, and what both designs did there."""

    x: float
    y: float | None = None
    style: Style
    verdict: str | list[str]
    margin: float | None
    """By how much the better design's good share is over what the deadline asks for, as a share: negative where both miss; null: no deadline."""
    synchronous: GoodShare
    event_driven: GoodShare

    @property
    def disagrees(self) -> bool:
        """Whether the advice names a design that misses a deadline which the other one meets."""
        met = (self.verdict,) if isinstance(self.verdict, str) else tuple(self.verdict)
        other = {"synchronous": "event_driven", "event_driven": "synchronous"}.get(self.style)
        return other is not None and other in met and self.style not in met


class Sweep(Value):
    """The whole map. A cancelled sweep keeps the cells that were done."""

    schema_: Literal["crossover/sweep@1"] = Field(default="crossover/sweep@1", alias="schema")
    x: Axis
    y: Axis | None = None
    jobs: int
    seed: int
    cells: Annotated[tuple[Cell, ...], Field(strict=False)]
    elapsed_s: float
