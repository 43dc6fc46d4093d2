"""Callers that keep a connection open for their job's events: server-sent events or a WebSocket, resumed after the last event that was seen."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable

import aiohttp

from simulator.live.system.clients.ends import Outcomes
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.journal import Journal, What
from simulator.scenario import PushDelivery

GONE, SWITCHED = 0, 101
DONE = "done"
FAILED = ("failed", "dead_lettered", "expired")
LAST_EVENT_ID = "Last-Event-ID"
SOONEST_S = 0.05
"""Real seconds before a connection that was lost is made again, at the least."""
LONGEST_LINE = 2**20

Event = tuple[str, str]
"""Its id, and its name."""
Connect = Callable[[int, int, str], AsyncIterator[Event]]
"""Of a job, its connection's number, and the id of the last event seen."""


class Streams:
    """One connection a job, as a browser's tab would have it."""

    def __init__(
        self, plan: ProcessConfig, clock: RunClock, session: aiohttp.ClientSession, journal: Journal, ends: Outcomes
    ) -> None:
        self._url = f"{plan.service}/jobs"
        self._session, self._journal, self._ends = session, journal, ends
        delivery = plan.scenario.event_driven.delivery
        pause_s = delivery.reconnect_s if isinstance(delivery, PushDelivery) else 0.0
        self._pause_s = max(SOONEST_S, clock.real_s(pause_s))

    async def events(self, job: int) -> None:
        """Follow the job's event stream to its end."""
        await self._follow(job, self._event_stream)

    async def socket(self, job: int) -> None:
        """Follow the job's WebSocket to its end."""
        await self._follow(job, self._messages)

    async def _follow(self, job: int, connect: Connect) -> None:
        last, calls = "", 0
        while True:
            try:
                async for number, name in connect(job, calls, last):
                    last = number or last
                    if name == DONE or name in FAILED:
                        self._ends.settle(job, What.IN_HAND if name == DONE else What.TOLD_FAILED)
                        return
            except aiohttp.ClientError as error:
                print(f"job {job}, connection {calls}: {error!r}", file=sys.stderr)
            calls += 1
            await asyncio.sleep(self._pause_s)

    async def _event_stream(self, job: int, call: int, last: str) -> AsyncIterator[Event]:
        headers = {"Accept": "text/event-stream"} | ({LAST_EVENT_ID: last} if last else {})
        async with self._session.get(
            f"{self._url}/{job}/events", headers=headers, read_bufsize=LONGEST_LINE
        ) as response:
            self._journal.write(What.DELIVERY_CALL, job, call, response.status)
            response.raise_for_status()
            number, name = "", "message"
            async for raw in response.content:
                line = raw.decode().rstrip("\r\n")
                field, _, value = line.partition(":")
                if not line:
                    yield number, name
                    name = "message"
                elif field == "id":
                    number = value.removeprefix(" ")
                elif field == "event":
                    name = value.removeprefix(" ")

    async def _messages(self, job: int, call: int, last: str) -> AsyncIterator[Event]:
        headers = {LAST_EVENT_ID: last} if last else {}
        async with self._session.ws_connect(f"{self._url}/{job}/socket", headers=headers) as socket:
            self._journal.write(What.DELIVERY_CALL, job, call, SWITCHED)
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    told = json.loads(message.data)
                    yield str(told.get("id", "")), told["event"]
