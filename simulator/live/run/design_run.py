"""One design's live run, from its folder to its journals: its processes are started, watched and ended."""

import base64
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray
from pydantic import SecretStr
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import Worker

from core.processes.message_broker import socket_url
from simulator.live.errors import ProcessFailed, file_errors_explained
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.measure import Rows, tally_run
from simulator.live.run.processes import (
    ProcessGroup,
    ProcessSpec,
    UnexpectedExit,
    address_of,
    listener,
    running_broker,
)
from simulator.live.system.call_budget import CallBudget, Spent
from simulator.live.system.clock import NS_PER_S, RunClock
from simulator.live.system.config import ExternalEndpoint, ProcessConfig
from simulator.live.system.consumers import worker_count
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import ROW, EventType, Journal, Reader, unfinished_calls
from simulator.live.system.key_order import HELD_BACK
from simulator.live.system.queues import RunQueues, enqueued_ns, job_number, monotonic_ns
from simulator.live.system.tasks import worker_number
from simulator.plan import DESIGN_WORDS, EVENT_DRIVEN, SYNCHRONOUS
from simulator.result import Design, ProcessEnd, Series, WorkerKind
from simulator.scenario import Scenario
from simulator.tally import Tally

READY_PATIENCE_S = 20.0
LEAD_S = 0.2
CUT_PATIENCE_S = 10.0
"""The clients end by themselves when the run is cut: how long to wait for them."""
JOURNAL_LOOK_S = 0.1
WORKERS_LOOK_S = 0.01
LOST_LOOK_S = 0.2


@dataclass(frozen=True, eq=False)
class DesignSetup:
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
    at_s: float
    waiting: int
    oldest_s: float
    """How long the oldest job at a queue's head has waited; 0 if nothing waits."""


@dataclass
class DesignRun:
    setup: DesignSetup
    clock: RunClock
    broker: str
    rows: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, ROW))
    process_ends: tuple[ProcessEnd, ...] = ()
    unfinished_calls: int = 0
    """Of the synchronous service, when the run was cut."""
    ended: bool = False
    samples: list[Sample] = field(default_factory=list)
    idle_since_ns: dict[float, int] = field(default_factory=dict)
    """Event-driven, once ended: since when each worker waited for its next job, by rq's heartbeat and the worker's number."""
    spent: Spent = field(default_factory=Spent)

    def tally(self) -> Tally:
        setup, now_s = self.setup, None if self.ended else self.clock.now_s()
        rows = Rows.from_journal(self.rows, self.clock, now_s)
        return tally_run(setup.scenario, setup.design, setup.jobs, rows, ended=self.ended)

    def as_sampled(self, series: Series) -> Series:
        if not self.samples or not series.t_s:
            return series
        samples = np.array([(0.0, 0.0, 0.0), *self.samples])
        ends = np.asarray(series.t_s) + (series.t_s[1] - series.t_s[0] if len(series.t_s) > 1 else 0.0)
        _, depth, lag = samples[np.searchsorted(samples[1:, 0], ends, "right")].T.tolist()
        return series.model_copy(update={"queue_depth": tuple(depth), "lag_s": tuple(lag)})


Watch = Callable[[DesignRun | None], None]
"""Called some ten times a second: with None while the processes start, then with the run. What it raises ends the run."""


@file_errors_explained()
def run_design(setup: DesignSetup, folder: Path, watch: Watch, server: ForkServer | None = None) -> DesignRun:
    """Run the design; everything that was started has ended when this returns or raises. Without a fork server it has one of its own.

    Raises:
        ProcessFailed, NoForkServer, CannotRun: a process did not start, or ended when it should not have.
    """
    design_folder = folder / setup.design
    shutil.rmtree(design_folder, ignore_errors=True)
    design_folder.mkdir(mode=0o700)
    setup.jobs.write(design_folder / "jobs.npz")
    with ExitStack() as kept:
        sockets = [kept.enter_context(listener()) for _ in range(3)]
        config = _process_config(setup, folder, design_folder, sockets)
        config.write()
        server = server or kept.enter_context(ForkServer(folder))
        own_broker = kept.enter_context(running_broker(folder, lambda: watch(None)))
        server.wait_ready(READY_PATIENCE_S, lambda: watch(None))
        processes = kept.enter_context(ProcessGroup(config, server, own_broker))
        for spec in _process_specs(config, setup.jobs, sockets, setup.key):
            processes.start(spec)
        processes.wait_ready(READY_PATIENCE_S, lambda: watch(None))
        if setup.design == EVENT_DRIVEN:
            with processes.explaining():
                _wait_for_workers(config, setup.jobs, lambda: watch(None))
        connection = kept.enter_context(redis.Redis.from_url(config.broker))
        return _run_to_end(setup, config, processes, watch, connection)


def _run_to_end(
    setup: DesignSetup, config: ProcessConfig, processes: ProcessGroup, watch: Watch, connection: redis.Redis
) -> DesignRun:
    started_ns = time.monotonic_ns() + int(LEAD_S * 1e9)
    config.begin(started_ns)
    processes.begin(started_ns)
    run = DesignRun(setup, RunClock(started_ns, setup.speed), config.broker)
    reader = Reader(config.path)
    while True:
        clients_ended = processes.check(finishes="clients")
        run.rows = _merged(run.rows, reader.more())
        left_s = setup.jobs.left_s(run.clock, setup.drain_limit_s)
        if clients_ended and (left_s < 0 or _unfinished_calls(run) == 0):
            break
        if not clients_ended and left_s < -CUT_PATIENCE_S:
            raise ProcessFailed(
                f"clients of {DESIGN_WORDS[setup.design]} went on for {CUT_PATIENCE_S:g} s after the run's end."
                " They hang, or this machine is too busy."
            )
        if setup.design == EVENT_DRIVEN:
            with processes.explaining():
                run.samples.append(_sample_queues(setup, connection, run.clock))
        watch(run)
        time.sleep(JOURNAL_LOOK_S)
    if setup.design == EVENT_DRIVEN:
        with processes.explaining():
            _record_rqs_state(config, run)
    processes.__exit__()
    run.rows = _merged(run.rows, reader.more())
    run.unfinished_calls = _unfinished_calls(run)
    run.process_ends = tuple(_process_end(exit_, run, config) for exit_ in processes.unexpected_exits)
    run.spent = CallBudget.read(config.path)
    run.ended = True
    return run


def _unfinished_calls(run: DesignRun) -> int:
    return unfinished_calls(run.rows) if run.setup.design == SYNCHRONOUS else 0


def _process_end(exit_: UnexpectedExit, run: DesignRun, config: ProcessConfig) -> ProcessEnd:
    own = config.journal(exit_.process)
    started = _attempts(np.fromfile(own, ROW), EventType.STARTED, exit_.at_ns) if own.exists() else set()
    return ProcessEnd(
        design=run.setup.design,
        process=exit_.process,
        how=exit_.how,
        at_s=(exit_.at_ns - run.clock.started_ns) / NS_PER_S,
        restarted=exit_.restarted,
        jobs_in_hand=len(started - _attempts(run.rows, EventType.FREED, exit_.at_ns)),
    )


def _attempts(rows: NDArray[np.void], what: EventType, until_ns: int) -> set[tuple[int, int]]:
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


def _record_rqs_state(config: ProcessConfig, run: DesignRun) -> None:
    """Journal what only rq knows at the end: retries that wait in a queue, jobs that were lost; and since when its workers are idle.

    A job is lost if rq does not hold it at two looks: a worker that has just taken it from one of several queues has not registered it yet.
    """
    queues, rows = RunQueues(config, run.setup.jobs), run.rows
    ended = (EventType.COMPUTED, EventType.GAVE_UP, EventType.EXPIRED)
    open_jobs = set(rows["job"][rows["what"] == EventType.ACCEPTED]) - set(rows["job"][np.isin(rows["what"], ended)])
    missing = {int(job) for job in open_jobs} - queues.held_jobs()
    if missing:
        time.sleep(LOST_LOOK_S)
        missing -= queues.held_jobs()
    with Journal(config.journal("controller")) as journal:
        for job in missing:
            journal.write(EventType.LOST, job)
        for rq_job in queues.waiting_jobs():
            number = queues.index_of(rq_job)
            if number > 0:
                journal.write(EventType.QUEUED, job_number(rq_job.id), number, at_ns=enqueued_ns(rq_job))
    for worker in Worker.all(queues.connection):
        if worker.last_heartbeat is not None:
            run.idle_since_ns[worker_number(worker.name)] = monotonic_ns(worker.last_heartbeat)


def _sample_queues(setup: DesignSetup, connection: redis.Redis, clock: RunClock) -> Sample:
    queues = [Queue(name, connection=connection) for name in setup.scenario.event_driven.queues]
    heads = [head for queue in queues for head in queue.get_job_ids(0, 1)]
    jobs = Job.fetch_many(heads, connection, serializer=JSONSerializer)
    since = [job.enqueued_at for job in jobs if job is not None and job.enqueued_at is not None]
    oldest_s = max(0.0, (now() - min(since)).total_seconds()) if since else 0.0
    waiting = sum(queue.count for queue in queues) + connection.hlen(HELD_BACK)
    return Sample(clock.now_s(), waiting, oldest_s * clock.speed)


def _merged(before: NDArray[np.void], more: NDArray[np.void]) -> NDArray[np.void]:
    rows = np.concatenate([before, more])
    return rows[np.argsort(rows["at_ns"], kind="stable")] if len(more) else before


def _process_config(
    setup: DesignSetup, folder: Path, design_folder: Path, sockets: list[socket.socket]
) -> ProcessConfig:
    endpoint, service, clients = map(address_of, sockets)
    return ProcessConfig(
        scenario=setup.scenario,
        design=setup.design,
        speed=setup.speed,
        jobs=len(setup.jobs),
        workload=setup.workload,
        folder=str(design_folder),
        broker=socket_url(folder / "broker.sock"),
        endpoint=endpoint,
        service=service,
        clients=clients,
        external=setup.external,
        token=secrets.token_urlsafe(),
        webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
        drain_limit_s=setup.drain_limit_s,
        workers=setup.workers,
    )


def _process_specs(
    config: ProcessConfig, jobs: Jobs, sockets: list[socket.socket], key: SecretStr | None
) -> Iterator[ProcessSpec]:
    from simulator.live.system.accept import run_accept
    from simulator.live.system.clients_process import run_clients
    from simulator.live.system.consumers import consumer_processes, run_consumers, run_handlers
    from simulator.live.system.endpoint import run_endpoint
    from simulator.live.system.rate_limit_server import run_rate_limiter
    from simulator.live.system.scheduler import run_scheduler
    from simulator.live.system.synchronous_service import run_service

    endpoint_socket, service_socket, clients_socket = sockets
    api_key = key.get_secret_value() if key is not None else None
    yield ProcessSpec("endpoint", run_endpoint, endpoint_socket)
    if config.design == SYNCHRONOUS:
        yield ProcessSpec("service", run_service, service_socket, api_key=api_key)
    else:
        yield ProcessSpec("accept", run_accept, service_socket)
        if config.workers != "stock":
            yield ProcessSpec("scheduler", run_scheduler, restarts=True)
        if config.limits_calls:
            yield ProcessSpec("rate-limiter", run_rate_limiter)
        for number in range(len(consumer_processes(config, jobs))):
            yield ProcessSpec(f"consumers-{number}", run_consumers, restarts=True, number=number, api_key=api_key)
        if jobs.subscribers:
            yield ProcessSpec("subscribers", run_handlers, restarts=True)
    yield ProcessSpec("clients", run_clients, clients_socket)
