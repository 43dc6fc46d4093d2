"""The system under measurement: redis, rq's worker pool and gunicorn, each with a model of its own, both sent the same jobs at once."""

import json
import subprocess
import sys
import time
from pathlib import Path

from redis import Redis
from rq import Queue

from benchmarks.stock_rq.processes import CannotMeasure, Processes, free_port, listen_queue, redis_command
from benchmarks.stock_rq.producer import QUEUE
from benchmarks.stock_rq.records import append, read
from benchmarks.stock_rq.tasks import do_nothing
from benchmarks.stock_rq.workloads import BACKLOG, CLIENT_TIMEOUT_S, WORKERS, Workload

DRAIN_S = 180.0
IDLE_S = 5.0
"""A service that has finished nothing for so long has nothing left to do."""
IDLE_JOBS, BUSY_JOBS = 40, 60


def measure_dispatch(folder: Path) -> None:
    """Jobs that do nothing: one at a time through the idle pool, then in a row through a single worker."""
    with Processes(folder) as system:
        queue = _start_redis(system)
        idle, busy = folder / "idle.jsonl", folder / "busy.jsonl"
        pool = _start_pool(system, queue)
        for count in range(1, IDLE_JOBS + 1):
            queue.enqueue(do_nothing, str(idle))
            system.wait_for_lines(idle, count, 20)
        system.stop(pool)
        for _ in range(BUSY_JOBS):
            queue.enqueue(do_nothing, str(busy))
        system.start("worker", [*_rq("worker"), "--burst", "--quiet", *_where(queue)])
        system.wait_for_lines(busy, BUSY_JOBS, 60)


def run_workload(workload: Workload, seed: int, folder: Path) -> None:
    """Run the workload in real time through both, for `read_run`. Raises CannotMeasure if a part fails."""
    names = ("arrivals", "attempts", "calls", "served", "backlog")
    arrivals, attempts, calls, served, backlog = (folder / f"{name}.jsonl" for name in names)
    with Processes(folder) as system:
        queue = _start_redis(system)
        _start_pool(system, queue)
        models = [_start_model(system, seed) for _ in range(2)]
        service_port = _start_gunicorn(system, models[1], served)
        begin_at = time.time() + 3
        append(folder / "run.jsonl", begin_at=begin_at)
        schedule = folder / "schedule.json"
        due_at = [begin_at + arrival_s for arrival_s in workload.arrivals_s(seed)]
        schedule.write_text(json.dumps(due_at))
        senders = (
            system.start_module("producer", _url(queue), schedule, models[0], arrivals, attempts),
            system.start_module("callers", service_port, schedule, calls),
        )
        limit_s = workload.length_s + CLIENT_TIMEOUT_S + 60
        failed = queue.failed_job_registry

        def waiting() -> int:
            connections = listen_queue(service_port)
            if connections is not None:
                append(backlog, at=time.time(), waiting=connections)
            return connections or 0

        def sent() -> bool:
            waiting()
            return all(sender.poll() == 0 for sender in senders)

        def drained() -> bool:
            ended = sum(row["succeeded"] for row in read(attempts)) + failed.get_job_count(cleanup=False)
            idle_s = time.time() - served.stat().st_mtime
            return ended >= len(due_at) and not waiting() and idle_s > IDLE_S

        if not system.wait(sent, limit_s, every_s=0.025):
            raise CannotMeasure(f"The senders had not finished after {limit_s:.0f} s.")
        system.wait(drained, DRAIN_S, every_s=0.5)  # what is still there then counts as in the system
        append(folder / "run.jsonl", in_failed_registry=failed.get_job_count(cleanup=False))


def _start_redis(system: Processes) -> Queue:
    port = free_port()
    system.start("redis", redis_command(port, system.folder))
    system.wait_for_port("redis", port)
    return Queue(QUEUE, connection=Redis(host="127.0.0.1", port=port))


def _start_pool(system: Processes, queue: Queue) -> subprocess.Popen[bytes]:
    pool = system.start("pool", [*_rq("worker-pool"), "--num-workers", str(WORKERS), "--quiet", *_where(queue)])
    if not system.wait(lambda: queue.connection.scard("rq:workers") == WORKERS, 60):
        raise CannotMeasure(f"The worker pool did not have {WORKERS} workers within 60 s.")
    return pool


def _start_model(system: Processes, seed: int) -> int:
    port = free_port()
    system.start_module("stub", port, seed)
    system.wait_for_port("the model", port)
    return port


def _start_gunicorn(system: Processes, model_port: int, record: Path) -> int:
    port = free_port()
    options = (
        f"--workers {WORKERS} --worker-class sync --backlog {BACKLOG} --bind 127.0.0.1:{port} --graceful-timeout 1"
    )
    command = [sys.executable, "-m", "gunicorn", *options.split(), "benchmarks.stock_rq.service:application"]
    system.start("gunicorn", command, MODEL_PORT=str(model_port), RECORD=str(record))
    system.wait_for_port("gunicorn", port)
    return port


def _url(queue: Queue) -> str:
    return "redis://127.0.0.1:{port}".format(**queue.connection.connection_pool.connection_kwargs)


def _rq(command: str) -> list[str]:
    return [sys.executable, "-m", "rq.cli", command]


def _where(queue: Queue) -> list[str]:
    return ["--path", ".", "--url", _url(queue), queue.name]
