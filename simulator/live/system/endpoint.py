"""The sample AI endpoint's handlers: each call is held to the limits, takes its time, and fails or is answered as its draws say."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from random import Random
from typing import assert_never

from aiohttp import web

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.endpoint_limits import EARLY_S, EndpointLimits, Refusal
from simulator.live.system.http import NO_ANSWER, make_application, serve
from simulator.live.system.jobs import DRAWS_PER_PURPOSE, Jobs
from simulator.live.system.journal import EventType, Journal
from simulator.live.system.openai_api import (
    ATTEMPT,
    JOB,
    MODEL,
    PROBES,
    PROTOCOLS,
    RETRY_AFTER_MS,
    Answer,
    Fault,
    ModelRequest,
    Protocol,
    missing_model,
    model_object,
    tokens_in,
)
from simulator.live.system.process import ProcessContext
from simulator.live.system.shared_model import SharedModel, slowing_of
from simulator.live.system.workloads import SampleWorkload, load
from simulator.scenario import Outage, Scenario

NO_JOB = -1
LARGEST_PROMPT = 8 * 2**20


@dataclass(frozen=True)
class CallDraws:
    """Which call of a job it is (or of none), its tokens, its time (Scenario seconds), and whether it fails."""

    job: int
    attempt: int
    input_tokens: float
    output_tokens: float
    service_s: float
    fails: bool


DrawsOf = Callable[[web.Request, ModelRequest], CallDraws]
"""A call's draws. Raises Fault if it names a job that there is not."""


@dataclass(frozen=True)
class CallOutcome:
    """How a call ended: the HTTP status (0: the caller gave up), and real seconds since it came in."""

    status: int
    took_s: float
    first_token_s: float | None
    """Of an answer that was streamed."""
    input_tokens: float
    output_tokens: float


class Endpoint:
    """Calls are held to the provider's limits. The clock is set when a run, or the first call, begins.

    `usual_s`: for how long to stay away if calls at once are the limit. `token`: what callers must show; None: nothing. `models`: the names
    that are served; empty: any.
    """

    def __init__(
        self,
        scenario: Scenario,
        workload: SampleWorkload,
        draws_of: DrawsOf,
        *,
        speed: float,
        shared_model: SharedModel,
        usual_s: float = 0.0,
        early_s: float = 0.0,
        token: str | None = None,
        models: tuple[str, ...] = (MODEL,),
        on_begin: Callable[[CallDraws, int], None] = lambda draws, status: None,
        on_end: Callable[[CallOutcome], None] = lambda end: None,
    ) -> None:
        self.clock = RunClock(time.monotonic_ns(), speed)
        self._provider, self._first_token_s = scenario.provider, scenario.first_token_s
        self._failure_s, self._workload, self._draws_of = scenario.failures.failure_s, workload, draws_of
        self._shared_model, self._usual_s, self._token, self._served = shared_model, usual_s, token, models
        self._limits = EndpointLimits(self._provider, early_s)
        self._on_begin, self._on_end = on_begin, on_end
        self._calls = 0

    def app(self) -> web.Application:
        app = make_application(self._token, unauthorized=_unauthorized, client_max_size=LARGEST_PROMPT)
        for protocol in PROTOCOLS:
            app.router.add_post(protocol.path, partial(self._answer, protocol))
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model}", self._model)
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        """As vLLM's server has it: load generators wait for it."""
        return web.Response()

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [model_object(name) for name in self._served or (MODEL,)]})

    async def _model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        return web.json_response(model_object(name)) if self._serves(name) else _fault(missing_model(name))

    def _serves(self, model: str) -> bool:
        return not self._served or model in self._served

    async def _nothing(self, request: web.Request) -> web.Response:
        return _fault(Fault(404, f"Invalid URL ({request.method} {request.path[:200]})", code="unknown_url"))

    async def _answer(self, protocol: Protocol, request: web.Request) -> web.StreamResponse:
        call = _Call(time.monotonic())
        try:
            wanted = protocol.read(await _body(request))
            if not self._serves(wanted.model):
                raise missing_model(wanted.model)
            call.draws = self._draws_of(request, wanted)
        except Fault as fault:
            return _fault(fault)
        now_s = self.clock.now_s()
        refusal = self._limits.admit(call.draws.input_tokens, call.draws.output_tokens, now_s, self._usual_s)
        headers = self._limits.headers(now_s, self.clock.speed)
        if refusal is not None:
            self._on_begin(call.draws, 429)
            self._on_end(call.end(429))
            return self._refuse(refusal, headers)
        outage = self._provider.outage_at(now_s)
        status = 503 if outage is not None else 500 if call.draws.fails else 200
        self._on_begin(call.draws, status)
        try:
            if outage is not None:
                await self._wait_in_outage(outage, now_s)
                return _fault(
                    Fault(503, "The engine is currently unavailable.", "server_error", code="unavailable"), headers
                )
            if status == 500:
                await self._fail(call)
                headers["openai-processing-ms"] = call.processing_ms()
                return _fault(
                    Fault(500, "The server had an error while processing your request.", "server_error"), headers
                )
            answer = self._answer_to(wanted, call.draws)
            if wanted.streams:
                return await self._stream(request, protocol, call, answer, headers)
            await self._shared_model.work(self.clock.real_s(self._takes_s(call.draws, answer)), call.came_in)
            headers |= {"openai-processing-ms": call.processing_ms(), "x-request-id": f"req_{answer.number}"}
            return web.json_response(protocol.whole(answer), headers=headers)
        except (asyncio.CancelledError, ConnectionResetError):  # the caller gave up
            status = NO_ANSWER
            raise
        finally:
            refund = status != 200 and not self._provider.failed_calls_count
            self._limits.release(call.draws.input_tokens, call.draws.output_tokens, self.clock.now_s(), refund=refund)
            self._on_end(call.end(status))

    async def _fail(self, call: "_Call") -> None:
        if self._failure_s is not None:
            await self._shared_model.fail_after(self.clock.real_s(self._failure_s))
        else:
            await self._shared_model.work(self.clock.real_s(call.draws.service_s), call.came_in)

    async def _stream(
        self, request: web.Request, protocol: Protocol, call: "_Call", answer: Answer, headers: dict[str, str]
    ) -> web.StreamResponse:
        """The answer token by token: the first after the Scenario's `first_token_s`, the others at equal distances until its work is done."""
        headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        takes_s, tokens = self._takes_s(call.draws, answer), max(1, answer.output_tokens)
        first_s = takes_s / tokens if self._first_token_s is None else min(self._first_token_s, takes_s)
        done_s = 0.0
        for place, event in enumerate(protocol.events(answer)):
            due_s = first_s + (takes_s - first_s) * place / max(1, tokens - 1)
            begun = call.came_in + self.clock.real_s(done_s)
            await self._shared_model.work(self.clock.real_s(due_s - done_s), begun)
            done_s = due_s
            await response.write(event)
            call.note_token()
        await response.write_eof()
        return response

    def _takes_s(self, draws: CallDraws, answer: Answer) -> float:
        """An answer that is cut short after the first token takes less in proportion."""
        if not answer.cut:
            return draws.service_s
        first_s = min(self._first_token_s or 0.0, draws.service_s)
        return first_s + (draws.service_s - first_s) * answer.output_tokens / max(1.0, draws.output_tokens)

    def _answer_to(self, wanted: ModelRequest, draws: CallDraws) -> Answer:
        self._calls += 1
        number = draws.job if draws.job != NO_JOB else self._workload.number_of(wanted.prompt)
        whole = round(draws.output_tokens)
        tokens = min(whole, wanted.max_tokens or whole)
        text = self._workload.answer(number, tokens)
        return Answer(
            number=f"{self._calls:012d}",
            text=text,
            input_tokens=round(draws.input_tokens) or tokens_in(wanted.prompt),
            output_tokens=tokens or tokens_in(text),
            cut=tokens < whole,
            request=wanted,
        )

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


class _Call:
    """One call under way; instants are of `time.monotonic`."""

    draws: CallDraws

    def __init__(self, came_in: float) -> None:
        self.came_in = came_in
        self._first_token_s: float | None = None

    def note_token(self) -> None:
        if self._first_token_s is None:
            self._first_token_s = self._since()

    def processing_ms(self) -> str:
        return str(round(1000 * self._since()))

    def end(self, status: int) -> CallOutcome:
        return CallOutcome(
            status, self._since(), self._first_token_s, self.draws.input_tokens, self.draws.output_tokens
        )

    def _since(self) -> float:
        return time.monotonic() - self.came_in


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


class CallsOfRun:
    """The draws of a live run's calls: those of the job that a call names, else a sample of the run's jobs."""

    def __init__(self, jobs: Jobs, seed: int) -> None:
        self._jobs, self._draws = jobs, Random(seed)  # noqa: S311  a simulation's draws

    def __call__(self, request: web.Request, wanted: ModelRequest) -> CallDraws:
        """Raises Fault: there is no such job."""
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


def endpoint_of_run(config: ProcessConfig, jobs: Jobs, journal: Journal) -> Endpoint:
    scenario, unpaced = config.scenario, config.scenario.provider.is_unpaced

    def on_begin(draws: CallDraws, status: int) -> None:
        journal.write(EventType.PROVIDER_CALL, draws.job, draws.attempt, status)

    return Endpoint(
        scenario,
        load(config.workload),
        CallsOfRun(jobs, scenario.seed),
        speed=config.speed,
        shared_model=SharedModel(slowing_of(scenario, jobs)),
        usual_s=float(jobs.service_s.mean()) if len(jobs) and not unpaced else 0.0,
        early_s=0.0 if unpaced else EARLY_S * config.speed,
        token=config.token,
        on_begin=on_begin,
    )


async def run_endpoint(context: ProcessContext) -> None:
    config = context.config
    with Journal(config.journal("endpoint")) as journal:
        endpoint = endpoint_of_run(config, context.jobs, journal)
        await serve(endpoint.app(), context.listener, notices_leavers=True)
        context.ready()
        endpoint.clock = await context.started()
        await asyncio.Event().wait()
