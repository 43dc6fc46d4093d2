"""The synchronous service: its workers, its backlog, and the work that goes on for clients that have gone."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from numpy.typing import NDArray

from simulator.live.clock import RunClock
from simulator.live.journal import Journal, Reader, What
from simulator.live.provider import Reply
from simulator.live.synchronous.service import Service
from tests.live.fakes_clients import _now, a_plan, a_scenario, of, serving


class HeldProvider:
    """Answers when it is told to, and notes who is under way."""

    def __init__(self, *statuses: int) -> None:
        self.called: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.open, self._statuses, self.under_way, self.most = asyncio.Event(), list(statuses), 0, 0

    async def call(self, job: int, attempt: int) -> Reply:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.called.put_nowait((job, attempt))
        await self.open.wait()
        self.under_way -= 1
        return Reply(self._statuses.pop(0) if self._statuses else 200, "text")


class Handed:
    """Subscribers that take everything at once."""

    async def hand(self, job: int) -> None:
        """Handled."""


Play = Callable[[Callable[[int], Awaitable[int]], HeldProvider], Awaitable[None]]


def a_service_under(folder: Path, play: Play, *statuses: int, **given: Any) -> NDArray[np.void]:
    """`play` posts jobs with the function that it is given (it returns the status); what the service wrote down."""

    async def run() -> None:
        plan, jobs = a_plan(folder, a_scenario(**given), "synchronous")
        provider, subscribers = HeldProvider(*statuses), Handed()
        with Journal(plan.journal("service")) as journal:
            service: Any = Service(plan, jobs, journal)
            work = asyncio.create_task(service.work(RunClock(_now(), 1.0), provider, subscribers))
            async with serving(service.app(), notices_leavers=True) as address, aiohttp.ClientSession() as session:

                async def post(job: int) -> int:
                    async with session.post(f"{address}/jobs", json={"job": job, "call": 0}) as response:
                        return response.status

                await asyncio.wait_for(play(post, provider), 20)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    asyncio.run(run())
    return Reader(folder).more()


def test_a_full_backlog_refuses_and_an_idle_worker_is_a_place(tmp_path: Path) -> None:
    """Two workers and one place: the fourth is told 503 while three are served."""

    async def play(post: Any, provider: HeldProvider) -> None:
        first = [asyncio.create_task(post(job)) for job in (0, 1)]
        assert {(await provider.called.get())[0] for _ in range(2)} == {0, 1}
        two = [asyncio.create_task(post(job)) for job in (2, 3)]
        done, _ = await asyncio.wait(two, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [503]
        provider.open.set()
        assert sorted(await asyncio.gather(*first, *two)) == [200, 200, 200, 503]
        assert provider.most == 2

    rows = a_service_under(tmp_path, play, synchronous={"workers": 2, "backlog": 1})
    assert len(of(rows, What.ACCEPTED)) == 3
    assert len(of(rows, What.REFUSED)) == 1


def leaving(folder: Path, drops: bool) -> NDArray[np.void]:
    """One worker; job 0 holds it, job 1 stands in the backlog and its client goes; job 2 follows."""

    async def play(post: Any, provider: HeldProvider) -> None:
        first = asyncio.create_task(post(0))
        await provider.called.get()
        leaver = asyncio.create_task(post(1))
        while len(of(Reader(folder).more(), What.ACCEPTED)) < 2:
            await asyncio.sleep(0.005)
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert list(await asyncio.gather(later(post, provider), first)) == [200, 200]

    async def later(post: Any, provider: HeldProvider) -> int:
        last = asyncio.create_task(post(2))
        while len(of(Reader(folder).more(), What.ACCEPTED)) < 3:
            await asyncio.sleep(0.005)
        provider.open.set()
        return int(await last)

    return a_service_under(folder, play, synchronous={"workers": 1, "drops_abandoned": drops})


def test_work_for_a_client_that_has_gone_is_done_all_the_same(tmp_path: Path) -> None:
    rows = leaving(tmp_path, drops=False)
    assert list(of(rows, What.STARTED)["job"]) == [0, 1, 2]
    assert list(of(rows, What.COMPUTED)["job"]) == [0, 1, 2]
    assert list(of(rows, What.ABANDONED)["value"]) == [0.0]


def test_a_service_that_drops_abandoned_work_does_not_begin_it(tmp_path: Path) -> None:
    rows = leaving(tmp_path, drops=True)
    assert list(of(rows, What.STARTED)["job"]) == [0, 2]
    assert list(of(rows, What.ABANDONED)["value"]) == [1.0]


def test_a_failed_attempt_is_tried_again_in_line_and_holds_its_worker(tmp_path: Path) -> None:
    """One worker, two jobs: the second begins only when the first has had its pauses and its last attempt."""

    async def play(post: Any, provider: HeldProvider) -> None:
        provider.open.set()
        assert list(await asyncio.gather(post(0), post(1))) == [200, 500]

    retries = {"max": 2, "base_s": 0.02, "jitter": "none"}
    rows = a_service_under(tmp_path, play, 500, 429, 200, 500, 500, 500, synchronous={"workers": 1}, retries=retries)
    assert list(of(rows, What.ANSWERED)["value"]) == [500, 429, 200, 500, 500, 500]
    assert list(of(rows, What.BACKED_OFF)["value"]) == [0.02, 0.04, 0.02, 0.04]
    assert of(rows, What.STARTED, 1)["at_ns"][0] >= of(rows, What.FREED, 0)["at_ns"][0]


def test_the_providers_concurrency_is_kept_first_come_first_served(tmp_path: Path) -> None:
    """Four workers at a provider that takes one call at a time."""

    async def play(post: Any, provider: HeldProvider) -> None:
        posts = []
        for job in range(4):
            posts.append(asyncio.create_task(post(job)))
            while len(of(Reader(tmp_path).more(), What.STARTED)) <= job:
                await asyncio.sleep(0.005)
        provider.open.set()
        assert await asyncio.gather(*posts) == [200] * 4
        assert provider.most == 1

    rows = a_service_under(tmp_path, play, synchronous={"workers": 4}, provider={"max_concurrency": 1})
    assert list(of(rows, What.CALLED)["job"]) == [0, 1, 2, 3]
    assert list(of(rows, What.WAITED_FOR_PROVIDER)["job"]) == [1, 2, 3]
