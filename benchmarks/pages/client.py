"""Requests at a fixed rate over connections that stay open.

Requests come at random, as independent people send them (a Poisson process), however long answers take. Waits count from the instant at which
a request was due, so that one that had to wait to be sent is counted as waiting.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import cast

PATIENCE_S = 10.0
"""How long the last answers may take after the last request."""
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Request:
    kind: str
    path: str
    headers: Mapping[str, str]
    method: str = "GET"

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
        length = ["Content-Length: 0"] if self.method == "POST" else []
        return "\r\n".join([*lines, *length, "", ""]).encode()


@dataclass
class Answers:
    waits_s: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    """By status, or what went wrong."""

    def percentile_ms(self, percent: float) -> float:
        """Of those that failed as well; 0 without any."""
        ordered = sorted(self.waits_s)
        return 1000 * ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))] if ordered else 0.0

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._received = bytearray()
        self._whole_bytes: int | None = None
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.is_open = cast("asyncio.Transport", transport), True

    def connection_lost(self, reason: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(reason or ConnectionResetError("closed before the answer"))

    async def ask(self, request: bytes) -> int:
        """The status. Raises OSError."""
        self._answer = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._whole_bytes = None
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._whole_bytes is None:
            head = self._received.find(HEAD_END)
            if head < 0:
                return
            length = LENGTH.search(self._received, 0, head)
            self._whole_bytes = head + len(HEAD_END) + (int(length[1]) if length else 0)
        if len(self._received) >= self._whole_bytes and self._answer is not None and not self._answer.done():
            status = STATUS.match(self._received)
            self._answer.set_result(int(status[1]) if status else 0)

    def close(self) -> None:
        self._transport.close()


class LoadClient:
    """As many connections as requests are under way."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._free: list[Connection] = []

    async def _ask(self, request: bytes) -> int:
        while self._free and not self._free[-1].is_open:
            self._free.pop()
        if self._free:
            try:
                return await self._ask_over(self._free.pop(), request)
            except ConnectionError:
                pass  # the server closed it when it had been idle: a browser asks again as well
        _, connection = await asyncio.get_running_loop().create_connection(Connection, self.host, self.port)
        return await self._ask_over(connection, request)

    async def _ask_over(self, connection: Connection, request: bytes) -> int:
        status = await connection.ask(request)
        self._free.append(connection)
        return status

    async def _measure(self, request: Request, due: float, answers: Answers) -> None:
        try:
            status = await self._ask(request.encode())
        except OSError as error:
            failure = type(error).__name__
        else:
            failure = "" if 200 <= status < 300 else str(status)
        answers.waits_s.append(perf_counter() - due)
        if failure:
            answers.failures[failure] = answers.failures.get(failure, 0) + 1

    async def send_at_rate(
        self, choose: Callable[[], Request], rate_per_s: float, seconds: float, random: Random
    ) -> dict[str, Answers]:
        """Answers by kind of request; those that have not come are failures."""
        by_kind: dict[str, Answers] = {}
        tasks: dict[asyncio.Task[None], tuple[str, float]] = {}
        begun = perf_counter()
        due = begun + random.expovariate(rate_per_s)
        while due < begun + seconds:
            if (pause := due - perf_counter()) > 0:
                await asyncio.sleep(pause)
            request = choose()
            answers = by_kind.setdefault(request.kind, Answers())
            task = asyncio.create_task(self._measure(request, due, answers))
            tasks[task] = (request.kind, due)
            task.add_done_callback(lambda done: tasks.pop(done, None))
            due += random.expovariate(rate_per_s)
        if tasks:
            await asyncio.wait(list(tasks), timeout=PATIENCE_S)
        for task, (kind, sent) in list(tasks.items()):
            task.cancel()
            by_kind[kind].waits_s.append(perf_counter() - sent)
            by_kind[kind].failures["no answer"] = by_kind[kind].failures.get("no answer", 0) + 1
        return by_kind

    async def poll(self, requests: Sequence[Request], every_s: float, seconds: float, random: Random) -> Answers:
        """Each request again and again, that long after its last answer, as pages do; the first ones spread over one turn."""
        answers, end = Answers(), perf_counter() + seconds

        async def viewer(request: Request) -> None:
            due = perf_counter() + random.uniform(0, every_s)
            while due < end:
                await asyncio.sleep(due - perf_counter())
                await self._measure(request, due, answers)
                due = perf_counter() + every_s

        await asyncio.gather(*map(viewer, requests))
        return answers

    async def ask_each(self, requests: Sequence[Request]) -> Answers:
        """One after the other."""
        answers = Answers()
        for request in requests:
            await self._measure(request, perf_counter(), answers)
        return answers

    def close(self) -> None:
        for connection in self._free:
            connection.close()
