"""What callers may ask of a job as soon as they hold its 202, before the broker's event stream has told of it."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from simulator.live.system.clock import RunClock
from simulator.live.system.event_driven.accept import Accept
from simulator.live.system.journal import Journal
from tests.live.fakes_clients import a_plan, a_scenario, serving


class SilentDesk:
    """A broker's desk that takes everything in, and whose stream is late."""

    def waiting(self) -> int:
        return 0

    def tell(self, job: int, event: str, text: str = "") -> None:
        """Nobody hears it yet."""

    def enqueue(self, job: int, attempt: int) -> None:
        """It stands in its queue."""


def ask_at_once(folder: Path, *paths: str) -> list[tuple[int, str]]:
    """The statuses and states of GETs right after job 0 was accepted."""
    plan, jobs = a_plan(folder, a_scenario())

    async def run() -> list[tuple[int, str]]:
        desk: Any = SilentDesk()
        with Journal(plan.journal("accept")) as journal:
            accept = Accept(plan, jobs, RunClock(0, 1.0), journal, desk)
            async with serving(accept.app()) as address, aiohttp.ClientSession() as session:
                async with session.post(f"{address}/jobs", json={"job": 0, "call": 0}) as response:
                    assert response.status == 202
                told = []
                for path in paths:
                    async with session.get(address + path) as response:
                        is_json = response.content_type == "application/json"
                        told.append((response.status, (await response.json())["state"] if is_json else ""))
                return told

    return asyncio.run(run())


def test_a_job_that_is_accepted_is_known_at_once(tmp_path: Path) -> None:
    assert ask_at_once(tmp_path, "/jobs/0", "/jobs/1") == [(202, "queued"), (404, "")]


def test_its_event_stream_is_there_at_once(tmp_path: Path) -> None:
    assert ask_at_once(tmp_path, "/jobs/0/events") == [(200, "")]
