"""For tests of the endpoint and the callers: a configuration and its jobs in a folder, servers on free ports, and fake services."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.system import clients_process
from simulator.live.system.clients_process import Receiver
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.live.system.outcomes import Outcomes
from simulator.scenario import Scenario

TOKEN = "token-of-this-run"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOT_LISTENING = "http://127.0.0.1:1"
QUICK = {"distribution": "deterministic", "mean_s": 0.01}


def a_scenario(**given: Any) -> Scenario:
    base = {"jobs": 20, "arrivals": {"process": "regular", "rate_per_s": 200.0}, "service": QUICK}
    return Scenario.parse(base | given)


def a_plan(folder: Path, scenario: Scenario, design: str = "event_driven", **given: Any) -> tuple[ProcessConfig, Jobs]:
    jobs = draw_jobs(scenario, design)
    jobs.write(folder / "jobs.npz")
    values: dict[str, Any] = {
        "scenario": scenario,
        "design": design,
        "speed": 1.0,
        "jobs": len(jobs),
        "workload": "document_extraction",
        "folder": str(folder),
        "broker": "unix:///nowhere",
        "endpoint": NOT_LISTENING,
        "service": NOT_LISTENING,
        "clients": NOT_LISTENING,
        "token": TOKEN,
        "webhook_secret": SECRET,
    }
    plan = ProcessConfig(**values | given)
    plan.write()
    plan.begin(time.monotonic_ns())
    return plan, jobs


def a_listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def address_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(app: web.Application, listener: socket.socket | None = None, **how: Any) -> AsyncIterator[str]:
    listener = listener or a_listener()
    runner = await serve(app, listener, **how)
    try:
        yield address_of(listener)
    finally:
        await runner.cleanup()


@contextmanager
def in_a_thread(app: Callable[[], web.Application]) -> Iterator[str]:
    """The application's address; its event loop is another thread's, for clients that block theirs."""
    listener, end, ready = a_listener(), asyncio.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with serving(app(), listener, notices_leavers=True):
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert ready.wait(60)
        yield address_of(listener)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        loop.close()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def a_service(**routes: Handler) -> web.Application:
    app = web.Application()
    paths = {"submit": ("POST", "/jobs"), "poll": ("GET", "/jobs/{job}"), "events": ("GET", "/jobs/{job}/events"),
             "socket": ("GET", "/jobs/{job}/socket")}  # fmt: skip
    for name, handler in routes.items():
        app.router.add_route(*paths[name], handler)
    return app


async def accept(request: web.Request) -> web.Response:
    job = (await request.json())["job"]
    return web.json_response({"job": job, "state": "queued"}, status=202, headers={"Location": f"/jobs/{job}"})


async def call_all(plan: ProcessConfig, jobs: Jobs, *, with_receiver: socket.socket | None = None) -> NDArray[np.void]:
    with Journal(plan.journal("clients")) as journal:
        outcomes = Outcomes(jobs, journal)
        async with serving(Receiver(plan, jobs, outcomes).app(), with_receiver):
            await clients_process.call_all(plan, jobs, RunClock(_now(), plan.speed), outcomes)
    return Reader(plan.path).more()


def _now() -> int:
    return round(asyncio.get_running_loop().time() * 1e9)


def of(rows: NDArray[np.void], what: EventType, job: int | None = None) -> NDArray[np.void]:
    chosen = rows[rows["what"] == what]
    return chosen if job is None else chosen[chosen["job"] == job]
