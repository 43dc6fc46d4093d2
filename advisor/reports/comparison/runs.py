"""Several runs beside each other. Each has a letter, by which charts and tables name it."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.reports import wording
from advisor.reports.palette import Dash
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario

LETTERS = "ABCDEF"
FEWEST, MOST = 2, len(LETTERS)
DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Laid:
    """One run of the comparison. `recording` is the name of its trace, if its arrivals are recorded ones."""

    place: int
    name: str
    scenario: Scenario
    result: Result
    recording: str = ""

    @property
    def letter(self) -> str:
        """Its name in charts and tables."""
        return LETTERS[self.place]

    @property
    def dash(self) -> Dash:
        """Its line, whatever the design."""
        return DASHES[self.place]

    def design(self, style: str) -> DesignResult | None:
        """What it found for a design; None where it had none of that style."""
        return dict(wording.designs_of(self.result)).get(style)


def styles_of(laid: Sequence[Laid]) -> tuple[str, ...]:
    """The styles that any of the runs has, in the order in which they are always shown."""
    return tuple(style for style in wording.STYLES if any(one.design(style) for one in laid))


def with_design(laid: Sequence[Laid], style: str) -> list[tuple[Laid, DesignResult]]:
    """The runs that have a design of the style."""
    return [(one, design) for one in laid if (design := one.design(style)) is not None]
