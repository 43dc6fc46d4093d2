"""The callers of both designs: each calls the service for its jobs, and learns the results."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from math import ceil, isfinite
from typing import Any, assert_never

import aiohttp

from simulator.deliveries import Delivery, PollingDelivery, PushDelivery
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import LAST_EVENT_ID, NO_ANSWER
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import LARGEST_INDEX, EventType
from simulator.live.system.outcomes import Outcomes

JSON = {"Content-Type": "application/json"}


class Caller:
    def __init__(
        self, config: ProcessConfig, jobs: Jobs, clock: RunClock, session: aiohttp.ClientSession, outcomes: Outcomes
    ) -> None:
        self._url = f"{config.service}/jobs"
        self._jobs, self._clock, self._session = jobs, clock, session
        self._outcomes, self._journal = outcomes, outcomes.journal
        self._retries, self._backoff_s = jobs.client_retries, clock.real_s(jobs.client_backoff_s)

    async def __call__(self, job: int) -> None:
        raise NotImplementedError

    async def _post(self, job: int, call: int = 0) -> int:
        try:
            body = b'{"job": %d, "call": %d}' % (job, call)
            async with self._session.post(self._url, data=body, headers=JSON) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError as error:
            print(f"job {job}, call {call}: {error!r}", file=sys.stderr)
            return NO_ANSWER


class SynchronousCaller(Caller):
    """Semantics are the kernel's: patience from each call's sending, the same backoff before each call."""

    def __init__(self, config: ProcessConfig, *given: Any) -> None:
        super().__init__(config, *given)
        design, real_s = config.scenario.synchronous, self._clock.real_s
        self._syns_s = tuple(map(real_s, design.syns_s)) if design.overflow == "drop" else None
        self._patience_s = real_s(self._jobs.patience_s) if isfinite(self._jobs.patience_s) else None

    async def __call__(self, job: int) -> None:
        for call in range(self._retries + 1):
            if call > 0:
                await asyncio.sleep(self._backoff_s)
            self._journal.write(EventType.SENT, job, call)
            last = call == self._retries
            try:
                async with asyncio.timeout(self._patience_s):
                    status = await self._call(job, call)
            except TimeoutError:
                if not last:
                    self._journal.write(EventType.TIMED_OUT, job, call)
                    continue
                self._outcomes.settle(job, EventType.TIMED_OUT, call, 1)
                return
            if status == HTTPStatus.OK:
                self._outcomes.settle(job, EventType.IN_HAND, call)
                return
            if last:
                self._outcomes.settle(
                    job,
                    EventType.CLIENT_REFUSED if status == HTTPStatus.SERVICE_UNAVAILABLE else EventType.CLIENT_FAILED,
                    call,
                )

    async def _call(self, job: int, call: int) -> int:
        """The status of the answer.

        Raises:
            TimeoutError: the connection has failed; a full backlog dropped each of its SYNs.
        """
        first = time.monotonic()
        status = await self._post(job, call)
        if self._syns_s is None:
            return status
        *syns_s, fails_s = self._syns_s
        for after_s in syns_s:
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                return status
            await asyncio.sleep(first + after_s - time.monotonic())
            status = await self._post(job, call)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            await asyncio.sleep(first + fails_s - time.monotonic())
            raise TimeoutError
        return status


DONE_EVENT = "done"
FAILURE_EVENTS = ("failed", "dead_lettered", "expired")
LEAST_PAUSE_S = 0.05
"""Real seconds before a lost connection is made again, at least."""
LONGEST_EVENT = 2**20

NamedEvent = tuple[str, str]
Connect = Callable[[int, int, str], AsyncIterator[NamedEvent]]
"""Arguments: the job, the number of its connection, the id of the last event seen."""


class EventDrivenCaller(Caller):
    def __init__(self, config: ProcessConfig, *given: Any) -> None:
        super().__init__(config, *given)
        delivery = config.scenario.event_driven.delivery
        self._interval_s = delivery.interval_s if isinstance(delivery, PollingDelivery) else 0.0
        pause_s = delivery.reconnect_s if isinstance(delivery, PushDelivery) else 0.0
        self._pause_s = max(LEAST_PAUSE_S, self._clock.real_s(pause_s))
        self._wait = self._wait_of(delivery)

    def _wait_of(self, delivery: Delivery) -> Callable[[int], Awaitable[None]] | None:
        match delivery.method:
            case "polling":
                return self._poll if self._interval_s > 0 else self._follow_stream
            case "sse":
                return self._follow_stream
            case "websocket":
                return self._follow_socket
            case "webhook" | "none":
                return None
            case _:
                assert_never(delivery.method)

    async def __call__(self, job: int) -> None:
        for call in range(self._retries + 1):
            self._journal.write(EventType.SENT, job, call)
            status = await self._post(job, call)
            if status != HTTPStatus.SERVICE_UNAVAILABLE or call == self._retries:
                break
            await asyncio.sleep(self._backoff_s)
        if status != HTTPStatus.ACCEPTED:
            self._outcomes.settle(
                job, EventType.CLIENT_REFUSED if status == HTTPStatus.SERVICE_UNAVAILABLE else EventType.CLIENT_FAILED
            )
        elif self._wait is not None:
            await self._wait(job)

    async def _poll(self, job: int) -> None:
        """At the job's phase, then at every interval, as in the kernel; a poll that takes longer skips those that it overlaps."""
        first_s = self._clock.now_s() + self._interval_s * float(self._jobs.phase_u[job])
        place = calls = 0
        while True:
            await asyncio.sleep(max(0.0, self._clock.real_until_s(first_s + place * self._interval_s)))
            status, state = await self._get_state(job)
            self._journal.write(EventType.DELIVERY_CALL, job, min(calls, LARGEST_INDEX), status)
            if status == HTTPStatus.OK:
                self._settle(job, state)
                return
            calls += 1
            place = max(place + 1, ceil((self._clock.now_s() - first_s) / self._interval_s))

    async def _get_state(self, job: int) -> tuple[int, str]:
        try:
            async with self._session.get(f"{self._url}/{job}") as response:
                return response.status, (await response.json())["state"]
        except aiohttp.ClientError as error:
            print(f"job {job}, poll: {error!r}", file=sys.stderr)
            return NO_ANSWER, ""

    def _settle(self, job: int, state: str) -> None:
        self._outcomes.settle(job, EventType.IN_HAND if state == DONE_EVENT else EventType.CLIENT_FAILED)

    async def _follow_stream(self, job: int) -> None:
        await self._follow(job, self._read_stream)

    async def _follow_socket(self, job: int) -> None:
        await self._follow(job, self._read_socket)

    async def _follow(self, job: int, connect: Connect) -> None:
        """One connection a job, as a browser's tab has it, resumed after the last event that was seen."""
        last, calls = "", 0
        while True:
            try:
                async for number, name in connect(job, calls, last):
                    last = number or last
                    if name == DONE_EVENT or name in FAILURE_EVENTS:
                        self._settle(job, name)
                        return
            except aiohttp.ClientError as error:
                print(f"job {job}, connection {calls}: {error!r}", file=sys.stderr)
            calls += 1
            await asyncio.sleep(self._pause_s)

    async def _read_stream(self, job: int, call: int, last: str) -> AsyncIterator[NamedEvent]:
        headers = {"Accept": "text/event-stream"} | ({LAST_EVENT_ID: last} if last else {})
        url = f"{self._url}/{job}/events"
        async with self._session.get(url, headers=headers, read_bufsize=LONGEST_EVENT) as response:
            self._journal.write(EventType.DELIVERY_CALL, job, call, response.status)
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

    async def _read_socket(self, job: int, call: int, last: str) -> AsyncIterator[NamedEvent]:
        headers = {LAST_EVENT_ID: last} if last else {}
        async with self._session.ws_connect(f"{self._url}/{job}/socket", headers=headers) as socket:
            self._journal.write(EventType.DELIVERY_CALL, job, call, HTTPStatus.SWITCHING_PROTOCOLS)
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    event = json.loads(message.data)
                    yield str(event.get("id", "")), event["event"]
