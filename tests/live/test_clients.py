"""The callers: open loop, patience and retries, polls, pushed events, webhooks, as the Scenario's clients have them."""

import asyncio
import math
import time
from collections import Counter
from datetime import UTC, datetime
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from simulator.live.system import clients_process
from simulator.live.system.clients_process import Receiver
from simulator.live.system.http import authorization, client_session
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.live.system.outcomes import Outcomes
from simulator.live.system.process import READY, ProcessContext
from tests.live.fakes_clients import (
    SECRET,
    TOKEN,
    a_listener,
    a_plan,
    a_scenario,
    a_service,
    accept,
    address_of,
    call_all,
    of,
    serving,
)
from tests.live.fakes_requests import Request, bad_requests, statuses_of

# --- the load


def test_a_service_that_hangs_slows_no_arrival(tmp_path: Path) -> None:
    all_there, waiting = asyncio.Event(), Counter[str]()

    async def hang(request: web.Request) -> web.Response:
        waiting["now"] += 1
        if waiting["now"] == 200:
            all_there.set()
        await all_there.wait()
        return web.json_response({"text": ""})

    async def run() -> Any:
        async with serving(a_service(submit=hang)) as service:
            plan, jobs = a_plan(tmp_path, a_scenario(jobs=200), "synchronous", service=service)
            return await asyncio.wait_for(call_all(plan, jobs), 60)

    rows = asyncio.run(run())
    assert list(of(rows, EventType.ARRIVED)["job"]) == list(range(200))
    assert of(rows, EventType.ARRIVED)["at_ns"].max() < of(rows, EventType.IN_HAND)["at_ns"].min()
    assert len(of(rows, EventType.IN_HAND)) == 200


def test_lateness_is_what_the_clock_says_between_instant_and_arrival(tmp_path: Path) -> None:
    """The event loop is held up on purpose: the lateness of the arrivals that it delays is written with them."""
    held_s = 0.3

    async def hold_up(request: web.Request) -> web.Response:
        if (await request.json())["job"] == 3:
            time.sleep(held_s)  # of callers and service alike: they share this test's event loop
        return web.json_response({"text": ""})

    async def run() -> Any:
        async with serving(a_service(submit=hold_up)) as service:
            plan, jobs = a_plan(tmp_path, a_scenario(jobs=40), "synchronous", service=service)
            return jobs, await call_all(plan, jobs)

    jobs, rows = asyncio.run(run())
    arrived = of(rows, EventType.ARRIVED)
    assert (arrived["value"] >= 0).all()
    assert arrived["value"].max() > 0.5 * held_s
    gaps = arrived["at_ns"] / 1e9 - jobs.arrival_s - arrived["value"]
    assert np.ptp(gaps) < 0.1  # one zero for all: instant + lateness is when it came


# --- the synchronous design


def sync(folder: Path, handler: Any, **given: Any) -> Any:
    async def run() -> Any:
        async with serving(a_service(submit=handler), notices_leavers=True) as service:
            plan, jobs = a_plan(folder, a_scenario(**given), "synchronous", service=service)
            return await asyncio.wait_for(call_all(plan, jobs), 60)

    return asyncio.run(run())


def test_a_caller_whose_patience_ends_closes_its_connection_and_calls_again(tmp_path: Path) -> None:
    left: list[tuple[int, int]] = []

    async def slow_at_first(request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["call"] < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                left.append((asked["job"], asked["call"]))
                raise
        return web.json_response({"text": ""})

    design = {"client_timeout_s": 0.1, "client_retries": 2, "client_backoff_s": 0.05}
    rows = sync(tmp_path, slow_at_first, jobs=3, synchronous=design)
    assert sorted(left) == [(job, call) for job in range(3) for call in range(2)]
    for job in range(3):
        sent, timed_out = of(rows, EventType.SENT, job), of(rows, EventType.TIMED_OUT, job)
        assert list(sent["index"]) == [0, 1, 2]
        assert list(timed_out["index"]) == [0, 1]
        assert list(timed_out["value"]) == [0, 0]
        assert list(of(rows, EventType.IN_HAND, job)["index"]) == [2]
        patience, backoff = timed_out["at_ns"] - sent["at_ns"][:2], sent["at_ns"][1:] - timed_out["at_ns"]
        assert (patience >= 0.1e9 - 1e6).all()
        assert (backoff >= 0.05e9 - 1e6).all()


def test_patience_that_ends_at_the_last_call_is_final(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    rows = sync(tmp_path, never, jobs=2, synchronous={"client_timeout_s": 0.05, "client_retries": 1})
    assert list(of(rows, EventType.TIMED_OUT, 0)["value"]) == [0, 1]
    assert not len(of(rows, EventType.IN_HAND))


@pytest.mark.parametrize(("status", "outcome"), [(503, EventType.CLIENT_REFUSED), (500, EventType.CLIENT_FAILED)])
def test_refused_or_failed_callers_call_again_and_then_take_it(tmp_path: Path, status: int, outcome: EventType) -> None:
    async def no(request: web.Request) -> web.Response:
        return web.json_response({"error": ""}, status=status)

    rows = sync(tmp_path, no, jobs=2, synchronous={"client_retries": 2, "client_backoff_s": 0.01})
    assert list(of(rows, EventType.SENT, 1)["index"]) == [0, 1, 2]
    assert list(of(rows, outcome)["index"]) == [2, 2]


def busy(times: float, posts: list[float]) -> Any:
    async def handle(request: web.Request) -> web.Response:
        posts.append(asyncio.get_running_loop().time())
        if len(posts) <= times:
            return web.json_response({"error": "busy"}, status=503)
        return web.json_response({"text": ""})

    return handle


def calling(folder: Path, handler: Any, speed: float, **synchronous: Any) -> Any:
    """One caller whose connections are dropped, `speed` times as fast as life."""

    async def run() -> Any:
        async with serving(a_service(submit=handler), notices_leavers=True) as service:
            scenario = a_scenario(jobs=1, synchronous={"overflow": "drop", **synchronous})
            plan, jobs = a_plan(folder, scenario, "synchronous", service=service, speed=speed)
            return await asyncio.wait_for(call_all(plan, jobs), 60)

    return asyncio.run(run())


def test_a_caller_whose_connection_is_dropped_comes_again_as_its_tcp_would(tmp_path: Path) -> None:
    """After 1, 3 and 7 s of the Scenario; all of it is one call, which is not refused."""
    posts: list[float] = []
    rows = calling(tmp_path, busy(3, posts), 20)
    assert len(posts) == 4
    sent_s = of(rows, EventType.SENT)["at_ns"][0] / 1e9
    assert (np.array(posts[1:]) - sent_s >= np.array([1, 3, 7]) / 20 - 1e-3).all()
    assert list(rows["what"]) == [EventType.ARRIVED, EventType.SENT, EventType.IN_HAND]


def test_a_connection_that_is_dropped_until_it_fails_has_timed_out(tmp_path: Path) -> None:
    posts: list[float] = []
    rows = calling(tmp_path, busy(np.inf, posts), 1000, client_retries=1)
    assert len(posts) == 14
    assert list(of(rows, EventType.TIMED_OUT)["value"]) == [0, 1]
    assert not len(of(rows, EventType.CLIENT_REFUSED))


def test_a_caller_whose_connections_are_dropped_gives_up_at_its_own_limit(tmp_path: Path) -> None:
    posts: list[float] = []
    rows = calling(tmp_path, busy(np.inf, posts), 5, client_timeout_s=5)
    assert len(posts) == 3
    assert list(of(rows, EventType.TIMED_OUT)["value"]) == [1]


def test_a_hop_in_between_is_as_impatient_as_its_limit(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    hops = [{"name": "gateway", "limit_s": 0.05, "kind": "total"}]
    rows = sync(tmp_path, never, jobs=1, synchronous={"client_timeout_s": 60.0, "hops": hops})
    assert len(of(rows, EventType.TIMED_OUT)) == 1


def test_a_run_that_does_not_drain_is_cut_at_its_limit(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> Any:
        async with serving(a_service(submit=never), notices_leavers=True) as service:
            plan, jobs = a_plan(tmp_path, a_scenario(jobs=2), "synchronous", service=service, drain_limit_s=0.1)
            return await asyncio.wait_for(call_all(plan, jobs), 60)

    assert set(asyncio.run(run())["what"]) == {EventType.ARRIVED, EventType.SENT}


# --- the event-driven design


def event_driven(folder: Path, delivery: dict[str, Any], routes: dict[str, Any], **given: Any) -> Any:
    async def run() -> Any:
        async with serving(a_service(**({"submit": accept} | routes))) as service:
            scenario = a_scenario(event_driven={"delivery": delivery}, **given)
            plan, jobs = a_plan(folder, scenario, service=service)
            return jobs, await asyncio.wait_for(call_all(plan, jobs), 60)

    return asyncio.run(run())


def test_polls_come_at_the_jobs_phase_and_then_at_every_interval(tmp_path: Path) -> None:
    """As many as the kernel's formula says: those up to the first after the result is there."""
    ready_s, interval_s = 0.75, 0.3
    accepted: dict[int, float] = {}

    async def submit(request: web.Request) -> web.Response:
        accepted[(await request.json())["job"]] = asyncio.get_running_loop().time()
        return await accept(request)

    async def poll(request: web.Request) -> web.Response:
        job = int(request.match_info["job"])
        done = asyncio.get_running_loop().time() >= accepted[job] + ready_s
        return web.json_response({"state": "done" if done else "started"}, status=200 if done else 202)

    jobs, rows = event_driven(
        tmp_path, {"method": "polling", "interval_s": interval_s}, {"submit": submit, "poll": poll}, jobs=30
    )
    plain = 0
    for job in range(30):
        polls = of(rows, EventType.DELIVERY_CALL, job)
        assert list(polls["index"]) == list(range(len(polls)))
        assert list(polls["value"]) == [202] * (len(polls) - 1) + [200]
        first_s = interval_s * jobs.phase_u[job]
        more = (ready_s - first_s) / interval_s
        if 0.2 < more % 1 < 0.8:  # nearer to a whole number, milliseconds decide
            plain += 1
            assert len(polls) == math.ceil(more) + 1
        told_s = (polls["at_ns"] - of(rows, EventType.SENT, job)["at_ns"][0]) / 1e9
        due_s = first_s + interval_s * np.arange(len(polls))
        assert (told_s >= due_s - 0.002).all()
    assert plain >= 10
    assert len(of(rows, EventType.IN_HAND)) == 30


@pytest.mark.parametrize("state", ["failed", "dead_lettered", "expired"])
def test_a_poller_is_told_of_failures_and_stops(tmp_path: Path, state: str) -> None:
    async def poll(request: web.Request) -> web.Response:
        return web.json_response({"state": state})

    _, rows = event_driven(tmp_path, {"method": "polling", "interval_s": 0.01}, {"poll": poll}, jobs=3)
    assert set(of(rows, EventType.CLIENT_FAILED)["job"]) == {0, 1, 2}
    assert len(of(rows, EventType.DELIVERY_CALL)) == 3


def test_a_refused_job_is_told_so_and_not_followed(tmp_path: Path) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": "full"}, status=503)

    _, rows = event_driven(tmp_path, {"method": "polling", "interval_s": 0.01}, {"submit": refuse}, jobs=3)
    assert len(of(rows, EventType.CLIENT_REFUSED)) == 3
    assert not len(of(rows, EventType.DELIVERY_CALL))


@pytest.mark.parametrize("delivery", [{"method": "sse", "reconnect_s": 0.1}, {"method": "polling", "interval_s": 0}])
def test_an_event_stream_that_breaks_is_resumed_after_the_last_event_seen(
    tmp_path: Path, delivery: dict[str, Any]
) -> None:
    asked: list[tuple[int, str | None]] = []

    async def events(request: web.Request) -> web.StreamResponse:
        job, last = int(request.match_info["job"]), request.headers.get("Last-Event-ID")
        asked.append((job, last))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if last is None:
            await response.write(b": hello\n\nid: 1\nevent: queued\ndata: {}\n\nid: 2\nevent: started\ndata: {}\n\n")
            return response
        await response.write(b'id: 3\nevent: done\ndata: {"text": "it is done"}\n\n')
        return response

    _, rows = event_driven(tmp_path, delivery, {"events": events}, jobs=3)
    assert sorted(asked, key=str) == sorted([(job, last) for job in range(3) for last in (None, "2")], key=str)
    assert len(of(rows, EventType.IN_HAND)) == 3
    for job in range(3):
        connected = of(rows, EventType.DELIVERY_CALL, job)
        assert list(connected["index"]) == [0, 1]
        if "reconnect_s" in delivery:
            assert connected["at_ns"][1] - connected["at_ns"][0] >= 0.1e9 - 1e6


def test_a_websocket_tells_its_events_and_is_resumed_too(tmp_path: Path) -> None:
    async def socket(request: web.Request) -> web.StreamResponse:
        last, response = request.headers.get("Last-Event-ID"), web.WebSocketResponse()
        await response.prepare(request)
        if last is None:
            await response.send_json({"id": 1, "event": "queued"})
        else:
            await response.send_json({"id": 2, "event": "failed" if request.match_info["job"] == "1" else "done"})
        await response.close()
        return response

    _, rows = event_driven(tmp_path, {"method": "websocket", "reconnect_s": 0.05}, {"socket": socket}, jobs=3)
    assert set(of(rows, EventType.IN_HAND)["job"]) == {0, 2}
    assert set(of(rows, EventType.CLIENT_FAILED)["job"]) == {1}
    assert list(of(rows, EventType.DELIVERY_CALL, 0)["value"]) == [101, 101]


def test_if_no_caller_waits_the_callers_end_with_the_work(tmp_path: Path) -> None:
    async def submit(request: web.Request) -> web.Response:
        job = (await request.json())["job"]
        consumer.write(EventType.GAVE_UP if job == 1 else EventType.COMPUTED, job)
        if job != 1:
            consumer.write(EventType.HANDLED if job == 2 else EventType.UNHANDLED, job)
        return await accept(request)

    with Journal(tmp_path / "consume-0.journal") as consumer:
        _, rows = event_driven(tmp_path, {"method": "none"}, {"submit": submit}, jobs=4)
    assert len(of(rows, EventType.SENT)) == 4
    assert not len(of(rows, EventType.IN_HAND))


# --- webhooks and subscribers


def signed(body: str, *, message: str = "job-0", secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """Standard Webhooks headers by the standard's own library."""
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(message, at, body)
    return {"webhook-id": message, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def receive(folder: Path, calls: list[tuple[str, str, dict[str, str]]], **given: Any) -> tuple[list[int], Any, Jobs]:
    plan, jobs = a_plan(folder, a_scenario(**given))

    async def run() -> list[int]:
        with Journal(plan.journal("clients")) as journal:
            receiver = Receiver(plan, jobs, Outcomes(jobs, journal))
            async with serving(receiver.app()) as address, client_session(TOKEN) as session:
                statuses = []
                for path, body, headers in calls:
                    async with session.post(address + path, data=body, headers=headers) as response:
                        statuses.append(response.status)
                return statuses

    return asyncio.run(run()), Reader(folder).more(), jobs


WEBHOOK = {"delivery": {"method": "webhook", "failure_percent": 40.0, "schedule": [0, 1, 1, 1]}}
BODY = '{"job": 0, "state": "done", "text": "…"}'


def test_a_webhook_that_is_signed_is_taken_once(tmp_path: Path) -> None:
    statuses, rows, _ = receive(tmp_path, [("/webhooks", BODY, signed(BODY))] * 2)
    assert statuses == [204, 204]
    assert len(of(rows, EventType.IN_HAND)) == 1


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (signed(BODY.replace("done", "gone")), "another body"),
        (signed(BODY) | {"webhook-id": "job-1"}, "another message"),
        (signed(BODY, secret="whsec_" + "A" * 32), "another secret"),
        (signed(BODY, at=datetime(2020, 1, 1, tzinfo=UTC)), "an old timestamp"),
        (signed(BODY) | {"webhook-timestamp": "now"}, "no timestamp"),
        (signed(BODY) | {"webhook-signature": "v1,!!!"}, "no base64"),
        (signed(BODY) | {"webhook-signature": "nonsense"}, "no version"),
        ({}, "no signature at all"),
    ],
)
def test_a_webhook_whose_signature_does_not_hold_is_refused(tmp_path: Path, headers: dict[str, str], why: str) -> None:
    statuses, rows, _ = receive(tmp_path, [("/webhooks", BODY, headers)])
    assert statuses == [401], why
    assert not len(rows)


def test_a_signed_message_about_no_job_of_this_run_is_not_taken(tmp_path: Path) -> None:
    calls = [("/webhooks", BODY, signed(BODY, message=name)) for name in ("job-9999", "job-", "msg_1", "job-0x")]
    statuses, rows, _ = receive(tmp_path, calls)
    assert statuses == [404] * 4
    assert not len(rows)


def test_webhook_calls_fail_as_their_draws_say(tmp_path: Path) -> None:
    calls = []
    for job in range(20):
        body = f'{{"job": {job}}}'
        calls += [("/webhooks", body, signed(body, message=f"job-{job}"))] * 4
    statuses, rows, jobs = receive(tmp_path, calls, event_driven=WEBHOOK)
    assert statuses == [500 if fails else 204 for fails in (jobs.webhook_u < 0.4).ravel()]
    for job in range(20):
        passed = np.flatnonzero(jobs.webhook_u[job] >= 0.4)
        assert list(of(rows, EventType.IN_HAND, job)["index"]) == list(passed[:1])


def test_callers_who_are_called_back_end_when_all_have_their_results_or_never_will(tmp_path: Path) -> None:
    listener = a_listener()
    background: set[asyncio.Task[None]] = set()

    async def deliver(job: int) -> None:
        body = f'{{"job": {job}, "state": "done"}}'
        async with client_session(TOKEN) as session:
            await session.post(
                f"{address_of(listener)}/webhooks", data=body, headers=signed(body, message=f"job-{job}")
            )

    async def submit(request: web.Request) -> web.Response:
        job = (await request.json())["job"]
        if job in (2, 3):
            service.write(EventType.UNDELIVERED if job == 2 else EventType.EXPIRED, job)
        else:
            background.add(asyncio.create_task(deliver(job)))
        return await accept(request)

    async def run() -> Any:
        async with serving(a_service(submit=submit)) as address:
            delivery = {"delivery": {"method": "webhook"}}
            plan, jobs = a_plan(tmp_path, a_scenario(jobs=5, event_driven=delivery), service=address)
            return await asyncio.wait_for(call_all(plan, jobs, with_receiver=listener), 60)

    with Journal(tmp_path / "accept.journal") as service:
        rows = asyncio.run(run())
    assert set(of(rows, EventType.IN_HAND)["job"]) == {0, 1, 4}


def test_a_subscriber_takes_its_draws_time_and_fails_by_its_draws(tmp_path: Path) -> None:
    given = {"subscribers": {"count": 3, "handling_p95_s": 0.002, "failure_percent": 50}, "retries": {"max": 2}}
    calls = [
        (f"/subscribers/{subscriber}", f'{{"job": {job}, "attempt": {attempt}}}', {})
        for job in range(5)
        for subscriber in range(2)
        for attempt in range(3)
    ]
    statuses, _, jobs = receive(tmp_path, [*calls, ("/subscribers/2", '{"job": 0, "attempt": 0}', {})], **given)
    expected = [
        jobs.refuses(job, subscriber, attempt) for job in range(5) for subscriber in range(2) for attempt in range(3)
    ]
    assert statuses == [500 if refuses else 200 for refuses in expected] + [404]


def test_no_request_harms_the_receiver_or_is_written_down(tmp_path: Path) -> None:
    subscribers = bad_requests("/subscribers/0", {"job": 0, "attempt": 0}, ["job", "attempt"])
    elsewhere = [Request("POST", path, b'{"job": 0, "attempt": 0}') for path in ("/subscribers/2", "/subscribers/9999")]
    webhooks = [request for request in bad_requests("/webhooks", {"job": 0}, []) if request.headers]
    body = b"\xff"
    odd = [
        Request("POST", "/webhooks", body, authorization(TOKEN) | signed("x") | {name: value})
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        for value in ("1e400", "nan", "-1e300", "\udcff", "v1,\u00e9", "v1,,", "", "9" * 400)
    ]
    requests = [*subscribers, *elsewhere, *webhooks, *odd]

    async def run() -> list[int]:
        plan, jobs = a_plan(tmp_path, a_scenario(subscribers={"count": 3}))
        with Journal(plan.journal("clients")) as journal:
            receiver = Receiver(plan, jobs, Outcomes(jobs, journal))
            async with serving(receiver.app()) as address:
                statuses = await statuses_of(address, requests)
                good = [
                    Request("POST", "/subscribers/1", b'{"job": 0, "attempt": 0}'),
                    Request("POST", "/webhooks", BODY.encode(), authorization(TOKEN) | signed(BODY)),
                    Request("POST", "/webhooks", BODY.encode(), signed(BODY)),
                ]
                assert await statuses_of(address, good) == [200, 204, 401]
        return statuses

    statuses = asyncio.run(run())
    assert [
        (request, status) for request, status in zip(requests, statuses, strict=True) if not 400 <= status < 500
    ] == []
    assert list(Reader(tmp_path).more()["what"]) == [EventType.IN_HAND]


# --- the process


def test_the_process_is_ready_waits_for_the_start_and_ends_by_itself(tmp_path: Path) -> None:
    async def done(request: web.Request) -> web.Response:
        return web.json_response({"text": ""})

    async def run() -> None:
        async with serving(a_service(submit=done)) as service:
            listener = a_listener()
            plan, _ = a_plan(
                tmp_path, a_scenario(jobs=10), "synchronous", service=service, clients=address_of(listener)
            )
            ours, theirs = Pipe()
            run_clients = clients_process.run_clients
            process = run_clients(ProcessContext("clients", run_clients, plan, listener, 0, None, theirs, {}))
            async with asyncio.timeout(30):
                running = asyncio.create_task(process)
                assert await asyncio.to_thread(ours.recv) == READY
                assert not len(Reader(tmp_path).more())
                ours.send(time.monotonic_ns() + 50_000_000)
                await running

    asyncio.run(run())
    assert len(of(Reader(tmp_path).more(), EventType.IN_HAND)) == 10
