"""The provider's limits that all consumers share: a server that allows calls in turn, and the client of the consumers.

One connection a worker over a Unix socket, one line of JSON a message. A connection that closes while its call is under way (its worker was
killed) gives its permit back.
"""

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.process import ProcessContext
from simulator.live.system.rate_limiter import Circuit, Permit, RateLimiter


class RateLimitClient:
    """One worker's connection. Blocking."""

    def __init__(self, config: ProcessConfig) -> None:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(config.limits_socket))
        self._lines = connection.makefile("rwb")
        self.is_probe = False
        """Whether the call that was allowed last is the one that an open circuit allowed."""

    def enter(self, input_tokens: float, output_tokens: float, priority: int) -> bool:
        """Return when the call may be made; whether it had to wait. Raises ConnectionError if the server has ended."""
        self._send([input_tokens, output_tokens, priority])
        answer = self._lines.readline()
        if not answer:
            raise ConnectionError("the rate limit server of the run has ended")
        waited, self.is_probe = json.loads(answer)
        return bool(waited)

    def leave(self, *, failed: bool, providers_fault: bool | None) -> None:
        self._send([failed, providers_fault])

    def close(self) -> None:
        with suppress(OSError):
            self._lines.close()

    def _send(self, message: list[Any]) -> None:
        self._lines.write(json.dumps(message).encode() + b"\n")
        self._lines.flush()


class RateLimitServer:
    """One rate limiter for all connections."""

    def __init__(self, config: ProcessConfig, clock: RunClock) -> None:
        breaker = config.scenario.event_driven.breaker
        self._limiter = RateLimiter(config.scenario.provider, clock, None if breaker is None else Circuit(breaker))
        self._failed_calls_count = config.scenario.provider.failed_calls_count

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while asked := await reader.readline():
                input_tokens, output_tokens, priority = json.loads(asked)
                permit = await self._wait(reader, input_tokens, output_tokens, priority)
                if permit is None:
                    return
                writer.write(json.dumps([permit.waited, permit.probe]).encode() + b"\n")
                ended = await reader.readline()
                failed, providers_fault = json.loads(ended) if ended else (True, None)
                gives_back = failed and not self._failed_calls_count
                self._limiter.leave(permit, gives_back=gives_back, providers_fault=providers_fault)
        finally:
            writer.close()

    async def _wait(self, reader: asyncio.StreamReader, *asked: Any) -> Permit | None:
        """The permit; None if the worker's connection closes before."""
        entering = asyncio.ensure_future(self._limiter.enter(asked[0], asked[1], priority=asked[2]))
        closing = asyncio.ensure_future(reader.read(1))  # a worker in line sends nothing: only the end can come
        await asyncio.wait({entering, closing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (entering, closing):
            task.cancel()
        granted, _ = await asyncio.gather(entering, closing, return_exceptions=True)
        return granted if isinstance(granted, Permit) else None


async def run_rate_limiter(context: ProcessContext) -> None:
    context.ready()
    server = RateLimitServer(context.config, await context.started())
    async with await asyncio.start_unix_server(server.serve, context.config.limits_socket) as serving:
        await serving.serve_forever()
