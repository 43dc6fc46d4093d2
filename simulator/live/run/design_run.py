"""One design's live run, from its folder to its journals: parts started, clients let loose, watched, and ended."""

import base64
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray
from pydantic import SecretStr
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import Worker

from simulator.live import broker
from simulator.live.errors import ProcessFailed
from simulator.live.run.fork_server import ForkServer, process_environment
from simulator.live.run.processes import (
    ProcessGroup,
    ProcessSpec,
    UnexpectedExit,
    address_of,
    end_all,
    listener,
)
from simulator.live.system.call_budget import CallBudget, Spent
from simulator.live.system.clock import NS_PER_S, RunClock
from simulator.live.system.config import ExternalEndpoint, ProcessConfig, WorkerKind
from simulator.live.system.event_driven.consumers import worker_count
from simulator.live.system.event_driven.queues import RunQueues, job_number
from simulator.live.system.event_driven.tasks import attempt_number, enqueued_ns, monotonic_ns, worker_number
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import ROW, Journal, Reader, What
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.result import ProcessEnd, Series
from simulator.scenario import Scenario

READY_PATIENCE_S = 20.0
LEAD_S = 0.2
"""Between the word to begin and the Scenario's zero."""
LOOK_S = 0.1
WORKERS_LOOK_S = 0.01
LOST_LOOK_S = 0.2
Design = Literal["synchronous", "event_driven"]


@dataclass(frozen=True, eq=False)
class Stage:
    """What one design is run with, on this machine."""

    scenario: Scenario
    design: Design
    jobs: Jobs
    speed: float
    drain_limit_s: float
    workload: str
    external: ExternalEndpoint | None = None
    key: SecretStr | None = field(default=None, repr=False)
    workers: WorkerKind = "threads"


class Sample(NamedTuple):
    """What rq tells of the queues of all classes at an instant of the Scenario."""

    at_s: float
    waiting: int
    oldest_s: float
    """For how long the oldest of the jobs at the queues' heads has stood there; 0 where nothing waits."""


@dataclass
class DesignRun:
    """A run under way, or ended: its clock, and the rows that its parts have written so far."""

    stage: Stage
    clock: RunClock
    broker: str
    rows: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, ROW))
    process_ends: tuple[ProcessEnd, ...] = ()
    unfinished_calls: int = 0
    """Of the synchronous service, when the run was cut."""
    ended: bool = False
    samples: list["Sample"] = field(default_factory=list)
    """Event-driven: what rq has told of its queues."""
    idle_since_ns: dict[float, int] = field(default_factory=dict)
    """Event-driven, once ended: since when each worker waited for its next job, by rq's heartbeat and the worker's number."""
    spent: Spent = field(default_factory=Spent)
    """At an outside endpoint, once ended."""

    @property
    def restarts(self) -> int:
        return sum(end.restarted for end in self.process_ends)

    def as_sampled(self, series: Series) -> Series:
        """The series with the queue's depth and lag as rq itself has told them."""
        if not self.samples or not series.t_s:
            return series
        at_s, depths, lags = map(np.array, zip(*self.samples, strict=True))
        ends = np.asarray(series.t_s) + (series.t_s[1] - series.t_s[0] if len(series.t_s) > 1 else 0.0)
        places = np.searchsorted(at_s, ends, "right") - 1
        told = (np.where(places < 0, 0.0, figures[np.maximum(places, 0)]) for figures in (depths, lags))
        depth, lag = (tuple(figures.astype(float).tolist()) for figures in told)
        return series.model_copy(update={"queue_depth": depth, "lag_s": lag})


Watch = Callable[[DesignRun | None], None]
"""Called some ten times a second: with nothing while the parts start, then with the run. What it raises ends the run."""


def run_design(stage: Stage, folder: Path, watch: Watch, server: ForkServer | None = None) -> DesignRun:
    """Run the design; everything that was started has ended when this returns or raises. Without a fork server it has one of its own.

    Raises:
        ProcessFailed, NoForkServer, NoBroker: a process did not start, or ended when it should not have.
    """
    room = folder / stage.design
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(mode=0o700)
    stage.jobs.write(room / "jobs.npz")
    with ExitStack() as kept:
        sockets = [kept.enter_context(listener()) for _ in range(3)]
        plan = _plan(stage, folder, room, sockets)
        plan.write()
        server = server or kept.enter_context(ForkServer(folder))
        own_broker = kept.enter_context(_broker(folder, watch))
        server.wait_ready(READY_PATIENCE_S, lambda: watch(None))
        processes = kept.enter_context(ProcessGroup(plan, server, own_broker))
        for spec in _process_specs(plan, stage.jobs, sockets, stage.key):
            processes.start(spec)
        processes.wait_ready(READY_PATIENCE_S, lambda: watch(None))
        if stage.design == EVENT_DRIVEN:
            with processes.explaining():
                _wait_for_workers(plan, stage.jobs, lambda: watch(None))
        return _play(stage, plan, processes, watch, kept)


def _play(stage: Stage, plan: ProcessConfig, processes: ProcessGroup, watch: Watch, kept: ExitStack) -> DesignRun:
    started_ns = time.monotonic_ns() + int(LEAD_S * 1e9)
    plan.begin(started_ns)
    processes.begin(started_ns)
    found = DesignRun(stage, RunClock(started_ns, stage.speed), plan.broker)
    reader = Reader(plan.path)
    ask = _asker(stage, kept.enter_context(redis.Redis.from_url(plan.broker)))
    while True:
        clients_ended = processes.check(finishes="clients")
        found.rows = _merged(found.rows, reader.more())
        is_over = stage.jobs.left_s(found.clock, stage.drain_limit_s) < 0
        if clients_ended and (is_over or _unfinished_calls(found) == 0):
            break
        with processes.explaining():
            sample = ask(found.clock)
        if sample is not None:
            found.samples.append(sample)
        watch(found)
        time.sleep(LOOK_S)
    if stage.design == EVENT_DRIVEN:
        with processes.explaining():
            _record_rqs_state(plan, found)
    processes.__exit__()
    found.rows = _merged(found.rows, reader.more())
    found.unfinished_calls = _unfinished_calls(found)
    found.process_ends = tuple(_process_end(exit_, found, plan) for exit_ in processes.unexpected_exits)
    found.spent = CallBudget.read(plan.path)
    found.ended = True
    return found


def _unfinished_calls(found: DesignRun) -> int:
    """Calls that the synchronous service has accepted and goes on with, whether or not their clients wait."""
    if found.stage.design != SYNCHRONOUS:
        return 0
    what, value = found.rows["what"], found.rows["value"]
    dropped = (what == What.ABANDONED) & (value == 1.0)
    return int((what == What.ACCEPTED).sum() - (what == What.FREED).sum() - dropped.sum())


def _process_end(exit_: UnexpectedExit, found: DesignRun, plan: ProcessConfig) -> ProcessEnd:
    own = plan.journal(exit_.process)
    started = _attempts(np.fromfile(own, ROW), What.STARTED, exit_.at_ns) if own.exists() else set()
    return ProcessEnd(
        design=found.stage.design,
        process=exit_.process,
        how=exit_.how,
        at_s=(exit_.at_ns - found.clock.started_ns) / NS_PER_S,
        restarted=exit_.restarted,
        jobs_in_hand=len(started - _attempts(found.rows, What.FREED, exit_.at_ns)),
    )


def _attempts(rows: NDArray[np.void], what: What, until_ns: int) -> set[tuple[int, int]]:
    chosen = rows[(rows["what"] == what) & (rows["at_ns"] <= until_ns)]
    return set(zip(chosen["job"].tolist(), chosen["index"].tolist(), strict=True))


def _wait_for_workers(config: ProcessConfig, jobs: Jobs, tick: Callable[[], None]) -> None:
    """Return when every rq worker has registered: none is still starting when the first job comes. Raises ProcessFailed."""
    wanted = worker_count(config, jobs)
    deadline = time.monotonic() + READY_PATIENCE_S
    with redis.Redis.from_url(config.broker) as connection:
        while (registered := Worker.count(connection)) < wanted:
            if time.monotonic() > deadline:
                raise ProcessFailed(f"only {registered} of {wanted} rq workers started within {READY_PATIENCE_S:g} s")
            tick()
            time.sleep(WORKERS_LOOK_S)


def _record_rqs_state(config: ProcessConfig, found: DesignRun) -> None:
    """Journal what only rq knows at the end: retries that wait in a queue, jobs that were lost; and since when its workers are idle.

    A job is lost if rq does not hold it at two looks: a worker that has just taken it from one of several queues has not registered it yet.
    """
    queues, rows = RunQueues(config, found.stage.jobs), found.rows
    ended = (What.COMPUTED, What.GAVE_UP, What.EXPIRED)
    open_jobs = set(rows["job"][rows["what"] == What.ACCEPTED]) - set(rows["job"][np.isin(rows["what"], ended)])
    missing = {int(job) for job in open_jobs} - queues.held_jobs()
    if missing:
        time.sleep(LOST_LOOK_S)
        missing -= queues.held_jobs()
    with Journal(config.journal("controller")) as journal:
        for job in missing:
            journal.write(What.LOST, job)
        for rq_job in queues.waiting_jobs():
            number = attempt_number(rq_job, found.stage.jobs.retries)
            if number > 0:
                journal.write(What.QUEUED, job_number(rq_job.id), number, at_ns=enqueued_ns(rq_job))
    for worker in Worker.all(queues.connection):
        if worker.last_heartbeat is not None:
            found.idle_since_ns[worker_number(worker.name)] = monotonic_ns(worker.last_heartbeat)


def _asker(stage: Stage, connection: redis.Redis) -> Callable[[RunClock], Sample | None]:
    """Asks rq what waits in the queues of all classes; the synchronous design has none."""
    if stage.design == SYNCHRONOUS:
        return lambda _: None
    queues = [Queue(name, connection=connection) for name in stage.scenario.event_driven.queues]

    def ask(clock: RunClock) -> Sample:
        heads = [head for queue in queues for head in queue.get_job_ids(0, 1)]
        jobs = Job.fetch_many(heads, connection, serializer=JSONSerializer)
        since = [job.enqueued_at for job in jobs if job is not None and job.enqueued_at is not None]
        oldest_s = max(0.0, (now() - min(since)).total_seconds()) if since else 0.0
        return Sample(clock.now_s(), sum(queue.count for queue in queues), oldest_s * clock.speed)

    return ask


def _merged(before: NDArray[np.void], more: NDArray[np.void]) -> NDArray[np.void]:
    rows = np.concatenate([before, more])
    return rows[np.argsort(rows["at_ns"], kind="stable")] if len(more) else before


def _plan(stage: Stage, folder: Path, room: Path, sockets: list[socket.socket]) -> ProcessConfig:
    endpoint, service, clients = map(address_of, sockets)
    return ProcessConfig(
        scenario=stage.scenario,
        design=stage.design,
        speed=stage.speed,
        jobs=len(stage.jobs),
        workload=stage.workload,
        folder=str(room),
        broker=broker.socket_url(folder / "broker.sock"),
        endpoint=endpoint,
        service=service,
        clients=clients,
        external=stage.external,
        token=secrets.token_urlsafe(),
        webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
        drain_limit_s=stage.drain_limit_s,
        workers=stage.workers,
    )


def _process_specs(
    plan: ProcessConfig, jobs: Jobs, sockets: list[socket.socket], key: SecretStr | None
) -> Iterator[ProcessSpec]:
    from simulator.live.system.clients import clients_process
    from simulator.live.system.endpoint import server
    from simulator.live.system.event_driven import accept, consumers, rate_limit_server, scheduler
    from simulator.live.system.synchronous import service

    endpoint_socket, service_socket, clients_socket = sockets
    api_key = key.get_secret_value() if key is not None else None
    yield ProcessSpec("endpoint", server.run, endpoint_socket)
    if plan.design == SYNCHRONOUS:
        yield ProcessSpec("service", service.run, service_socket, api_key=api_key)
    else:
        yield ProcessSpec("accept", accept.run, service_socket)
        if plan.workers != "stock":
            yield ProcessSpec("scheduler", scheduler.run, restarts=True)
        if plan.limits_calls:
            yield ProcessSpec("rate-limiter", rate_limit_server.run)
        for number in range(len(consumers.consumer_processes(plan, jobs))):
            yield ProcessSpec(f"consumers-{number}", consumers.run, restarts=True, number=number, api_key=api_key)
        if jobs.subscribers:
            yield ProcessSpec("subscribers", consumers.run_handlers, restarts=True)
    yield ProcessSpec("clients", clients_process.run, clients_socket)


@contextmanager
def _broker(folder: Path, watch: Watch) -> Iterator["subprocess.Popen[bytes]"]:
    process = broker.start(folder, process_environment())
    try:
        broker.wait_for(process, folder, READY_PATIENCE_S, lambda: watch(None))
        yield process
    finally:
        end_all([process])
        (folder / "broker.sock").unlink(missing_ok=True)
