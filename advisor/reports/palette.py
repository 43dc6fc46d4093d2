"""The colours, dashes and widths of the designs: never colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Dash = Literal["solid", "dash", "dot"]


@dataclass(frozen=True)
class Palette:
    """Colours for one background; a line without a design has `load`."""

    synchronous: str
    event_driven: str
    hybrid: str
    load: str
    ink: str
    muted: str
    grid: str
    burst: str
    outage: str
    page: str
    """Behind a picture that leaves the page."""

    def of(self, style: str | None) -> str:
        return self.load if style is None else str(getattr(self, style))


LIGHT = Palette(
    synchronous="#0072B2",
    event_driven="#D55E00",
    hybrid="#009E73",
    load="#5B6470",
    ink="#1F2933",
    muted="#52606D",
    grid="#E4E7EB",
    burst="#EEF1F4",
    outage="#DDE1E7",
    page="#FFFFFF",
)
DARK = Palette(
    synchronous="#56B4E9",
    event_driven="#E69F00",
    hybrid="#2CC29A",
    load="#9AA5B1",
    ink="#E4E7EB",
    muted="#A7B1BC",
    grid="#333D4B",
    burst="#232D3A",
    outage="#303C4C",
    page="#141B24",
)

# a dash is a design's: predictions are thinner and paler, compared runs have symbols, limits are thin and solid
DASHES: Mapping[str | None, Dash] = MappingProxyType(
    {"synchronous": "dash", "event_driven": "solid", "hybrid": "dot", None: "solid"}
)
WIDTHS: Mapping[str | None, float] = MappingProxyType(
    {"synchronous": 2.0, "event_driven": 2.0, "hybrid": 2.0, None: 1.2}
)
