"""The pacer that all consumers share: who is about to call the provider asks it, and goes when it says so, in the order in which they asked.

Its line, the calls that it has let through and the state of its gate lie in the broker: another pacer goes on where this one was killed. What
this one had heard of a call's end and not yet written down is lost then: the quota that a failed call would have given back, and a failure
that the circuit breaker would have counted.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven.desk import CALLING, GATE, GO, WAITING, Desk
from simulator.live.system.rate_limiter import Circuit, Permit, RateLimiter

GO_FOR_MS = 60_000


class Pacer:
    """One gate, and everybody who stands before it or has passed it."""

    def __init__(self, plan: ProcessConfig, desk: Desk, clock: RunClock) -> None:
        self._failed_calls_count = plan.scenario.provider.failed_calls_count
        circuit = Circuit() if plan.scenario.event_driven.circuit_breaker else None
        self._desk, self._gate = desk, RateLimiter(plan.scenario.provider, clock, circuit)
        self._line: dict[str, asyncio.Task[None]] = {}
        """By what was asked: calls that wait."""

    def go_on(self, state: bytes | None, calling: Iterable[bytes], ended: Iterable[list[Any]]) -> None:
        """Where another pacer has been: with its gate's state, the calls under way, and those that have ended and it has not heard of."""
        ended = list(ended)
        under_way = [Permit(*json.loads(told)[1]) for told in calling] + [Permit(*message[1]) for message in ended]
        if state is not None:
            self._gate.resume(json.loads(state), len(under_way), probing=any(call.probe for call in under_way))

    def enter(self, message: list[Any], group: asyncio.TaskGroup) -> None:
        """A call asks: "enter", its ticket, its tokens in and out, and its process."""
        ask = json.dumps(message)
        self._line[ask] = group.create_task(self._let_through(ask, *message[1:]))

    async def _let_through(self, ask: str, ticket: str, tokens_in: float, tokens_out: float, process: str) -> None:
        passed = await self._gate.enter(tokens_in, tokens_out)
        del self._line[ask]
        step = self._desk.step()
        step.zrem(WAITING, ask)
        step.hset(CALLING, ticket, json.dumps([process, astuple(passed)]))
        step.set(GATE, json.dumps(self._gate.state()))
        step.rpush(GO + ticket, json.dumps(astuple(passed)))
        step.pexpire(GO + ticket, GO_FOR_MS)
        self._desk.move(step)

    def leave(self, call: Permit, *, failed: bool, providers_fault: bool | None) -> None:
        """A call is done; `providers_fault` as the gate has it."""
        gives_back = failed and not self._failed_calls_count
        self._gate.leave(call, gives_back=gives_back, providers_fault=providers_fault)
        self._desk.connection.set(GATE, json.dumps(self._gate.state()))

    def processes(self) -> set[str]:
        """Of all calls, waiting or let through."""
        return {process for _, process, _ in self._calls()} | {process for _, process in self._asks()}

    def forget(self, dead: set[str]) -> None:
        """Free what dead processes have at the provider, nobody knowing how those calls went, and their places in the line."""
        for ticket, process, passed in self._calls():
            if process in dead:
                step = self._desk.step()
                step.hdel(CALLING, ticket)
                if self._desk.move(step):
                    self.leave(Permit(*passed), failed=True, providers_fault=None)
        for ask, process in self._asks():
            if process in dead:
                if ask in self._line:
                    self._line.pop(ask).cancel()
                self._desk.connection.zrem(WAITING, ask)

    def _calls(self) -> list[tuple[bytes, str, list[Any]]]:
        return [(ticket, *json.loads(told)) for ticket, told in self._desk.connection.hgetall(CALLING).items()]

    def _asks(self) -> list[tuple[str, str]]:
        return [(ask.decode(), json.loads(ask)[-1]) for ask in self._desk.connection.zrange(WAITING, 0, -1)]
