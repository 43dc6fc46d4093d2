"""Calls to the provider, by OpenAI's own client: outcomes as replies, an outside endpoint's caps, and a key that is never shown."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator.live.system.call_budget import CallBudget, Cut
from simulator.live.system.config import ExternalEndpoint, ProcessConfig
from simulator.live.system.endpoint import endpoint_of_run
from simulator.live.system.journal import Journal
from simulator.live.system.provider_client import AsyncProviderClient, KeyMissing, ProviderClient, Reply, redact
from tests.fakes.tls_server import running_tls_server
from tests.live.fakes_clients import a_plan, a_scenario, in_a_thread
from tests.proxies import make_certificate

SECRET_KEY = "sk-very-secret-0123456789"


def outside(url: str, **given: Any) -> ExternalEndpoint:
    values = {"url": url, "model": "some-model", "max_calls": 100, "max_tokens_a_call": 50, "max_seconds": 60.0}
    return ExternalEndpoint.model_validate(values | given)


def called(plan: ProcessConfig, job: int, attempt: int = 0, how: str = "threads") -> Reply:
    """One call by the client for threads, or by the one for an event loop."""
    if how == "threads":
        return ProviderClient(plan, SECRET_KEY).call(job, attempt)

    async def run() -> Reply:
        return await AsyncProviderClient(plan, SECRET_KEY).call(job, attempt)

    return asyncio.run(run())


@pytest.mark.parametrize("how", ["threads", "event loop"])
def test_the_sample_endpoint_knows_whose_call_it_is(tmp_path: Path, how: str) -> None:
    scenario = a_scenario(
        provider={"input_tokens": 300, "output_tokens": 200}, failures={"transient_percent": 50.0}, retries={"max": 3}
    )
    plan, jobs = a_plan(tmp_path, scenario)
    with (
        Journal(tmp_path / "endpoint.journal") as journal,
        in_a_thread(endpoint_of_run(plan, jobs, journal).app) as address,
    ):
        plan = plan.model_copy(update={"endpoint": address})
        replies = [called(plan, job, attempt, how) for job in range(3) for attempt in range(3)]
    expected = [500 if jobs.fails(job, attempt) else 200 for job in range(3) for attempt in range(3)]
    assert [reply.status for reply in replies] == expected
    good = next(reply for reply in replies if reply.succeeded)
    assert (good.input_tokens, good.output_tokens) == (300, 200)
    assert good.text.startswith("{")
    assert next(reply for reply in replies if not reply.succeeded).reason


def test_a_refusal_is_not_retried_by_the_library(tmp_path: Path) -> None:
    calls = []

    async def refuse(request: web.Request) -> web.Response:
        calls.append(request.headers.get("X-Crossover-Job"))
        error = {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
        return web.json_response({"error": error}, status=429, headers={"retry-after": "2", "retry-after-ms": "1250"})

    with in_a_thread(answering(refuse)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), endpoint=address)
        reply = called(plan, 7)
    assert reply.status == 429
    assert calls == ["7"]


def test_a_server_that_does_not_listen_is_no_answer(tmp_path: Path) -> None:
    plan, _ = a_plan(tmp_path, a_scenario())
    assert called(plan, 0).status == 0


@pytest.mark.parametrize("how", ["threads", "event loop"])
def test_a_call_that_takes_longer_than_the_timeout_is_given_up(tmp_path: Path, how: str) -> None:
    """The endpoint would answer after ten thousand seconds."""
    slow = {"distribution": "deterministic", "mean_s": 1e7}
    plan, jobs = a_plan(tmp_path, a_scenario(service=slow, provider={"call_timeout_s": 100.0}), speed=1000.0)
    with (
        Journal(tmp_path / "endpoint.journal") as journal,
        in_a_thread(endpoint_of_run(plan, jobs, journal).app) as address,
    ):
        reply = called(plan.model_copy(update={"endpoint": address}), 0, how=how)
    assert reply.status == 0
    assert "timed out" in reply.reason


# --- an outside endpoint


def answering(handler: Any) -> Callable[[], web.Application]:
    def app() -> web.Application:
        made = web.Application()
        made.router.add_post("/v1/chat/completions", handler)
        return made

    return app


async def complete(request: web.Request, output_tokens: int = 1) -> web.Response:
    message = {"role": "assistant", "content": "ok"}
    return web.json_response(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "some-model",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": output_tokens, "total_tokens": 5 + output_tokens},
        }
    )


def test_an_outside_endpoint_gets_the_key_the_cap_on_tokens_and_no_header_of_ours(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def look(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.json()))
        return await complete(request)

    with in_a_thread(answering(look)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{address}/v1"))
        reply = called(plan, 3)
    (headers, asked), = seen  # fmt: skip
    assert reply == Reply(200, "ok", 5, 1)
    assert headers["Authorization"] == f"Bearer {SECRET_KEY}"
    assert not [name for name in headers if name.lower().startswith("x-crossover")]
    assert asked["model"] == "some-model"
    assert asked["max_tokens"] == 50


def test_calls_are_capped_over_all_processes_of_a_design_which_has_half_of_them(tmp_path: Path) -> None:
    """Each client counts in the same file, as processes do."""
    made = []

    async def count(request: web.Request) -> web.Response:
        made.append(1)
        return await complete(request)

    with in_a_thread(answering(count)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{address}/v1", max_calls=10))
        providers = [ProviderClient(plan, SECRET_KEY) for _ in range(2)]
        replies = [providers[call % 2].call(call, 0) for call in range(8)]
    assert [reply.status for reply in replies] == [200] * 5 + [0] * 3
    assert "5 calls" in replies[-1].reason
    assert len(made) == 5
    spent = CallBudget.read(tmp_path)
    assert (spent.calls, spent.failed, spent.input_tokens, spent.output_tokens) == (5, 0, 25, 5)
    assert spent.cut == Cut.CALLS


def test_a_server_that_uses_more_tokens_than_it_was_asked_to_is_cut_off(tmp_path: Path) -> None:
    """Four calls of ten tokens a design; each uses twenty-five: the second exhausts what was left for a third."""

    async def babble(request: web.Request) -> web.Response:
        return await complete(request, output_tokens=25)

    with in_a_thread(answering(babble)) as address:
        external = outside(f"{address}/v1", max_calls=8, max_tokens_a_call=10)
        plan, _ = a_plan(tmp_path, a_scenario(), external=external)
        provider = ProviderClient(plan, SECRET_KEY)
        replies = [provider.call(job, 0) for job in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 0, 0]
    assert "40 output tokens" in replies[-1].reason
    assert CallBudget.read(tmp_path).cut == Cut.TOKENS


def test_a_server_may_call_the_limit_on_tokens_by_its_newer_name(tmp_path: Path) -> None:
    asked: list[Any] = []

    async def look(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return await complete(request)

    with in_a_thread(answering(look)) as address:
        plan, _ = a_plan(
            tmp_path, a_scenario(), external=outside(f"{address}/v1", tokens_field="max_completion_tokens")
        )
        called(plan, 0)
    assert asked[0]["max_completion_tokens"] == 50
    assert "max_tokens" not in asked[0]


@pytest.mark.parametrize("how", ["threads", "event loop"])
@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_server_with_a_certificate_that_is_not_trusted_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool, how: str
) -> None:
    certificate, key = make_certificate(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running_tls_server(certificate, key) as server:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{server.address}/v1"))
        reply = called(plan, 1, how=how)
    assert reply.status == (404 if is_trusted else 0)
    assert server.asked == ["/v1/chat/completions"] * is_trusted


@pytest.mark.parametrize("how", ["threads", "event loop"])
def test_a_redirect_is_not_followed(tmp_path: Path, how: str) -> None:
    """An administrator, not a server, decides where the key is sent."""
    calls = []

    async def away(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(status=307, headers={"Location": "/v1/chat/completions?again"})

    with in_a_thread(answering(away)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{address}/v1"))
        reply = called(plan, 0, how=how)
    assert reply.status == 307
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("no key here", "no key here"),
        (f"bad key {SECRET_KEY}!", "bad key [key]!"),
        (f"bad key {SECRET_KEY[:12]}...", "bad key [key]..."),
        (f"{SECRET_KEY}{SECRET_KEY} twice", "[key] twice"),
        ("sk-very is a beginning", "sk-very is a beginning"),
    ],
)
def test_a_key_is_taken_out_whole_or_in_part(text: str, redacted: str) -> None:
    assert redact(text, SECRET_KEY) == redacted


def test_a_budget_is_shared_by_threads_and_never_oversold(tmp_path: Path) -> None:
    plan, _ = a_plan(tmp_path, a_scenario())
    budget = CallBudget(plan, outside("http://127.0.0.1:1/v1", max_calls=100, max_tokens_a_call=10))
    with ThreadPoolExecutor(8) as pool:
        booked = list(pool.map(lambda _: budget.book(), range(80)))
    assert booked.count("") == 50
    assert CallBudget.read(tmp_path).reserved == 500


def test_no_call_is_made_after_the_runs_time_and_none_outlasts_it(tmp_path: Path) -> None:

    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with in_a_thread(answering(hang)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{address}/v1", max_seconds=0.6))
        provider = ProviderClient(plan, SECRET_KEY)
        cut, after = provider.call(0, 0), provider.call(1, 0)
    assert cut.status == after.status == 0
    assert "timed out" in cut.reason.lower()
    assert "0.3 s" in after.reason


@pytest.mark.parametrize("answer", ["a page", {"detail": "fine"}, {"choices": None}])
def test_what_is_no_completion_is_no_success(tmp_path: Path, answer: Any) -> None:

    async def other(request: web.Request) -> web.Response:
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)

    with in_a_thread(answering(other)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{address}/v1"))
        reply = called(plan, 0)
    assert reply.status == 0
    assert "no chat completion" in reply.reason


def test_without_its_key_an_outside_endpoint_is_not_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-elses")
    plan, _ = a_plan(tmp_path, a_scenario(), external=outside("http://127.0.0.1:1/v1"))
    with pytest.raises(KeyMissing, match="no key"):
        ProviderClient(plan)


@pytest.mark.parametrize("how", ["threads", "event loop"])
def test_the_key_is_nowhere_whatever_the_server_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any, how: str
) -> None:
    caplog.set_level(logging.DEBUG)

    async def repeat(request: web.Request) -> web.Response:
        message = f"Incorrect API key provided: {request.headers['Authorization'].split()[1]}."
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": message}
        return web.json_response({"error": error}, status=401)

    with in_a_thread(answering(repeat)) as address:
        plan, _ = a_plan(tmp_path, a_scenario(), external=outside(f"{address}/v1"))
        refused = called(plan, 0, how=how)
    gone = called(plan, 1, how=how)
    assert (refused.status, gone.status) == (401, 0)
    assert "[key]" in refused.reason
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    printed = capfd.readouterr()
    everything = f"{refused!r} {gone!r} {caplog.text} {printed.out} {printed.err} {ProviderClient(plan, SECRET_KEY)!r}"
    assert SECRET_KEY not in everything
    assert all(SECRET_KEY.encode() not in content for content in files)
