"""The sample AI endpoint by itself: any program may call it, for as long as it likes, under the limits, times, outages and failures of a Scenario."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from aiohttp import web

from core.values import Value
from simulator.arrivals import PoissonArrivals, TraceArrivals
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.system.clock import RunClock
from simulator.live.system.endpoint import NO_JOB, CallDraws, CallOutcome, Endpoint
from simulator.live.system.http import serve
from simulator.live.system.jobs import Jobs
from simulator.live.system.openai_api import ModelRequest, tokens_in
from simulator.live.system.shared_model import SharedModel, slowing_of
from simulator.live.system.workloads import load
from simulator.plan import SYNCHRONOUS
from simulator.scenario import Scenario
from simulator.trace_columns import Floats
from simulator.traces import Trace

DRAWN_TOGETHER = 4096
MOST_TIMES = 1_000_000
"""The summary's percentiles are of the last calls."""


class EndlessCalls:
    """Draws for one call after another: fresh ones of the Scenario's distributions, or a recording's rows over and over."""

    def __init__(self, scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> None:
        own: dict[str, Any] = {"duration_s": None, "backlog_jobs": 0, "warmup_jobs": 0}
        if not isinstance(scenario.arrivals, TraceArrivals):
            trace = None
            own |= {"jobs": DRAWN_TOGETHER, "arrivals": PoissonArrivals(process="poisson", rate_per_s=1.0)}
        self._scenario, self._trace, self._durations_s = scenario.model_copy(update=own), trace, durations_s
        self._failing = Random(scenario.seed)  # noqa: S311  a simulation's draws
        self._batch = 0
        self.jobs = self._drawn()
        self._next = 0

    def _drawn(self) -> Jobs:
        seeded = self._scenario.model_copy(update={"seed": self._scenario.seed + self._batch})
        self._batch += 1
        return draw_jobs(seeded, SYNCHRONOUS, trace=self._trace, durations_s=self._durations_s)

    def __call__(self, request: web.Request, wanted: ModelRequest) -> CallDraws:
        """A call's input tokens are those of its own prompt."""
        if self._next == len(self.jobs):
            self.jobs, self._next = self._drawn(), 0
        job, self._next = self._next, self._next + 1
        fails = bool(self.jobs.poison[job]) or self._failing.random() < self.jobs.transient
        output_tokens, service_s = float(self.jobs.output_tokens[job]), float(self.jobs.service_s[job])
        return CallDraws(NO_JOB, 0, float(tokens_in(wanted.prompt)), output_tokens, service_s, fails)


class CallTimes(Value):
    """Real seconds; of no call at all, 0."""

    p50_s: float
    p95_s: float

    @classmethod
    def of(cls, times_s: list[float]) -> "CallTimes":
        p50_s, p95_s = np.percentile(times_s, (50, 95)) if times_s else (0.0, 0.0)
        return cls(p50_s=float(p50_s), p95_s=float(p95_s))


class EndpointSummary(Value):
    calls: int
    statuses: dict[str, int]
    """Calls by their HTTP status; 0: the caller gave up."""
    seconds: float
    """From the first call until the end of the last one, real seconds."""
    most_at_once: int
    latency: CallTimes
    """Of the calls that were answered with 200."""
    first_token: CallTimes | None
    """Of the answers that were streamed."""
    input_tokens: int
    output_tokens: int
    """Of the calls that were answered with 200."""


@dataclass
class CallLog:
    statuses: Counter[int] = field(default_factory=Counter)
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    under_way: int = 0
    most_at_once: int = 0
    first_ns: int | None = None
    last_ns: int = 0
    _times_s: list[float] = field(default_factory=list)
    _first_tokens_s: list[float] = field(default_factory=list)

    def begin(self) -> None:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)

    def end(self, end: CallOutcome) -> None:
        self.under_way -= 1
        self.last_ns = time.monotonic_ns()
        self.statuses[end.status] += 1
        if end.status != 200:
            return
        self.input_tokens += end.input_tokens
        self.output_tokens += end.output_tokens
        self._times_s.append(end.took_s)
        if end.first_token_s is not None:
            self._first_tokens_s.append(end.first_token_s)
        for times in (self._times_s, self._first_tokens_s):
            del times[:-MOST_TIMES]

    def summary(self) -> EndpointSummary:
        return EndpointSummary(
            calls=self.statuses.total(),
            statuses={str(status): number for status, number in sorted(self.statuses.items())},
            seconds=0.0 if self.first_ns is None else max(0, self.last_ns - self.first_ns) / 1e9,
            most_at_once=self.most_at_once,
            latency=CallTimes.of(self._times_s),
            first_token=CallTimes.of(self._first_tokens_s) if self._first_tokens_s else None,
            input_tokens=round(self.input_tokens),
            output_tokens=round(self.output_tokens),
        )


class SampleEndpoint:
    """`speed` Scenario seconds pass in one real second, from the first call on."""

    def __init__(
        self, scenario: Scenario, workload: str, trace: Trace | None, durations_s: Floats | None, *, speed: float = 1.0
    ) -> None:
        self.log = CallLog()
        self._calls, self._speed = EndlessCalls(scenario, trace, durations_s), speed
        jobs = self._calls.jobs
        self._endpoint = Endpoint(
            scenario,
            load(workload),
            self._draws_of,
            speed=speed,
            shared_model=SharedModel(slowing_of(scenario, jobs)),
            usual_s=0.0 if scenario.provider.is_unpaced else float(jobs.service_s.mean()),
            models=(),
            on_begin=lambda draws, status: self.log.begin(),
            on_end=self.log.end,
        )

    def _draws_of(self, request: web.Request, wanted: ModelRequest) -> CallDraws:
        if self.log.first_ns is None:
            self.log.first_ns = time.monotonic_ns()
            self._endpoint.clock = RunClock(self.log.first_ns, self._speed)
        return self._calls(request, wanted)

    async def serve(self, listener: socket.socket, stopped: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Answer calls until it is stopped."""
        runner = await serve(self._endpoint.app(), listener, notices_leavers=True)
        try:
            on_ready()
            await stopped.wait()
        finally:
            await runner.cleanup()
