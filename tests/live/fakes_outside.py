"""An external OpenAI-compatible server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.live.fakes_clients import in_a_thread

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
}


@dataclass
class StandIn:
    """Keeps the keys and bodies of its calls; every `fails`-th call gets an error that repeats the key."""

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
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.complete)
        with in_a_thread(lambda: app) as address:
            self.url = f"{address}/v1"
            yield self
