"""An OpenAI-compatible server of somebody else's."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.live.fakes_clients import a_listener, address_of, serving

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
}


@dataclass
class StandIn:
    """A server that speaks the protocol, and remembers who asked for what; every `fails`-th call it repeats the key in an error."""

    fails: int = 0
    lasts_s: float = 0.02
    refuses_with: int = 500
    keys: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def complete(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        body = await request.json()
        self.bodies.append(body)
        await asyncio.sleep(self.lasts_s)
        if self.fails and len(self.keys) % self.fails == 0:
            words = f"Key {self.keys[-1]} has failed us, {self.keys[-1][7:20]}…"
            return web.json_response(
                {"error": {"message": words, "type": words, "param": None, "code": words}}, status=self.refuses_with
            )
        usage = {"prompt_tokens": 300, "completion_tokens": 7, "total_tokens": 307}
        return web.json_response(ANSWER | {"model": body["model"], "usage": usage})

    @contextmanager
    def serving(self) -> Iterator["StandIn"]:
        """In a thread of its own, on a free port."""
        listener, ends, ready = a_listener(), asyncio.Event(), threading.Event()
        loop = asyncio.new_event_loop()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.complete)

        async def run() -> None:
            async with serving(app, listener, notices_leavers=True):
                ready.set()
                await ends.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
        thread.start()
        try:
            assert ready.wait(10)
            self.url = f"{address_of(listener)}/v1"
            yield self
        finally:
            loop.call_soon_threadsafe(ends.set)
            thread.join(10)
            loop.close()
