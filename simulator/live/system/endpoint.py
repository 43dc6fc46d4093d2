"""The sample AI endpoint's handlers: each call is held to the limits, takes its time, and fails or is answered as its draws say."""

import asyncio
import time
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import assert_never

from aiohttp import web

from simulator.live.system.chat_protocol import (
    ATTEMPT,
    JOB,
    MODEL,
    MODEL_OBJECT,
    PROBES,
    RETRY_AFTER_MS,
    ChatRequest,
    Completion,
    Fault,
    missing_model,
    read_request,
    tokens_in,
)
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.endpoint_limits import EARLY_S, EndpointLimits, Refusal
from simulator.live.system.http import NO_ANSWER, make_application, serve
from simulator.live.system.jobs import DRAWS_PER_PURPOSE, Jobs
from simulator.live.system.journal import EventType, Journal
from simulator.live.system.process import ProcessContext
from simulator.live.system.shared_model import SharedModel, slowing_of
from simulator.live.system.workloads import load
from simulator.scenario import Outage

NO_JOB = -1
LARGEST_PROMPT = 8 * 2**20
PIECES = 24


@dataclass(frozen=True)
class CallDraws:
    """Which call of a job it is (or of none), its tokens and time, and whether it fails."""

    job: int
    attempt: int
    input_tokens: float
    output_tokens: float
    service_s: float
    fails: bool


class Endpoint:
    """One run's endpoint. Its clock is set when the run begins; until then it runs from when the endpoint was made."""

    def __init__(self, config: ProcessConfig, jobs: Jobs, journal: Journal) -> None:
        self.clock = RunClock(time.monotonic_ns(), config.speed)
        self._provider, self._token = config.scenario.provider, config.token
        self._jobs, self._journal = jobs, journal
        self._workload = load(config.workload)
        self._shared_model = SharedModel(slowing_of(config.scenario, jobs))
        self._failure_s = config.scenario.failures.failure_s
        unpaced = self._provider.is_unpaced
        self._limits = EndpointLimits(self._provider, 0.0 if unpaced else EARLY_S * config.speed)
        self._usual_s = float(jobs.service_s.mean()) if len(jobs) and not unpaced else 0.0
        self._draws = Random(config.scenario.seed)  # noqa: S311  a simulation's draws
        self._calls = 0

    def app(self) -> web.Application:
        app = make_application(self._token, unauthorized=_unauthorized, client_max_size=LARGEST_PROMPT)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model}", self._model)
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [MODEL_OBJECT]})

    async def _model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        return web.json_response(MODEL_OBJECT) if name == MODEL else _fault(missing_model(name))

    async def _nothing(self, request: web.Request) -> web.Response:
        return _fault(Fault(404, f"Invalid URL ({request.method} {request.path[:200]})", code="unknown_url"))

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        came_in = time.monotonic()
        try:
            wanted = read_request(await _body(request))
            draws = self._draws_of(request, wanted)
        except Fault as fault:
            return _fault(fault)
        now_s = self.clock.now_s()
        refusal = self._limits.admit(draws.input_tokens, draws.output_tokens, now_s, self._usual_s)
        headers = self._limits.headers(now_s, self.clock.speed)
        if refusal is not None:
            self._journal.write(EventType.PROVIDER_CALL, draws.job, draws.attempt, 429)
            return self._refuse(refusal, headers)
        outage = self._provider.outage_at(now_s)
        status = 503 if outage is not None else 500 if draws.fails else 200
        self._journal.write(EventType.PROVIDER_CALL, draws.job, draws.attempt, status)
        try:
            if outage is not None:
                await self._wait_in_outage(outage, now_s)
                return _fault(
                    Fault(503, "The engine is currently unavailable.", "server_error", code="unavailable"), headers
                )
            takes = self.clock.real_s(draws.service_s)
            if status == 200 and wanted.streams:
                return await self._stream(request, wanted, self._completion(wanted, draws), (came_in, takes), headers)
            if status == 500 and self._failure_s is not None:
                await self._shared_model.fail_after(self.clock.real_s(self._failure_s))
            else:
                await self._shared_model.work(takes, came_in)
            headers["openai-processing-ms"] = str(round((time.monotonic() - came_in) * 1000))
            if status == 500:
                return _fault(
                    Fault(500, "The server had an error while processing your request.", "server_error"), headers
                )
            completion = self._completion(wanted, draws)
            headers["x-request-id"] = f"req_{completion.number}"
            return web.json_response(completion.body(), headers=headers)
        except asyncio.CancelledError:  # the caller gave up
            status = NO_ANSWER
            raise
        finally:
            refund = status != 200 and not self._provider.failed_calls_count
            self._limits.release(draws.input_tokens, draws.output_tokens, self.clock.now_s(), refund=refund)

    async def _stream(
        self,
        request: web.Request,
        wanted: ChatRequest,
        completion: Completion,
        span: tuple[float, float],
        headers: dict[str, str],
    ) -> web.StreamResponse:
        """The answer's chunks, spread evenly over the call's work: `span` is when it came in (`time.monotonic`) and how long it takes."""
        headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        events = completion.chunks(PIECES, usage=wanted.usage_wanted)
        for place, event in enumerate(events, start=1):
            await self._shared_model.work(span[1] / len(events), span[0] + span[1] * (place - 1) / len(events))
            await response.write(event)
        await response.write_eof()
        return response

    def _draws_of(self, request: web.Request, wanted: ChatRequest) -> CallDraws:
        """The job's draws if the call names one, else the endpoint's own: a job's time and tokens are a sample of the Scenario's distribution.

        Raises:
            Fault: there is no such job.
        """
        jobs, named, attempt = self._jobs, request.headers.get(JOB), request.headers.get(ATTEMPT, "0")
        probes = request.headers.get(PROBES, "0")
        if named is None:
            job = self._draws.randrange(len(jobs))
            number, call, input_tokens = NO_JOB, 0, float(tokens_in(wanted.prompt))
            fails = self._draws.random() < jobs.transient
        elif _is_below(len(jobs), named) and all(_is_below(DRAWS_PER_PURPOSE, text) for text in (attempt, probes)):
            job = number = int(named)
            call, input_tokens = int(attempt), float(jobs.input_tokens[job])
            fails = jobs.fails(job, call, int(probes))
        else:
            raise Fault(400, f"{JOB}, {ATTEMPT} and {PROBES} must be numbers of this run.", param=JOB)
        return CallDraws(number, call, input_tokens, float(jobs.output_tokens[job]), float(jobs.service_s[job]), fails)

    def _completion(self, wanted: ChatRequest, draws: CallDraws) -> Completion:
        self._calls += 1
        number = draws.job if draws.job != NO_JOB else self._workload.number_of(wanted.prompt)
        whole = round(draws.output_tokens)
        tokens = min(whole, wanted.max_tokens or whole)
        text = self._workload.answer(number, tokens)
        input_tokens = round(draws.input_tokens) or tokens_in(wanted.prompt)
        return Completion(f"{self._calls:012d}", text, input_tokens, tokens or tokens_in(text), tokens < whole)

    async def _wait_in_outage(self, outage: Outage, now_s: float) -> None:
        """Until a call that begins in an outage has failed."""
        match outage.mode:
            case "hang":
                await asyncio.sleep(self.clock.real_s(outage.start_s + outage.length_s - now_s))
            case "refuse":
                await asyncio.sleep(self.clock.real_s(self._failure_s or 0.0))
            case _:
                assert_never(outage.mode)

    def _refuse(self, refusal: Refusal, headers: dict[str, str]) -> web.Response:
        """429. When to call again is in real time, in whole seconds, rounded up, and in milliseconds in the second header."""
        real_s = self.clock.real_s(refusal.retry_after_s)
        message = f"Rate limit reached for {MODEL} on {refusal.what}."
        if real_s > 0:
            message += f" Please try again in {real_s:.3f}s."
            headers |= {"retry-after": str(ceil(real_s)), RETRY_AFTER_MS: str(ceil(real_s * 1000))}
        return _fault(Fault(429, message, refusal.what.split()[-1], code=refusal.code), headers)


def _is_below(limit: int, text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 8 and int(text) < limit


def _unauthorized() -> web.Response:
    return _fault(Fault(401, "Incorrect API key provided: this endpoint serves one live run.", code="invalid_api_key"))


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Fault(413, "The body of your request is too large.") from None


def _fault(fault: Fault, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(fault.body(), status=fault.status, headers=headers)


async def run_endpoint(context: ProcessContext) -> None:
    config = context.config
    with Journal(config.journal("endpoint")) as journal:
        endpoint = Endpoint(config, context.jobs, journal)
        await serve(endpoint.app(), context.listener, notices_leavers=True)
        context.ready()
        endpoint.clock = await context.started()
        await asyncio.Event().wait()
