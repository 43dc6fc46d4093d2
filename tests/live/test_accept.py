"""What callers may ask of a job as soon as they hold its 202, before a task has published anything of it, and what no caller can ask."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from simulator.live.system.accept import Accept
from simulator.live.system.http import authorization
from simulator.live.system.journal import EventType, Journal, Reader
from tests.live.fakes_clients import TOKEN, a_plan, a_scenario, serving
from tests.live.fakes_requests import Request, bad_requests, statuses_of


class SilentQueues:
    def waiting(self) -> int:
        return 0

    def enqueue(self, job: int) -> None:
        pass


def ask_at_once(folder: Path, *paths: str) -> list[tuple[int, str]]:
    plan, jobs = a_plan(folder, a_scenario())

    async def run() -> list[tuple[int, str]]:
        queues: Any = SilentQueues()
        with Journal(plan.journal("accept")) as journal:
            accept = Accept(plan, jobs, journal, queues)
            async with serving(accept.app()) as address, aiohttp.ClientSession(headers=authorization(TOKEN)) as session:
                async with session.post(f"{address}/jobs", json={"job": 0, "call": 0}) as response:
                    assert response.status == 202
                answers = []
                for path in paths:
                    async with session.get(address + path) as response:
                        is_json = response.content_type == "application/json"
                        answers.append((response.status, (await response.json()).get("state", "") if is_json else ""))
                return answers

    return asyncio.run(run())


def test_a_job_that_is_accepted_is_known_at_once(tmp_path: Path) -> None:
    assert ask_at_once(tmp_path, "/jobs/0", "/jobs/1") == [(202, "queued"), (404, "")]


def test_its_event_stream_is_there_at_once(tmp_path: Path) -> None:
    assert ask_at_once(tmp_path, "/jobs/0/events") == [(200, "")]


def test_no_request_harms_it_or_is_written_down_unless_it_is_a_job_of_the_run_for_the_first_time(
    tmp_path: Path,
) -> None:
    requests = bad_requests("/jobs", {"job": 0}, ["job"])
    job = Request("POST", "/jobs", b'{"job": 0}')

    async def statuses() -> list[int]:
        plan, jobs = a_plan(tmp_path, a_scenario())
        queues: Any = SilentQueues()
        with Journal(plan.journal("accept")) as journal:
            async with serving(Accept(plan, jobs, journal, queues).app()) as address:
                return await statuses_of(address, [*requests, job, job])

    *bad, first, second = asyncio.run(statuses())
    assert [pair for pair in zip(requests, bad, strict=True) if not 400 <= pair[1] < 500] == []
    assert (first, second) == (202, 409)
    assert list(Reader(tmp_path).more()["what"]) == [EventType.ACCEPTED, EventType.QUEUED]
