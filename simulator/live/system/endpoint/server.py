"""The sample AI endpoint's handlers: each call is held to the limits, takes its time, and fails or is answered as its draws say."""

import asyncio
import json
import time
from dataclasses import dataclass
from random import Random

from aiohttp import web

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.endpoint.limits import EARLY_S, EndpointLimits, Refusal
from simulator.live.system.endpoint.protocol import (
    ATTEMPT,
    JOB,
    MODEL,
    Asked,
    Completion,
    Fault,
    asked,
    missing_model,
    model,
    tokens_in,
)
from simulator.live.system.http import application, serve
from simulator.live.system.jobs import MOST_ATTEMPTS, Jobs
from simulator.live.system.journal import Journal, What
from simulator.live.system.process import ProcessContext
from simulator.live.system.workloads import Workload, load

NOBODY = -1
LARGEST_BODY = 8 * 2**20
PIECES = 24
"""Chunks of text that a streamed answer comes in, at most."""


@dataclass(frozen=True)
class Fate:
    """What awaits a call: its place among the jobs' calls (or nobody's), its tokens and time, and whether it fails."""

    job: int
    attempt: int
    input_tokens: float
    output_tokens: float
    takes_s: float
    fails: bool


class Endpoint:
    """One run's endpoint. Its clock is set when the run begins; until then it runs from when the endpoint was made."""

    def __init__(self, plan: ProcessConfig, jobs: Jobs, journal: Journal) -> None:
        self.clock = RunClock(time.monotonic_ns(), plan.speed)
        self._scenario, self._token = plan.scenario, plan.token
        self._jobs, self._journal = jobs, journal
        self._workload: Workload = load(plan.workload)
        self._limits = EndpointLimits(plan.scenario.provider, EARLY_S * plan.speed)
        self._mean_s = float(jobs.service_s.mean()) if len(jobs) else 0.0
        self._draws = Random(plan.scenario.seed)  # noqa: S311  a simulation's draws
        self._calls = 0

    def app(self) -> web.Application:
        """Its routes; anything else is told so in the protocol's shape."""
        app = application(self._token, unauthorized=_unauthorized, client_max_size=LARGEST_BODY)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model}", self._model)
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        return _json(json.dumps({"object": "list", "data": [model()]}).encode())

    async def _model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        return _json(json.dumps(model()).encode()) if name == MODEL else _fault(missing_model(name))

    async def _nothing(self, request: web.Request) -> web.Response:
        return _fault(Fault(404, f"Invalid URL ({request.method} {request.path[:200]})", code="unknown_url"))

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        came_in = time.monotonic()
        try:
            wanted = asked(await _body(request))
            fate = self._fate(request, wanted)
        except Fault as fault:
            return _fault(fault)
        now_s = self.clock.now_s()
        refusal = self._limits.admit(fate.input_tokens, fate.output_tokens, now_s, self._mean_s)
        headers = self._limits.headers(now_s, self.clock.speed)
        if refusal is not None:
            self._journal.write(What.PROVIDER_CALL, fate.job, fate.attempt, 429)
            return _fault(*self._turned_away(refusal, headers))
        status = 503 if self._is_out(now_s) else 500 if fate.fails else 200
        self._journal.write(What.PROVIDER_CALL, fate.job, fate.attempt, status)
        try:
            return await self._answer(request, wanted, fate, status, came_in, headers)
        finally:
            refund = status != 200 and not self._scenario.provider.failed_calls_count
            self._limits.release(fate.input_tokens, fate.output_tokens, self.clock.now_s(), refund=refund)

    async def _answer(
        self, request: web.Request, wanted: Asked, fate: Fate, status: int, came_in: float, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Takes the call's time (none in an outage) and answers, or fails."""
        if status == 503:
            return _fault(
                Fault(503, "The engine is currently unavailable.", "server_error", code="unavailable"), headers
            )
        ends = came_in + self.clock.real_s(fate.takes_s)
        if status == 200 and wanted.streams:
            return await self._stream(request, self._completion(wanted, fate), wanted, came_in, ends, headers)
        await _until(ends)
        headers["openai-processing-ms"] = str(round((time.monotonic() - came_in) * 1000))
        if status == 500:
            return _fault(Fault(500, "The server had an error while processing your request.", "server_error"), headers)
        completion = self._completion(wanted, fate)
        headers["x-request-id"] = f"req_{completion.number}"
        return _json(completion.body(), headers)

    async def _stream(
        self,
        request: web.Request,
        completion: Completion,
        wanted: Asked,
        began: float,
        ends: float,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        """The answer's chunks, spread evenly over the call's time."""
        headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        events = completion.chunks(PIECES, usage=wanted.usage_wanted)
        for place, event in enumerate(events, start=1):
            await _until(began + (ends - began) * place / len(events))
            await response.write(event)
        await response.write_eof()
        return response

    def _fate(self, request: web.Request, wanted: Asked) -> Fate:
        """The job's draws where the call names one, else draws of the endpoint's own from the same Scenario.

        Raises:
            Fault: the call names a job that there is not.
        """
        named = request.headers.get(JOB)
        if named is None:
            return self._stranger(wanted)
        attempt = request.headers.get(ATTEMPT, "0")
        if not (_is_below(len(self._jobs), named) and _is_below(MOST_ATTEMPTS, attempt)):
            raise Fault(400, f"{JOB} and {ATTEMPT} must be numbers of this run.", param=JOB)
        job = int(named)
        return Fate(
            job,
            int(attempt),
            float(self._jobs.input_tokens[job]),
            float(self._jobs.output_tokens[job]),
            float(self._jobs.service_s[job]),
            self._jobs.fails(job, int(attempt)),
        )

    def _stranger(self, wanted: Asked) -> Fate:
        """Times and tokens of any of the run's jobs, which are a sample of the Scenario's distribution."""
        like = self._draws.randrange(len(self._jobs))
        takes_s, output_tokens = float(self._jobs.service_s[like]), float(self._jobs.output_tokens[like])
        fails = self._draws.random() < self._jobs.transient
        return Fate(NOBODY, 0, float(tokens_in(wanted.prompt)), output_tokens, takes_s, fails)

    def _completion(self, wanted: Asked, fate: Fate) -> Completion:
        self._calls += 1
        number = fate.job if fate.job != NOBODY else self._workload.number_of(wanted.prompt)
        tokens = round(fate.output_tokens)
        cut = wanted.max_tokens is not None and tokens > wanted.max_tokens
        text = self._workload.answer(number, wanted.max_tokens if cut and wanted.max_tokens is not None else tokens)
        told_out = wanted.max_tokens if cut and wanted.max_tokens is not None else tokens or tokens_in(text)
        told_in = round(fate.input_tokens) or tokens_in(wanted.prompt)
        return Completion(f"{self._calls:012d}", text, told_in, told_out, cut)

    def _is_out(self, now_s: float) -> bool:
        return any(
            outage.start_s <= now_s < outage.start_s + outage.length_s for outage in self._scenario.provider.outages
        )

    def _turned_away(self, refusal: Refusal, headers: dict[str, str]) -> tuple[Fault, dict[str, str]]:
        """When to come again is told in real time, rounded up; to the millisecond in the second header."""
        real_s = self.clock.real_s(refusal.retry_after_s)
        told = f"Rate limit reached for {MODEL} on {refusal.what}. Please try again in {real_s:.3f}s."
        headers |= {"retry-after": str(-int(-real_s // 1)), "retry-after-ms": str(-int(-real_s * 1000 // 1))}
        return Fault(429, told, refusal.what.split()[-1], code=refusal.code), headers


def _is_below(limit: int, text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 8 and int(text) < limit


def _unauthorized() -> web.Response:
    return _fault(Fault(401, "Incorrect API key provided: this endpoint serves one live run.", code="invalid_api_key"))


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Fault(413, "The body of your request is too large.") from None


async def _until(instant: float) -> None:
    """Of `time.monotonic`, which the event loop's timers have, too."""
    left = instant - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)


def _json(body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _fault(fault: Fault, headers: dict[str, str] | None = None) -> web.Response:
    return _json(fault.body(), headers, fault.status)


def run(context: ProcessContext) -> None:
    """Answer until the controller ends the process."""
    asyncio.run(_serve(context))


async def _serve(context: ProcessContext) -> None:
    config = context.config
    with Journal(config.journal("endpoint")) as journal:
        endpoint = Endpoint(config, context.jobs, journal)
        await serve(endpoint.app(), context.listener)
        context.ready()
        endpoint.clock = RunClock(await context.started(), config.speed)
        await asyncio.Event().wait()
