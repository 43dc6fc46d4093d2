"""The synchronous service: its workers, its backlog, and the work that goes on for clients that have gone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from aiohttp import web
from numpy.typing import NDArray

from simulator.live.run.design_run import DesignSetup, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.folders import run_folder
from simulator.live.system.clock import RunClock
from simulator.live.system.http import client_session
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.live.system.provider_client import Reply
from simulator.live.system.synchronous_service import SubscriberCalls, SynchronousService
from tests.live.fakes_clients import _now, a_plan, a_scenario, of, serving
from tests.live.fakes_requests import Request, bad_requests, statuses_of


class HeldProvider:
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
    async def hand(self, job: int, call: int) -> bool:
        return True


Play = Callable[[Callable[[int], Awaitable[int]], HeldProvider], Awaitable[None]]


def a_service_under(folder: Path, play: Play, *statuses: int, hands_to: Any = None, **given: Any) -> NDArray[np.void]:
    """`play` posts jobs with the function that it is given (it returns the status); what the service wrote down."""

    async def run() -> None:
        plan, jobs = a_plan(folder, a_scenario(**given), "synchronous")
        provider = HeldProvider(*statuses)
        with Journal(plan.journal("service")) as journal:
            service: Any = SynchronousService(plan, jobs, journal)
            work = asyncio.create_task(service.work(RunClock(_now(), 1.0), provider, hands_to or Handed()))
            async with serving(service.app(), notices_leavers=True) as address, client_session(plan.token) as session:

                async def post(job: int) -> int:
                    async with session.post(f"{address}/jobs", json={"job": job, "call": 0}) as response:
                        return response.status

                await asyncio.wait_for(play(post, provider), 60)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    asyncio.run(run())
    return Reader(folder).more()


def test_a_full_backlog_refuses_and_an_idle_worker_is_a_place(tmp_path: Path) -> None:
    """Two workers and one place: the fourth gets 503 while three are served."""

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
    assert len(of(rows, EventType.ACCEPTED)) == 3
    assert len(of(rows, EventType.REFUSED)) == 1


def test_calls_that_come_at_once_to_idle_workers_do_not_stand_in_the_backlog(tmp_path: Path) -> None:
    """The loop is held until all three are there to be read; that many workers are idle."""

    async def play(post: Any, provider: HeldProvider) -> None:
        provider.open.set()
        await asyncio.gather(*(post(job) for job in range(3)))  # their connections stay open
        three = [asyncio.create_task(post(job)) for job in (3, 4, 5)]
        for _ in range(5):
            await asyncio.sleep(0)
        time.sleep(0.02)  # this is what a busy machine does
        await asyncio.gather(*three)

    rows = a_service_under(tmp_path, play, synchronous={"workers": 3, "backlog": 5})
    rows = rows[(rows["job"] >= 3)]
    standing = np.cumsum(np.select([rows["what"] == EventType.ACCEPTED, rows["what"] == EventType.STARTED], [1, -1]))
    assert standing.max() == 1


def test_no_request_harms_it_or_is_written_down_unless_it_is_a_call(tmp_path: Path) -> None:
    requests = bad_requests("/jobs", {"job": 0, "call": 0}, ["job", "call"])

    async def run() -> list[int]:
        plan, jobs = a_plan(tmp_path, a_scenario(synchronous={"client_retries": 1}), "synchronous")
        provider = HeldProvider()
        provider.open.set()
        with Journal(plan.journal("service")) as journal:
            service: Any = SynchronousService(plan, jobs, journal)
            work = asyncio.create_task(service.work(RunClock(_now(), 1.0), provider, Handed()))
            async with serving(service.app(), notices_leavers=True) as address:
                statuses = await statuses_of(address, requests)
                assert not len(Reader(tmp_path).more())
                calls = [Request("POST", "/jobs", b'{"job": 0, "call": %d}' % call) for call in (0, 1, 1, 0, 2)]
                assert await statuses_of(address, calls) == [200, 200, 409, 409, 400]
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        return statuses

    statuses = asyncio.run(run())
    assert len(requests) > 50
    assert [
        (request, status) for request, status in zip(requests, statuses, strict=True) if not 400 <= status < 500
    ] == []
    assert list(of(Reader(tmp_path).more(), EventType.ACCEPTED)["index"]) == [0, 1]


@pytest.mark.parametrize(("overflow", "again"), [("refuse", 409), ("drop", 503)])
def test_a_call_that_was_refused_comes_again_only_as_the_syn_of_a_dropped_connection(
    tmp_path: Path, overflow: str, again: int
) -> None:
    async def play(post: Any, provider: HeldProvider) -> None:
        first = asyncio.create_task(post(0))
        await provider.called.get()
        assert [await post(1), await post(1)] == [503, again]
        provider.open.set()
        assert await first == 200

    a_service_under(tmp_path, play, synchronous={"workers": 1, "backlog": 0, "overflow": overflow})


def leaving(folder: Path, drops: bool) -> NDArray[np.void]:
    async def play(post: Any, provider: HeldProvider) -> None:
        first = asyncio.create_task(post(0))
        await provider.called.get()
        leaver = asyncio.create_task(post(1))
        while len(of(Reader(folder).more(), EventType.ACCEPTED)) < 2:
            await asyncio.sleep(0.005)
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert list(await asyncio.gather(later(post, provider), first)) == [200, 200]

    async def later(post: Any, provider: HeldProvider) -> int:
        last = asyncio.create_task(post(2))
        while len(of(Reader(folder).more(), EventType.ACCEPTED)) < 3:
            await asyncio.sleep(0.005)
        provider.open.set()
        return int(await last)

    return a_service_under(folder, play, synchronous={"workers": 1, "drops_abandoned": drops})


def test_work_for_a_client_that_has_gone_is_done_all_the_same(tmp_path: Path) -> None:
    rows = leaving(tmp_path, drops=False)
    assert list(of(rows, EventType.STARTED)["job"]) == [0, 1, 2]
    assert list(of(rows, EventType.COMPUTED)["job"]) == [0, 1, 2]
    assert list(of(rows, EventType.ABANDONED)["value"]) == [0.0]


def test_a_service_that_drops_abandoned_work_does_not_begin_it(tmp_path: Path) -> None:
    rows = leaving(tmp_path, drops=True)
    assert list(of(rows, EventType.STARTED)["job"]) == [0, 2]
    assert list(of(rows, EventType.ABANDONED)["value"]) == [1.0]


def test_a_failed_attempt_is_tried_again_in_line_and_holds_its_worker(tmp_path: Path) -> None:
    """One worker, two jobs: the second begins only when the first has had its pauses and its last attempt."""

    async def play(post: Any, provider: HeldProvider) -> None:
        provider.open.set()
        assert list(await asyncio.gather(post(0), post(1))) == [200, 500]

    retries = {"max": 2, "base_s": 0.02, "jitter": "none"}
    rows = a_service_under(tmp_path, play, 500, 429, 200, 500, 500, 500, synchronous={"workers": 1}, retries=retries)
    assert list(of(rows, EventType.ANSWERED)["value"]) == [500, 429, 200, 500, 500, 500]
    assert list(of(rows, EventType.BACKED_OFF)["value"]) == [0.02, 0.04, 0.02, 0.04]
    assert of(rows, EventType.STARTED, 1)["at_ns"][0] >= of(rows, EventType.FREED, 0)["at_ns"][0]


def test_the_providers_concurrency_is_kept_first_come_first_served(tmp_path: Path) -> None:
    """Four workers at a provider that takes one call at a time."""

    async def play(post: Any, provider: HeldProvider) -> None:
        posts = []
        for job in range(4):
            posts.append(asyncio.create_task(post(job)))
            while len(of(Reader(tmp_path).more(), EventType.STARTED)) <= job:
                await asyncio.sleep(0.005)
        provider.open.set()
        assert await asyncio.gather(*posts) == [200] * 4
        assert provider.most == 1

    rows = a_service_under(tmp_path, play, synchronous={"workers": 4}, provider={"max_concurrency": 1})
    assert list(of(rows, EventType.CALLED)["job"]) == [0, 1, 2, 3]
    assert list(of(rows, EventType.WAITED_FOR_PROVIDER)["job"]) == [1, 2, 3]


class Guests:
    def __init__(self, *statuses: int, wait_for: int = 1) -> None:
        self.called: list[tuple[int, int]] = []
        self.most = self._under_way = 0
        self._statuses, self._together = list(statuses), asyncio.Barrier(wait_for)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/subscribers/{subscriber}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        self.called.append((int(request.match_info["subscriber"]), (await request.json())["attempt"]))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await self._together.wait()
        self._under_way -= 1
        return web.Response(status=self._statuses.pop(0) if self._statuses else 200)


def handed(
    folder: Path, guests: Guests, inline: str, jobs_in_line: tuple[int, ...] = (3,), **given: Any
) -> NDArray[np.void]:
    async def run() -> None:
        async with serving(guests.app()) as address:
            subscribing = {"count": 3, "inline": inline} | given.pop("subscribers", {})
            scenario = a_scenario(subscribers=subscribing, **given)
            plan, jobs = a_plan(folder, scenario, "synchronous", clients=address)
            with Journal(plan.journal("service")) as journal:
                async with client_session(plan.token) as session:
                    subscribers = SubscriberCalls(plan, jobs, RunClock(_now(), 1.0), journal, session)
                    handing = (subscribers.hand(job, 0) for job in jobs_in_line)
                    await asyncio.wait_for(asyncio.gather(*handing), 60)

    asyncio.run(run())
    return Reader(folder).more()


def test_subscribers_are_called_one_by_one_in_their_order(tmp_path: Path) -> None:
    guests = Guests()
    rows = handed(tmp_path, guests, "one_by_one")
    assert guests.called == [(0, 0), (1, 0)]
    assert guests.most == 1
    assert [(row["job"], row["index"]) for row in of(rows, EventType.HANDLED)] == [(3, 0), (3, 1)]


def test_subscribers_that_are_called_together_are_all_under_way_at_once(tmp_path: Path) -> None:
    """Neither answers before both are there: called one by one, they would never answer."""
    guests = Guests(wait_for=2)
    rows = handed(tmp_path, guests, "together")
    assert guests.most == 2
    assert sorted(of(rows, EventType.HANDLED)["index"]) == [0, 1]


def test_a_subscriber_that_fails_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    """The first takes it at its third attempt; the second never does."""
    guests = Guests(500, 503, 200, 500, 500, 500)
    rows = handed(tmp_path, guests, "one_by_one", retries={"max": 2, "base_s": 0.01, "jitter": "none"})
    assert guests.called == [(subscriber, attempt) for subscriber in (0, 1) for attempt in range(3)]
    assert list(of(rows, EventType.HANDLED)["index"]) == [0]
    assert list(of(rows, EventType.UNHANDLED)["index"]) == [1]


def test_a_subscribers_only_consumer_takes_one_call_at_a_time(tmp_path: Path) -> None:
    """Three jobs at two subscribers, both called together: without the limit six calls would be under way."""
    guests = Guests()
    handed(tmp_path, guests, "together", (0, 1, 2), subscribers={"consumers": 1})
    assert len(guests.called) == 6
    assert guests.most <= 2


@pytest.mark.parametrize(("inline_failure", "status"), [("ignored", 200), ("fails_the_call", 500)])
def test_a_subscriber_that_gives_up_fails_the_call_if_the_scenario_says_so(
    tmp_path: Path, inline_failure: str, status: int
) -> None:
    guests, answered = Guests(500, 200), []

    async def run() -> None:
        async with serving(guests.app()) as address:
            scenario = a_scenario(subscribers={"count": 3, "inline": "one_by_one", "inline_failure": inline_failure})
            plan, jobs = a_plan(tmp_path, scenario, "synchronous", clients=address)
            with Journal(plan.journal("service")) as journal:
                service, provider = SynchronousService(plan, jobs, journal), HeldProvider()
                provider.open.set()
                async with client_session(plan.token) as session, serving(service.app()) as own:
                    clock = RunClock(_now(), 1.0)
                    subscribers = SubscriberCalls(plan, jobs, clock, journal, session)
                    work = asyncio.create_task(service.work(clock, provider, subscribers))  # type: ignore[arg-type]
                    async with session.post(f"{own}/jobs", json={"job": 0, "call": 0}) as response:
                        answered.append(response.status)
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)

    asyncio.run(run())
    assert answered == [status]
    assert len(of(Reader(tmp_path).more(), EventType.COMPUTED)) == (status == 200)
    assert guests.called == [(0, 0), (1, 0)], "both are called all the same"


def test_an_answer_waits_for_the_subscribers_and_so_does_the_worker(tmp_path: Path) -> None:
    handing, go_on = asyncio.Queue[int](), asyncio.Event()

    class Slow(Handed):
        async def hand(self, job: int, call: int) -> bool:
            handing.put_nowait(job)
            await go_on.wait()
            return True

    async def play(post: Any, provider: HeldProvider) -> None:
        provider.open.set()
        posts = [asyncio.create_task(post(job)) for job in (0, 1)]
        assert await handing.get() == 0
        assert handing.empty()
        assert not any(task.done() for task in posts)
        go_on.set()
        assert await asyncio.gather(*posts) == [200, 200]

    given: dict[str, Any] = {"synchronous": {"workers": 1}, "subscribers": {"count": 2}}
    rows = a_service_under(tmp_path, play, hands_to=Slow(), **given)
    assert of(rows, EventType.STARTED, 1)["at_ns"][0] >= of(rows, EventType.COMPUTED, 0)["at_ns"][0]


@pytest.mark.parametrize("drops", [pytest.param(False, marks=pytest.mark.full), True])
def test_abandoned_work_is_counted_and_begun_only_where_it_is_not_dropped(drops: bool) -> None:
    """Live, from its clients to its books: one worker, a job in 0.15 s, 20 a second, and no caller waits longer than 0.4 s."""
    scenario = a_scenario(
        jobs=14,
        arrivals={"process": "regular", "rate_per_s": 20.0},
        service={"distribution": "deterministic", "mean_s": 0.15},
        synchronous={"workers": 1, "client_timeout_s": 0.4, "drops_abandoned": drops},
    )
    jobs = draw_jobs(scenario, "synchronous")
    with run_folder(f"test-{uuid4().hex}") as folder:
        setup = DesignSetup(scenario, "synchronous", jobs, 1.0, 20.0, "document_extraction")
        design_run = run_design(setup, folder, lambda _: None)
    rows = design_run.rows
    gone = set(of(rows, EventType.TIMED_OUT)["job"])
    abandoned, started = of(rows, EventType.ABANDONED), set(of(rows, EventType.STARTED)["job"])
    assert gone and set(abandoned["job"]) <= gone
    assert set(abandoned["value"]) == {float(drops)}
    assert bool(set(abandoned["job"]) & started) is not drops
    tally = design_run.tally()
    assert (tally.counts["timed_out"], tally.counts["completed"]) == (len(gone), 14 - len(gone))
    assert tally.counts["offered"] == 14
    assert tally.wasted_s >= 0.15 * len(set(abandoned["job"]) & started), "of its worker's time, for nobody"
