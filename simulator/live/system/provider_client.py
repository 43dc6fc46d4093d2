"""How both designs call the provider: OpenAI's own client library without its retries, at the sample endpoint or at an external one.

An external endpoint's calls, their tokens and the time are capped, over all processes of a run together. Its key is given by the controller and
stays in this module: it is in no file, journal or message, whatever the server answers.
"""

import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from math import inf
from typing import Any
from urllib.parse import quote

import openai
from openai.types.chat import ChatCompletion

from simulator.live.system.call_budget import CallBudget
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import NO_ANSWER
from simulator.live.system.openai_api import ATTEMPT, JOB, MODEL, PROBES, RETRY_AFTER_MS
from simulator.live.system.workloads import load

EXTERNAL_TIMEOUT_S = 120.0
SAMPLE_TIMEOUT_S = 3600.0
"""The sample endpoint always answers, unless the Scenario gives up calls that take longer; how long it takes is the Scenario's."""
LONGEST_REASON = 300
SHORTEST_SECRET = 8
"""Characters of a key in a row that are taken out of a server's messages."""


class KeyMissing(Exception):
    pass


@dataclass(frozen=True)
class Reply:
    """What came of one call. `status` is HTTP's; 0: no answer came, or a cap forbade the call."""

    status: int
    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    reason: str = ""
    retry_after_s: float = 0.0
    """Scenario seconds that a refusal asks to stay away, if the Scenario's callers heed it."""

    @property
    def succeeded(self) -> bool:
        return self.status == HTTPStatus.OK


class _BaseClient:
    def __init__(self, config: ProcessConfig, api_key: str | None = None) -> None:
        external = config.external
        if external is not None and api_key is None:
            raise KeyMissing(f"there is no key for {external.host}")
        self._key = config.token if external is None or api_key is None else api_key
        self._workload, self._config, self._external = load(config.workload), config, external
        for name in ("openai", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # they log addresses, and at their most talkative more
        self._arguments: dict[str, Any] = {"model": MODEL if external is None else external.model}
        if external is not None:
            self._arguments[external.tokens_field] = external.max_tokens_a_call
        timeout_s = config.scenario.provider.call_timeout_s
        self._call_timeout_s = SAMPLE_TIMEOUT_S if timeout_s is None else timeout_s / config.speed
        self._settings: dict[str, Any] = {
            "api_key": self._key,
            "base_url": f"{config.endpoint}/v1" if external is None else external.url,
            "max_retries": 0,
            "timeout": self._call_timeout_s,
        }
        # The sample endpoint speaks plain HTTP: reading the authorities' certificates would take a tenth of a second of a run's start.
        self._http_settings: dict[str, Any] = (
            {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)} if external is None else {"follow_redirects": False}
        )

    @cached_property
    def _budget(self) -> CallBudget | None:
        return CallBudget(self._config, self._external) if self._external is not None else None

    def _request(self, job: int, attempt: int, probes: int, limit_s: float) -> dict[str, Any]:
        """One call, as the library's `post` takes it; only the sample endpoint gets the job's number. It is given up after `limit_s`, real.

        `chat.completions.create` makes the same request, but searches every message for what it might have to rewrite (a third of a call's cost).
        """
        options: dict[str, Any] = (
            {
                "headers": {JOB: str(job), ATTEMPT: str(attempt), PROBES: str(probes)},
                "timeout": min(limit_s, self._call_timeout_s),
            }
            if self._budget is None
            else {"timeout": max(0.001, min(EXTERNAL_TIMEOUT_S, limit_s, self._call_timeout_s, self._budget.left_s()))}
        )
        body = self._arguments | {"messages": self._workload.messages(job)}
        return {"path": "/chat/completions", "cast_to": ChatCompletion, "body": body, "options": options}

    def _refusal(self) -> Reply | None:
        why = self._budget.book() if self._budget is not None else ""
        return Reply(NO_ANSWER, reason=why) if why else None

    def _reply(self, answer: Any) -> Reply:
        reply = self._read(answer)
        if self._budget is not None:
            self._budget.settle(
                succeeded=reply.succeeded,
                reason=reply.reason or f"HTTP {reply.status}",
                input_tokens=reply.input_tokens,
                output_tokens=reply.output_tokens,
            )
        return reply

    def _read(self, answer: Any) -> Reply:
        if isinstance(answer, openai.APIError):
            status = answer.status_code if isinstance(answer, openai.APIStatusError) else NO_ANSWER
            asked_s = _asked_s(answer) * self._config.speed if self._config.scenario.provider.heeds_retry_after else 0.0
            return Reply(status, reason=self._redact(answer.message)[:LONGEST_REASON], retry_after_s=asked_s)
        if not isinstance(answer, ChatCompletion) or not answer.choices:
            return Reply(NO_ANSWER, reason="the endpoint's answer is no chat completion")
        text, usage = self._redact(answer.choices[0].message.content or ""), answer.usage
        if usage is None:
            return Reply(HTTPStatus.OK, text)
        return Reply(HTTPStatus.OK, text, _tokens(usage.prompt_tokens), _tokens(usage.completion_tokens))

    def _redact(self, text: str) -> str:
        return text if self._external is None else redact(text, self._key, quote(self._key, safe=""))


class ProviderClient(_BaseClient):
    """Threads may share it."""

    def __init__(self, config: ProcessConfig, api_key: str | None = None) -> None:
        super().__init__(config, api_key)
        http_client = openai.DefaultHttpxClient(**self._http_settings)
        self._client = openai.OpenAI(**self._settings, http_client=http_client)

    def call(self, job: int, attempt: int, probes: int = 0, limit_s: float = inf) -> Reply:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        answer: Any
        try:
            answer = self._client.post(**self._request(job, attempt, probes, limit_s))
        except openai.APIError as error:
            answer = error
        return self._reply(answer)


class AsyncProviderClient(_BaseClient):
    """For one event loop."""

    def __init__(self, config: ProcessConfig, api_key: str | None = None) -> None:
        super().__init__(config, api_key)
        kind = openai.DefaultAioHttpClient if config.external is None else openai.DefaultAsyncHttpxClient
        self._client = openai.AsyncOpenAI(**self._settings, http_client=kind(**self._http_settings))

    async def call(self, job: int, attempt: int) -> Reply:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        answer: Any
        try:
            answer = await self._client.post(**self._request(job, attempt, 0, inf))
        except openai.APIError as error:
            answer = error
        return self._reply(answer)


def redact(text: str, *secrets: str) -> str:
    """The text, with `[key]` for every run of characters of a secret that is long enough to give it away."""
    for secret in secrets:
        size = min(len(secret), SHORTEST_SECRET)
        pieces = {secret[start : start + size] for start in range(len(secret) - size + 1)}
        shown = [True] * len(text)
        for start in range(len(text) - size + 1):
            if text[start : start + size] in pieces:
                shown[start : start + size] = [False] * size
        text = "".join(
            letter if seen else "" if place and not shown[place - 1] else "[key]"
            for place, (letter, seen) in enumerate(zip(text, shown, strict=True))
        )
    return text


def _asked_s(error: openai.APIError) -> float:
    """Real seconds that a refusal (429) asks to stay away; 0 if it asks for none, or not in seconds."""
    if not isinstance(error, openai.RateLimitError):
        return 0.0
    for name, unit_s in ((RETRY_AFTER_MS, 0.001), ("retry-after", 1.0)):
        with suppress(ValueError):
            asked_s = float(error.response.headers.get(name, "")) * unit_s
            return asked_s if 0 < asked_s < inf else 0.0
    return 0.0


def _tokens(count: Any) -> int:
    return count if isinstance(count, int) and count >= 0 else 0
