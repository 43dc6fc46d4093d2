"""A job's events, kept for callers who reconnect after the last one that they saw."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

ENDS = frozenset({"done", "failed", "dead_lettered", "expired"})


@dataclass(frozen=True)
class Event:
    number: int
    name: str
    text: str = ""

    @property
    def final(self) -> bool:
        return self.name in ENDS


@dataclass(eq=False)
class JobEvents:
    events: list[Event] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    def add(self, name: str, text: str = "") -> None:
        self.events.append(Event(len(self.events) + 1, name, text))
        self.more.set()
        self.more = asyncio.Event()

    @property
    def state(self) -> Event:
        return self.events[-1] if self.events else Event(0, "queued")

    async def after(self, number: int) -> AsyncIterator[Event]:
        while True:
            more = self.more
            for event in self.events[number:]:
                yield event
                number = event.number
                if event.final:
                    return
            await more.wait()
