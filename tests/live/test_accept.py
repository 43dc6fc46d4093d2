"""What callers may ask of a job as soon as they hold its 202, before a task has published anything of it, and what no caller can ask."""

import asyncio
from pathlib import Path
from typing import Any, cast

import aiohttp

from simulator.live.system.accept import Accept
from simulator.live.system.callers import EventDrivenCaller
from simulator.live.system.http import authorization, client_session
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.live.system.outcomes import Outcomes
from tests.live.fakes_clients import TOKEN, a_listener, a_plan, a_scenario, address_of, serving
from tests.live.fakes_requests import Request, bad_requests, statuses_of


class SilentQueues:
    def waiting(self) -> int:
        return 0

    def accept(self, job: int, called_s: float | None) -> None:
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


class FullQueues(SilentQueues):
    """Full at first."""

    def __init__(self) -> None:
        self.free = [5, 5, 0]
        self.called_s: list[float | None] = []

    def waiting(self) -> int:
        return self.free.pop(0)

    def accept(self, job: int, called_s: float | None) -> None:
        self.called_s.append(called_s)


def test_a_caller_whom_a_full_queue_refuses_calls_again_and_its_job_is_as_old_as_that_call(tmp_path: Path) -> None:
    given: dict[str, Any] = {"event_driven": {"max_queue": 5, "client_retries": 2, "client_backoff_s": 0.05}}
    scenario, queues = a_scenario(jobs=1, **given), FullQueues()

    async def run() -> None:
        listener = a_listener()
        plan, jobs = a_plan(tmp_path, scenario, service=address_of(listener))
        accept = Accept(plan, jobs, Journal(plan.journal("accept")), cast(Any, queues))
        async with serving(accept.app(), listener), client_session(plan.token) as session:
            outcomes = Outcomes(jobs, Journal(plan.journal("clients")))
            caller = EventDrivenCaller(plan, jobs, plan.clock(), session, outcomes)
            calling = asyncio.create_task(caller(0))
            while not queues.called_s:
                await asyncio.sleep(0.01)
            calling.cancel()

    asyncio.run(run())
    rows = Reader(tmp_path).more()
    assert rows["index"][rows["what"] == EventType.SENT].tolist() == [0, 1, 2]
    assert len(rows[rows["what"] == EventType.REFUSED]) == 2
    (called_s,) = queues.called_s
    assert called_s is not None and called_s >= 2 * 0.05
