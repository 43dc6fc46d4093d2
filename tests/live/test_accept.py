"""What callers may ask of a job as soon as they hold its 202, before a task has published anything of it, and what no caller can ask."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from simulator.live.system.event_driven.accept import Accept
from simulator.live.system.http import authorization
from simulator.live.system.journal import Journal, Reader
from tests.live.fakes_clients import TOKEN, a_plan, a_scenario, serving


class SilentQueues:
    """Queues that take every job, and whose tasks publish nothing yet."""

    def waiting(self) -> int:
        return 0

    def enqueue(self, job: int) -> None:
        """It is in its queue."""


def ask_at_once(folder: Path, *paths: str) -> list[tuple[int, str]]:
    """The statuses and states of GETs right after job 0 was accepted."""
    plan, jobs = a_plan(folder, a_scenario())

    async def run() -> list[tuple[int, str]]:
        queues: Any = SilentQueues()
        with Journal(plan.journal("accept")) as journal:
            accept = Accept(plan, jobs, journal, queues)
            async with serving(accept.app()) as address, aiohttp.ClientSession(headers=authorization(TOKEN)) as session:
                async with session.post(f"{address}/jobs", json={"job": 0, "call": 0}) as response:
                    assert response.status == 202
                told = []
                for path in paths:
                    async with session.get(address + path) as response:
                        is_json = response.content_type == "application/json"
                        told.append((response.status, (await response.json()).get("state", "") if is_json else ""))
                return told

    return asyncio.run(run())


def test_a_job_that_is_accepted_is_known_at_once(tmp_path: Path) -> None:
    assert ask_at_once(tmp_path, "/jobs/0", "/jobs/1") == [(202, "queued"), (404, "")]


def test_its_event_stream_is_there_at_once(tmp_path: Path) -> None:
    assert ask_at_once(tmp_path, "/jobs/0/events") == [(200, "")]


def test_a_job_that_there_is_not_or_was_accepted_before_is_refused_and_not_journalled(tmp_path: Path) -> None:
    plan, jobs = a_plan(tmp_path, a_scenario())

    async def statuses() -> list[int]:
        queues: Any = SilentQueues()
        with Journal(plan.journal("accept")) as journal:
            accept = Accept(plan, jobs, journal, queues)
            async with serving(accept.app()) as address, aiohttp.ClientSession() as session:
                found = []
                for headers, body in (
                    ({}, '{"job": 0}'),
                    (authorization("wrong"), '{"job": 0}'),
                    *((authorization(TOKEN), body) for body in BODIES),
                    (authorization(TOKEN), '{"job": 0}'),
                    (authorization(TOKEN), '{"job": 0}'),
                ):
                    async with session.post(f"{address}/jobs", data=body, headers=headers) as response:
                        found.append(response.status)
                return found

    assert asyncio.run(statuses()) == [401, 401, 404, 404, 400, 400, 400, 400, 400, 400, 202, 409]
    assert set(Reader(tmp_path).more()["job"]) == {0}


BODIES = ('{"job": 999999}', '{"job": -1}', '{"job": "0"}', '{"job": true}', "{}", "[0]", "job", "")
