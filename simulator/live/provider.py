"""How both designs call the provider: OpenAI's own client library, its own retries off, at the sample endpoint or at an outside one.

An outside endpoint's calls, their tokens and the time are capped, over all processes of a run together. Its key comes from the environment and
stays in this module: it is in no plan, journal or message, whatever the server answers.
"""

import logging
import os
import time
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from simulator.live.clock import NS_PER_S
from simulator.live.endpoint.protocol import ATTEMPT, JOB, MODEL
from simulator.live.plan import KEY, ExternalEndpoint, LivePlan
from simulator.live.workloads import load

SAMPLE_KEY = "sample"
OUTSIDE_TIMEOUT_S = 120.0
SAMPLE_TIMEOUT_S = 3600.0
"""The sample endpoint always answers; how long it takes is the Scenario's."""
LONGEST_REASON = 300
OK, NO_ANSWER = 200, 0


class KeyMissing(Exception):
    """An outside endpoint is to be called, and its key is not in the environment."""


@dataclass(frozen=True)
class Reply:
    """What came of one call. `status` is HTTP's; 0: no answer came, or a cap forbade the call."""

    status: int
    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    retry_after_s: float | None = None
    """Real seconds."""
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.status == OK


class Caps:
    """An outside endpoint's caps. Calls are counted as the bytes of a file, which every process of the run appends to."""

    def __init__(self, plan: LivePlan, external: ExternalEndpoint, started_ns: int) -> None:
        self._external = external
        self._until_ns = started_ns + round(external.max_seconds * NS_PER_S)
        self._file = os.open(plan.path / "external.calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def left_s(self) -> float:
        """Real seconds until no call may be under way any more."""
        return (self._until_ns - time.monotonic_ns()) / NS_PER_S

    def forbid(self) -> str:
        """Count a call; why it must not be made, or nothing."""
        if self.left_s() <= 0:
            return f"the run's {self._external.max_seconds:g} s at this endpoint are over"
        os.write(self._file, b".")
        if os.fstat(self._file).st_size > self._external.max_calls:
            return f"the run's {self._external.max_calls:,} calls to this endpoint are made"
        return ""


class _Calls:
    """What the two clients share: addresses, arguments, and the reading of answers."""

    def __init__(self, plan: LivePlan, started_ns: int) -> None:
        self._workload = load(plan.workload)
        self._external = plan.external
        self._caps = Caps(plan, plan.external, started_ns) if plan.external is not None else None
        self._key = _key(plan)
        for name in ("openai", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # they log addresses, and at their most talkative more
        self._arguments: dict[str, Any] = {"model": MODEL if plan.external is None else plan.external.model}
        if plan.external is not None:
            self._arguments["max_tokens"] = plan.external.max_tokens_a_call
        self._settings: dict[str, Any] = {
            "api_key": self._key,
            "base_url": f"{plan.endpoint}/v1" if plan.external is None else plan.external.url,
            "max_retries": 0,
            "timeout": SAMPLE_TIMEOUT_S,
        }

    def _request(self, job: int, attempt: int) -> dict[str, Any]:
        """One call, as the library's `post` takes it; only the sample endpoint is told whose it is.

        `chat.completions.create` makes the same request, but searches every message for what it might have to rewrite (a third of a call's cost).
        """
        options: dict[str, Any] = (
            {"headers": {JOB: str(job), ATTEMPT: str(attempt)}}
            if self._caps is None
            else {"timeout": max(0.001, min(OUTSIDE_TIMEOUT_S, self._caps.left_s()))}
        )
        body = self._arguments | {"messages": self._workload.messages(job)}
        return {"path": "/chat/completions", "cast_to": ChatCompletion, "body": body, "options": options}

    def _forbidden(self) -> Reply | None:
        why = self._caps.forbid() if self._caps is not None else ""
        return Reply(NO_ANSWER, reason=why) if why else None

    def _reply(self, completion: ChatCompletion) -> Reply:
        """Whatever a server calls success is only that with an answer in it."""
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            return Reply(NO_ANSWER, reason="the endpoint's answer is no chat completion")
        usage, text = completion.usage, completion.choices[0].message.content
        if usage is None:
            return Reply(OK, text or "")
        return Reply(OK, text or "", usage.prompt_tokens, usage.completion_tokens)

    def _failure(self, error: openai.APIError) -> Reply:
        if isinstance(error, openai.APIStatusError):
            return Reply(error.status_code, retry_after_s=_retry_after_s(error), reason=self._told(error.message))
        return Reply(NO_ANSWER, reason=self._told(error.message))

    def _told(self, message: str) -> str:
        """A server's words, without the key that it may have repeated."""
        return message.replace(self._key, "[key]")[:LONGEST_REASON]


class Provider(_Calls):
    """For threads, which may share it."""

    def __init__(self, plan: LivePlan, started_ns: int) -> None:
        super().__init__(plan, started_ns)
        self._client = openai.OpenAI(**self._settings)

    def call(self, job: int, attempt: int) -> Reply:
        """Call number `attempt` of the job, the calls of a synchronous client counted through. Failures are replies, too."""
        forbidden = self._forbidden()
        if forbidden is not None:
            return forbidden
        try:
            return self._reply(self._client.post(**self._request(job, attempt)))
        except openai.APIError as error:
            return self._failure(error)


class AsyncProvider(_Calls):
    """For one event loop."""

    def __init__(self, plan: LivePlan, started_ns: int) -> None:
        super().__init__(plan, started_ns)
        http_client = openai.DefaultAioHttpClient() if plan.external is None else None
        self._client = openai.AsyncOpenAI(**self._settings, http_client=http_client)

    async def call(self, job: int, attempt: int) -> Reply:
        """As `Provider.call`."""
        forbidden = self._forbidden()
        if forbidden is not None:
            return forbidden
        try:
            return self._reply(await self._client.post(**self._request(job, attempt)))
        except openai.APIError as error:
            return self._failure(error)


def _key(plan: LivePlan) -> str:
    if plan.external is None:
        return SAMPLE_KEY
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise KeyMissing(f"{KEY} holds the key of the endpoint; it is not set")
    return key


def _retry_after_s(error: openai.APIStatusError) -> float | None:
    """To the millisecond where the server tells it so."""
    headers = error.response.headers
    for name, a_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return float(headers[name]) / a_second
        except (KeyError, ValueError):
            continue
    return None
