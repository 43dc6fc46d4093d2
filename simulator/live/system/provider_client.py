"""How both designs call the provider: OpenAI's own client library, its own retries off, at the sample endpoint or at an outside one.

An outside endpoint's calls, their tokens and the time are capped, over all processes of a run together. Its key is given by the controller and
stays in this module: it is in no file, journal or message, whatever the server answers.
"""

import logging
import ssl
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import openai
from openai.types.chat import ChatCompletion

from simulator.live.system.call_budget import CallBudget, Cut
from simulator.live.system.clock import NS_PER_S
from simulator.live.system.config import ExternalEndpoint, ProcessConfig
from simulator.live.system.endpoint.protocol import ATTEMPT, JOB, MODEL
from simulator.live.system.workloads import load

OUTSIDE_TIMEOUT_S = 120.0
SAMPLE_TIMEOUT_S = 3600.0
"""The sample endpoint always answers; how long it takes is the Scenario's."""
LONGEST_REASON = 300
LEAST_OF_A_KEY = 8
"""Characters of a key in a row that are taken out of a server's words."""
OK, NO_ANSWER = 200, 0


class KeyMissing(Exception):
    """An external endpoint is to be called, and there is no key for it."""


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
    """An outside endpoint's caps, which all processes of a design's run share."""

    def __init__(self, plan: ProcessConfig, external: ExternalEndpoint) -> None:
        self._external = external
        self._until_ns = plan.clock().started_ns + round(external.seconds_a_design * NS_PER_S)
        self._ledger = CallBudget(plan.path, external.calls_a_design, external.max_tokens_a_call)

    def left_s(self) -> float:
        """Real seconds until no call may be under way any more."""
        return (self._until_ns - time.monotonic_ns()) / NS_PER_S

    def forbid(self) -> str:
        """Book a call; why it must not be made, or nothing."""
        external = self._external
        cut = self._ledger.book() if self.left_s() > 0 else self._ledger.out_of_time()
        return {
            Cut.NONE: "",
            Cut.CALLS: f"the {external.calls_a_design:,} calls that a design may make to this endpoint are made",
            Cut.TOKENS: f"the {external.calls_a_design * external.max_tokens_a_call:,} output tokens that a design may use are used",
            Cut.TIME: f"the {external.seconds_a_design:g} s that a design has at this endpoint are over",
        }[cut]

    def settle(self, reply: Reply) -> None:
        """A call that was booked has ended."""
        if not reply.succeeded:
            self._ledger.note(reply.reason or f"HTTP {reply.status}")
            if self.left_s() <= 0:
                self._ledger.out_of_time()
        self._ledger.settle(
            succeeded=reply.succeeded, input_tokens=reply.input_tokens, output_tokens=reply.output_tokens
        )


class _Calls:
    """What the two clients share: addresses, arguments, and the reading of answers."""

    def __init__(self, plan: ProcessConfig, api_key: str | None = None) -> None:
        self._workload = load(plan.workload)
        self._plan, self._external = plan, plan.external
        self._key = _key(plan, api_key)
        for name in ("openai", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # they log addresses, and at their most talkative more
        self._arguments: dict[str, Any] = {"model": MODEL if plan.external is None else plan.external.model}
        if plan.external is not None:
            self._arguments[plan.external.tokens_field] = plan.external.max_tokens_a_call
        self._settings: dict[str, Any] = {
            "api_key": self._key,
            "base_url": f"{plan.endpoint}/v1" if plan.external is None else plan.external.url,
            "max_retries": 0,
            "timeout": SAMPLE_TIMEOUT_S,
        }

    @cached_property
    def _caps(self) -> Caps | None:
        """Of an external endpoint. Asked for by the first call: the run has begun then."""
        return Caps(self._plan, self._external) if self._external is not None else None

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

    def _settled(self, reply: Reply) -> Reply:
        if self._caps is not None:
            self._caps.settle(reply)
        return reply

    def _reply(self, completion: ChatCompletion) -> Reply:
        """Whatever a server calls success is only that with an answer in it."""
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            return Reply(NO_ANSWER, reason="the endpoint's answer is no chat completion")
        usage, text = completion.usage, self._unkeyed(completion.choices[0].message.content or "")
        if usage is None:
            return Reply(OK, text)
        return Reply(OK, text, _tokens(usage.prompt_tokens), _tokens(usage.completion_tokens))

    def _failure(self, error: openai.APIError) -> Reply:
        if isinstance(error, openai.APIStatusError):
            return Reply(error.status_code, retry_after_s=_retry_after_s(error), reason=self._told(error.message))
        return Reply(NO_ANSWER, reason=self._told(error.message))

    def _told(self, message: str) -> str:
        """A server's words, without the key that it may have repeated."""
        return self._unkeyed(message)[:LONGEST_REASON]

    def _unkeyed(self, text: str) -> str:
        """Without the key, whole, in part or as addresses write it."""
        return text if self._external is None else without(text, self._key, quote(self._key, safe=""))


class Provider(_Calls):
    """For threads, which may share it."""

    def __init__(self, plan: ProcessConfig, api_key: str | None = None) -> None:
        super().__init__(plan, api_key)
        http_client = (
            openai.DefaultHttpxClient(follow_redirects=False)
            if plan.external is not None
            else openai.DefaultHttpxClient(verify=_trusting_nobody())
        )
        self._client = openai.OpenAI(**self._settings, http_client=http_client)

    def call(self, job: int, attempt: int) -> Reply:
        """Call number `attempt` of the job, the calls of a synchronous client counted through. Failures are replies, too."""
        forbidden = self._forbidden()
        if forbidden is not None:
            return forbidden
        try:
            return self._settled(self._reply(self._client.post(**self._request(job, attempt))))
        except openai.APIError as error:
            return self._settled(self._failure(error))


class AsyncProvider(_Calls):
    """For one event loop."""

    def __init__(self, plan: ProcessConfig, api_key: str | None = None) -> None:
        super().__init__(plan, api_key)
        outside = plan.external is not None
        http_client = (
            openai.DefaultAsyncHttpxClient(follow_redirects=False)
            if outside
            else openai.DefaultAioHttpClient(verify=_trusting_nobody())
        )
        self._client = openai.AsyncOpenAI(**self._settings, http_client=http_client)

    async def call(self, job: int, attempt: int) -> Reply:
        """As `Provider.call`."""
        forbidden = self._forbidden()
        if forbidden is not None:
            return forbidden
        try:
            return self._settled(self._reply(await self._client.post(**self._request(job, attempt))))
        except openai.APIError as error:
            return self._settled(self._failure(error))


def _trusting_nobody() -> ssl.SSLContext:
    """For the sample endpoint, which speaks plain HTTP: reading the authorities' certificates would take a tenth of a second of a run's start."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def without(text: str, *secrets: str) -> str:
    """The text, with `[key]` for every run of characters of a secret that is long enough to give it away."""
    for secret in secrets:
        size = min(len(secret), LEAST_OF_A_KEY)
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


def _tokens(count: Any) -> int:
    """As a server says; whatever is no number counts as none."""
    return count if isinstance(count, int) and count >= 0 else 0


def _key(plan: ProcessConfig, api_key: str | None) -> str:
    if plan.external is None:
        return plan.token
    if api_key is None:
        raise KeyMissing(f"there is no key for {plan.external.host}")
    return api_key


def _retry_after_s(error: openai.APIStatusError) -> float | None:
    """To the millisecond where the server tells it so."""
    headers = error.response.headers
    for name, a_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return float(headers[name]) / a_second
        except (KeyError, ValueError):
            continue
    return None
