"""The sample endpoint by itself, as a team's own program sees it: by the official client, on its own clock, for as long as it likes."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from simulator.live.sample_endpoint import EndlessCalls, EndpointSummary, SampleEndpoint
from simulator.live.system.openai_api import ModelRequest
from simulator.scenario import Scenario
from simulator.traces import Trace
from tests.live.fakes_clients import a_listener, a_scenario, address_of

Use = Callable[[openai.AsyncOpenAI], Awaitable[Any]]
ROOT = Path(__file__).parents[2]
MESSAGES: list[Any] = [{"role": "user", "content": "What does invoice 2041 come to?"}]


def with_client(
    scenario: Scenario, use: Use, *, speed: float = 1.0, wait_s: float = 0.0
) -> tuple[Any, EndpointSummary]:
    endpoint = SampleEndpoint(scenario, "document_extraction", None, None, speed=speed)

    async def run() -> Any:
        stopped, ready, listener = asyncio.Event(), asyncio.Event(), a_listener()
        serving = asyncio.create_task(endpoint.serve(listener, stopped, ready.set))
        await ready.wait()
        await asyncio.sleep(wait_s)
        async with openai.AsyncOpenAI(base_url=f"{address_of(listener)}/v1", api_key="any", max_retries=0) as client:
            outcome = await use(client)
        stopped.set()
        await serving
        return outcome

    return asyncio.run(run()), endpoint.log.summary()


def test_it_answers_the_official_clients_calls_with_any_key_and_model() -> None:
    async def use(client: openai.AsyncOpenAI) -> Any:
        chat = await client.chat.completions.create(model="gpt-x", messages=MESSAGES)
        response = await client.responses.create(model="gpt-x", input="What does invoice 2041 come to?")
        text = await client.completions.create(model="gpt-x", prompt="What does invoice 2041 come to?")
        return chat.model, chat.choices[0].message.content, response.output_text, text.choices[0].text, response.usage

    (model, *answers, usage), summary = with_client(a_scenario(provider={"output_tokens": 40}), use)
    assert model == "gpt-x"
    assert answers[0] and answers[0] == answers[1] == answers[2]
    assert usage.output_tokens == 40
    assert summary.statuses == {"200": 3} and summary.output_tokens == 120


@pytest.mark.parametrize("kind", ["chat", "responses", "completions"])
def test_a_stream_of_each_protocol_says_the_same_as_the_whole_answer(kind: str) -> None:
    async def use(client: openai.AsyncOpenAI) -> Any:
        if kind == "responses":
            whole = (await client.responses.create(model="m", input="Invoice 2041")).output_text
            kinds, pieces = [], []
            async for event in await client.responses.create(model="m", input="Invoice 2041", stream=True):
                kinds.append(event.type)
                if event.type == "response.output_text.delta":
                    pieces.append(event.delta)
            assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
        elif kind == "chat":
            one = await client.chat.completions.create(model="m", messages=MESSAGES)
            whole = one.choices[0].message.content or ""
            pieces = [
                chunk.choices[0].delta.content or ""
                async for chunk in await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            ]
        else:
            whole = (await client.completions.create(model="m", prompt="Invoice 2041")).choices[0].text
            pieces = [
                chunk.choices[0].text
                async for chunk in await client.completions.create(model="m", prompt="Invoice 2041", stream=True)
            ]
        assert len([piece for piece in pieces if piece]) == 40  # one a token
        return "".join(pieces) == whole

    same, _ = with_client(a_scenario(provider={"output_tokens": 40}), use)
    assert same


def test_embeddings_of_the_same_text_are_the_same_in_both_codings() -> None:
    async def use(client: openai.AsyncOpenAI) -> Any:
        decoded = await client.embeddings.create(model="m", input=["first", "second", "first"])
        listed = await client.embeddings.create(model="m", input="first", encoding_format="float")
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="m", input=[])
        return [one.embedding for one in decoded.data], listed.data[0].embedding

    (vectors, listed), _ = with_client(a_scenario(), use)
    assert vectors[0] == vectors[2] != vectors[1]
    assert np.allclose(vectors[0], listed) and np.linalg.norm(listed) == pytest.approx(1, abs=1e-6)


def test_the_first_token_comes_when_the_scenario_says_and_the_others_at_equal_distances() -> None:
    """Work of 0.8 s with the first token after 0.5 s: half of its 31 tokens are there after 0.65 s."""
    scenario = a_scenario(
        service={"distribution": "deterministic", "mean_s": 0.8},
        first_token_s=0.5,
        synchronous={"streams_response": True},
        provider={"output_tokens": 31},
    )

    async def use(client: openai.AsyncOpenAI) -> Any:
        begun = time.monotonic()
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        return [time.monotonic() - begun async for chunk in stream if chunk.choices[0].delta.content]

    at, summary = with_client(scenario, use)
    assert len(at) == 31
    assert at[0] >= 0.5 and at[15] >= 0.65 and at[-1] >= 0.8
    assert summary.first_token is not None and 0.5 <= summary.first_token.p50_s < summary.latency.p50_s


def test_its_clock_begins_with_the_first_call() -> None:
    """An outage of the first 10 s at 20 times the speed lasts half a second, however long no one has called."""
    outage = {"start_s": 0.0, "length_s": 10.0}

    async def use(client: openai.AsyncOpenAI) -> Any:
        statuses = []
        for pause_s in (0.0, 0.6):
            await asyncio.sleep(pause_s)
            raw = client.chat.completions.with_raw_response
            try:
                statuses.append((await raw.create(model="m", messages=MESSAGES)).status_code)
            except openai.APIStatusError as error:
                statuses.append(error.status_code)
        return statuses

    statuses, summary = with_client(a_scenario(provider={"outages": [outage]}), use, speed=20.0, wait_s=0.6)
    assert statuses == [503, 200]
    assert summary.statuses == {"200": 1, "503": 1} and summary.calls == 2


def test_calls_over_the_limit_are_refused_and_counted() -> None:
    scenario = a_scenario(provider={"max_concurrency": 1}, service={"distribution": "deterministic", "mean_s": 0.3})

    async def use(client: openai.AsyncOpenAI) -> Any:
        calls = (client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(3))
        return await asyncio.gather(*calls, return_exceptions=True)

    outcome, summary = with_client(scenario, use)
    assert sorted(type(one).__name__ for one in outcome) == ["ChatCompletion", "RateLimitError", "RateLimitError"]
    assert summary.statuses == {"200": 1, "429": 2}


def drawn(calls: EndlessCalls, count: int) -> list[float]:
    request: Any = None
    return [calls(request, ModelRequest("m", "text")).service_s for _ in range(count)]


def test_draws_never_end_nor_repeat() -> None:
    exponential = {"distribution": "exponential", "mean_s": 2.0}
    times = drawn(EndlessCalls(a_scenario(jobs=20, service=exponential), None, None), 10_000)
    assert len(set(times)) == 10_000
    assert np.mean(times) == pytest.approx(2.0, rel=0.1)  # five standard errors


def test_a_recordings_own_times_come_over_and_over() -> None:
    recorded = Trace(np.array([0.0, 1.0, 2.0]), service_s=np.array([0.3, 0.1, 0.2]))
    scenario = a_scenario(
        jobs=None, arrivals={"process": "trace", "trace": "calls.csv"}, service={"distribution": "empirical"}
    )
    assert drawn(EndlessCalls(scenario, recorded, None), 6) == [0.3, 0.1, 0.2] * 2


def test_max_tokens_shortens_the_work_in_proportion() -> None:
    """100 tokens take 1 s: a quarter of them takes a quarter."""
    scenario = a_scenario(service={"distribution": "deterministic", "mean_s": 1.0}, provider={"output_tokens": 100})

    async def use(client: openai.AsyncOpenAI) -> Any:
        return await client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=25)

    answer, summary = with_client(scenario, use)
    assert answer.usage.completion_tokens == 25 and answer.choices[0].finish_reason == "length"
    assert 0.25 <= summary.latency.p50_s < 1.0


def test_the_command_says_where_it_is_and_at_the_end_what_was_called(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(a_scenario().model_dump_json(by_alias=True))
    command = [sys.executable, str(ROOT / "manage.py"), "sample-endpoint", "--scenario", str(file), "--port", "0"]
    with subprocess.Popen(
        [*command, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        text = process.stderr.readline()
        address = text.split()[4].rstrip(".")
        openai.OpenAI(base_url=address, api_key="any").chat.completions.create(model="m", messages=MESSAGES)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert json.loads(output)["statuses"] == {"200": 1}
