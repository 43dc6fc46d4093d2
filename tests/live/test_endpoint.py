"""The sample endpoint speaks OpenAI's protocol, as OpenAI's own client hears it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from simulator.live.system.clock import RunClock
from simulator.live.system.endpoint import Endpoint, endpoint_of_run
from simulator.live.system.endpoint_limits import duration
from simulator.live.system.http import authorization
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.live.system.workloads import load
from simulator.scenario import Scenario
from tests.live.fakes_clients import TOKEN, a_plan, a_scenario, of, serving
from tests.live.fakes_requests import Request, bad_requests, statuses_of

MESSAGES: list[Any] = [{"role": "user", "content": "What does invoice 2041 come to?"}]
TOKENS = {"input_tokens": 300, "output_tokens": 200}
Use = Callable[[openai.AsyncOpenAI, Endpoint], Awaitable[Any]]


def with_client(folder: Path, scenario: Scenario, use: Use, speed: float = 1.0) -> Any:
    """What `use` makes of the endpoint by the official client."""
    plan, jobs = a_plan(folder, scenario, speed=speed)

    async def run() -> Any:
        with Journal(plan.journal("endpoint")) as journal:
            endpoint = endpoint_of_run(plan, jobs, journal)
            async with (
                serving(endpoint.app()) as address,
                openai.AsyncOpenAI(api_key=TOKEN, base_url=f"{address}/v1", max_retries=0) as client,
            ):
                return await use(client, endpoint)

    return asyncio.run(run())


def of_job(job: int, attempt: int = 0) -> dict[str, Any]:
    headers = {"X-Crossover-Job": str(job), "X-Crossover-Attempt": str(attempt)}
    return {"model": "sample", "messages": MESSAGES, "extra_headers": headers}


def test_it_answers_with_the_documents_fields_and_the_jobs_tokens(tmp_path: Path) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        return await client.chat.completions.create(**of_job(3))

    completion = with_client(tmp_path, a_scenario(provider=TOKENS), use)
    assert completion.object == "chat.completion"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (300, 200)
    assert completion.usage.total_tokens == 500
    text = completion.choices[0].message.content or ""
    expected = load("document_extraction").documents[3].answer
    assert json.loads(text).items() >= expected.items()
    assert 0.7 * 800 <= len(text) <= 1.05 * 800


def test_a_stream_ends_with_usage_and_done_and_says_the_same(tmp_path: Path) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        whole = await client.chat.completions.create(**of_job(3))
        stream = await client.chat.completions.create(**of_job(3), stream=True, stream_options={"include_usage": True})
        return whole, [chunk async for chunk in stream]

    whole, chunks = with_client(tmp_path, a_scenario(provider=TOKENS), use)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 200
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_raw_stream_is_server_sent_events_with_the_ends_mark(tmp_path: Path) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        async with aiohttp.ClientSession() as session:
            asked = {"model": "sample", "messages": MESSAGES, "stream": True}
            async with session.post(
                f"{client.base_url}chat/completions", json=asked, headers=authorization(TOKEN)
            ) as response:
                return response.headers["content-type"], await response.text()

    kind, text = with_client(tmp_path, a_scenario(), use)
    assert kind.startswith("text/event-stream")
    assert text.endswith("data: [DONE]\n\n")
    assert all(line.startswith("data: ") for line in text.split("\n\n")[:-1])
    assert '"usage"' not in text


def test_max_tokens_cuts_the_answer_and_says_so(tmp_path: Path) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        return await client.chat.completions.create(**of_job(1), max_tokens=50)

    completion = with_client(tmp_path, a_scenario(provider=TOKENS), use)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens == 50
    assert len(completion.choices[0].message.content) <= 1.3 * 200


def test_models_are_listed(tmp_path: Path) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        return [model.id async for model in client.models.list()], (await client.models.retrieve("sample")).id

    assert with_client(tmp_path, a_scenario(), use) == (["sample"], "sample")


@pytest.mark.parametrize(
    ("asked", "error", "param", "code"),
    [
        ({"model": "other", "messages": MESSAGES}, openai.NotFoundError, "model", "model_not_found"),
        ({"model": "sample", "messages": []}, openai.BadRequestError, "messages", None),
        ({"model": "sample", "messages": ["hello"]}, openai.BadRequestError, "messages.0", None),
        ({"model": "sample", "messages": MESSAGES, "n": 2}, openai.BadRequestError, "n", "invalid_value"),
        ({"model": "sample", "messages": MESSAGES, "max_tokens": 0}, openai.BadRequestError, "max_tokens", "invalid_value"),
        (
            {"model": "sample", "messages": MESSAGES, "extra_headers": {"X-Crossover-Job": "999"}},
            openai.BadRequestError,
            "X-Crossover-Job",
            None,
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_the_protocols_shape(
    tmp_path: Path, asked: dict[str, Any], error: type[openai.APIStatusError], param: str, code: str | None
) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        with pytest.raises(error) as raised:
            await client.chat.completions.create(**asked)
        return raised.value

    error_raised = with_client(tmp_path, a_scenario(), use)
    assert (error_raised.param, error_raised.code, error_raised.type) == (param, code, "invalid_request_error")
    assert error_raised.body["message"]


def test_without_the_runs_token_as_its_key_it_is_401_and_elsewhere_404(tmp_path: Path) -> None:
    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        with pytest.raises(openai.AuthenticationError) as anonymous:
            await client.with_options(api_key="any").chat.completions.create(**of_job(0))
        with pytest.raises(openai.NotFoundError) as elsewhere:
            await client.images.generate(model="sample", prompt="x")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{client.base_url}chat/completions", data=b"{", headers=authorization(TOKEN)) as response,
        ):
            return anonymous.value.code, elsewhere.value.code, response.status, (await response.json())["error"]

    key, url, status, error = with_client(tmp_path, a_scenario(), use)
    assert (key, url, status) == ("invalid_api_key", "unknown_url", 400)
    assert set(error) == {"message", "type", "param", "code"}


def test_no_request_harms_it_or_is_written_down_unless_it_is_a_call(tmp_path: Path) -> None:
    path, good = "/v1/chat/completions", {"model": "sample", "messages": MESSAGES, "max_tokens": 50}
    no_messages = [None, "", [], [None], [{}], [{"role": 1}], [{"role": "user", "content": 1}], {"role": "user"}]
    requests = [
        *(request for request in bad_requests(path, good, ["model"])),
        *(Request("POST", path, json.dumps(good | {"messages": messages}).encode()) for messages in no_messages),
        *(
            Request("POST", path, json.dumps(good | {"max_tokens": most}).encode())
            for most in (-1, 0, 1.5, "5", True, [])
        ),
        *(Request("POST", path, json.dumps(good | {"n": count}).encode()) for count in (-1, 2, 10**300, "1", [], {})),
    ]
    for job, attempt in [
        ("-1", "0"),
        ("20", "0"),
        ("9" * 400, "0"),
        ("1.0", "0"),
        ("٣", "0"),
        ("", "0"),
        ("0", "16384"),
        ("0", "-1"),
        ("0", "x"),
    ]:
        headers = authorization(TOKEN) | {"X-Crossover-Job": job, "X-Crossover-Attempt": attempt}
        requests.append(Request("POST", path, json.dumps(good).encode(), headers))

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        statuses = await statuses_of(str(client.base_url).removesuffix("/v1/"), requests)
        surrogate = Request(
            "POST", path, json.dumps(good | {"messages": [{"role": "user", "content": "\ud800"}]}).encode()
        )
        assert await statuses_of(str(client.base_url).removesuffix("/v1/"), [surrogate]) == [200]
        await client.chat.completions.create(**of_job(3))
        return statuses

    statuses = with_client(tmp_path, a_scenario(), use)
    assert [
        (request, status) for request, status in zip(requests, statuses, strict=True) if not 400 <= status < 500
    ] == []
    assert list(of(Reader(tmp_path).more(), EventType.PROVIDER_CALL)["job"]) == [-1, 3]


def test_a_call_fails_as_its_draw_says_and_the_next_attempt_by_its_own(tmp_path: Path) -> None:
    scenario = a_scenario(failures={"transient_percent": 40.0}, retries={"max": 3})
    _, jobs = a_plan(tmp_path, scenario)

    async def status(client: openai.AsyncOpenAI, job: int, attempt: int) -> int:
        try:
            await client.chat.completions.create(**of_job(job, attempt))
        except openai.InternalServerError as error:
            return error.status_code
        return 200

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        return [[await status(client, job, attempt) for attempt in range(4)] for job in range(10)]

    expected = [[500 if jobs.fails(job, attempt) else 200 for attempt in range(4)] for job in range(10)]
    assert with_client(tmp_path, scenario, use) == expected
    assert {200, 500} == {status for row in expected for status in row}
    calls = of(Reader(tmp_path).more(), EventType.PROVIDER_CALL)
    assert list(calls["value"]) == [status for row in expected for status in row]
    assert list(calls["index"]) == [0, 1, 2, 3] * 10


def test_a_call_takes_the_jobs_own_time_compressed(tmp_path: Path) -> None:
    scenario = a_scenario(service={"distribution": "exponential", "mean_s": 1.0})
    _, jobs = a_plan(tmp_path, scenario)

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        loop = asyncio.get_running_loop()

        async def took(job: int) -> float:
            began = loop.time()
            await client.chat.completions.create(**of_job(job))
            return loop.time() - began

        return await asyncio.gather(*(took(job) for job in range(8)))

    for job, took_s in enumerate(with_client(tmp_path, scenario, use, speed=5.0)):
        assert took_s >= jobs.service_s[job] / 5.0


def test_one_call_too_many_at_once_is_429_with_when_to_come_again(tmp_path: Path) -> None:
    scenario = a_scenario(provider={"max_concurrency": 1}, service={"distribution": "deterministic", "mean_s": 0.3})

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        return await asyncio.gather(
            *(client.chat.completions.create(**of_job(job)) for job in range(2)), return_exceptions=True
        )

    first, second = with_client(tmp_path, scenario, use)
    assert first.choices
    assert isinstance(second, openai.RateLimitError)
    assert second.code == "concurrency_limit_exceeded"
    assert second.response.headers["retry-after"] == "1"
    assert second.response.headers["retry-after-ms"] == "300"


def test_quotas_are_told_in_headers_and_kept(tmp_path: Path) -> None:
    """At 6 times the pace a minute of the Scenario is ten real seconds."""
    provider = TOKENS | {"requests_per_minute": 10, "burst_requests": 2, "input_tokens_per_minute": 6000}

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        raw = client.chat.completions.with_raw_response
        answers = [await raw.create(**of_job(job)) for job in range(2)]
        with pytest.raises(openai.RateLimitError) as refused:
            await raw.create(**of_job(2))
        return [answer.headers for answer in answers], refused.value

    (first, second), refused = with_client(tmp_path, a_scenario(provider=provider), use, speed=6.0)
    assert first["x-ratelimit-limit-requests"] == "60"
    assert first["x-ratelimit-remaining-requests"] == "1"
    assert second["x-ratelimit-remaining-requests"] == "0"
    assert first["x-ratelimit-limit-tokens"] == "36000"
    assert 5700 <= int(first["x-ratelimit-remaining-tokens"]) <= 5710
    assert first["x-ratelimit-reset-requests"] in ("1s", "1000ms")
    assert refused.code == "rate_limit_exceeded"
    assert refused.response.headers["retry-after"] == "1"
    assert 0 < int(refused.response.headers["retry-after-ms"]) <= 1000
    assert "x-ratelimit-limit-output-tokens" not in first


def test_an_outage_fails_every_call_at_once_by_the_runs_clock(tmp_path: Path) -> None:
    scenario = a_scenario(
        provider={"outages": [{"start_s": 100.0, "length_s": 50.0}]},
        service={"distribution": "deterministic", "mean_s": 30.0},
    )

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        statuses = []
        for at_s in (60.0, 101.0, 130.0, 151.0):
            started_ns = round((asyncio.get_running_loop().time() - at_s / 300.0) * 1e9)
            endpoint.clock = RunClock(started_ns, 300.0)
            try:
                await client.chat.completions.create(**of_job(0))
                statuses.append(200)
            except openai.InternalServerError as error:
                statuses.append(error.status_code)
        return statuses

    assert with_client(tmp_path, scenario, use, speed=300.0) == [200, 503, 503, 200]


def answered_at_s(folder: Path, scenario: Scenario, at_s: float) -> tuple[int, float]:
    """The status of a call that begins at an instant of the Scenario, and when its answer was there, at 3000 times the speed."""

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        endpoint.clock = RunClock(round((asyncio.get_running_loop().time() - at_s / 3000.0) * 1e9), 3000.0)
        try:
            await client.chat.completions.create(**of_job(0))
        except openai.InternalServerError as error:
            return error.status_code, endpoint.clock.now_s()
        return 200, endpoint.clock.now_s()

    return with_client(folder, scenario, use, speed=3000.0)  # type: ignore[no-any-return]


def test_a_call_that_begins_in_a_hanging_outage_fails_when_it_ends(tmp_path: Path) -> None:
    outages = [{"start_s": 1000.0, "length_s": 1500.0, "mode": "hang"}]
    status, at_s = answered_at_s(tmp_path, a_scenario(provider={"outages": outages}), 1200.0)
    assert status == 503
    assert at_s >= 2500


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"provider": {"outages": [{"start_s": 0.0, "length_s": 1e6}]}}, 503),
        ({"failures": {"transient_percent": 100}}, 500),
    ],
)
def test_a_failing_call_takes_until_its_failure_is_known(tmp_path: Path, given: dict[str, Any], status: int) -> None:
    """Not as long as the call, an hour, and not no time at all."""
    failures = {"failure_s": 900.0} | given.pop("failures", {})
    scenario = a_scenario(service={"distribution": "deterministic", "mean_s": 1e6}, failures=failures, **given)
    answered, at_s = answered_at_s(tmp_path, scenario, 100.0)
    assert answered == status
    assert 1000 <= at_s < 1e6


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.0, "0ms"), (0.0004, "1ms"), (0.12, "120ms"), (1.5, "1.5s"), (360, "6m0s"), (90.25, "1m30.25s")]
)  # fmt: skip
def test_durations_are_written_as_openais_headers_have_them(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_a_strangers_call_meets_the_scenarios_times_and_the_answer_to_its_document(tmp_path: Path) -> None:
    workload = load("document_extraction")

    async def use(client: openai.AsyncOpenAI, endpoint: Endpoint) -> Any:
        messages: Any = workload.messages(4)
        return await client.chat.completions.create(model="sample", messages=messages)

    completion = with_client(tmp_path, a_scenario(), use)
    assert json.loads(completion.choices[0].message.content) == workload.documents[4].answer
    assert completion.usage.prompt_tokens > 50
    assert list(of(Reader(tmp_path).more(), EventType.PROVIDER_CALL)["job"]) == [-1]
