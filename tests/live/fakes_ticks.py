"""The limits of a provider, tick by tick in whole numbers: what both limiters of a live run are held to.

A tick is a tenth of a second, a unit of a quota is 600 parts: a quota of n a minute refills by n parts a tick.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulator.scenario import Provider

TICK_S, PARTS = 0.1, 600


@dataclass
class TickLimits:
    provider: Provider
    calls: int = 0
    levels: list[int] = field(init=False)

    def __post_init__(self) -> None:
        p = self.provider
        self._per_minute = [p.requests_per_minute, p.input_tokens_per_minute, p.output_tokens_per_minute]
        sizes = [p.burst_requests, p.input_tokens_per_minute, p.output_tokens_per_minute]
        self._full = [int(size or 0) * PARTS for size in sizes]
        self.levels = list(self._full)

    def tick(self) -> None:
        self._add([int(per_minute or 0) for per_minute in self._per_minute])

    def admit(self, *tokens: int) -> bool:
        wanted = [PARTS * units for units in (1, *tokens)]
        if self.calls == self.provider.max_concurrency:
            return False
        for per_minute, level, full, parts in zip(self._per_minute, self.levels, self._full, wanted, strict=True):
            if per_minute is not None and level < min(parts, full):
                return False
        self.calls += 1
        self._add([-parts for parts in wanted])
        return True

    def release(self, *tokens: int, refund: bool) -> None:
        self.calls -= 1
        if refund:
            self._add([PARTS * units for units in (1, *tokens)])

    def _add(self, parts: list[int]) -> None:
        self.levels = [
            min(full, level + more) for full, level, more in zip(self._full, self.levels, parts, strict=True)
        ]


def random_provider(draws: Random) -> Provider:
    limits: dict[str, Any] = {
        "max_concurrency": draws.randint(1, 4),
        "requests_per_minute": draws.choice([60, 120, 600]),
        "input_tokens_per_minute": draws.choice([600, 1200]),
        "output_tokens_per_minute": draws.choice([300, 600]),
    }
    chosen = draws.sample(sorted(limits), draws.randint(1, 4))
    return Provider.model_validate({name: limits[name] for name in chosen} | {"burst_requests": draws.randint(1, 5)})
