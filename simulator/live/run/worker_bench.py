"""How fast a live run's workers are on this machine: jobs a second that each wait 50 ms, from queue to start, and the memory of all of them.

`python -m simulator.live.run.worker_bench SOCKET THREADS CLASS` is one process of workers; the functions below start as many as they are told.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import redis
from rq import Queue, SimpleWorker, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from simulator.live import broker
from simulator.live.run.fork_server import process_environment
from simulator.live.run.processes import end_all
from simulator.live.system.event_driven.worker import ThreadWorker

WAIT_S = 0.05
QUEUE = "bench"
STARTED, DONE = "bench:started", "bench:done"
PATIENCE_S = 60.0
WAIT, NOTE = f"{__name__}.wait", f"{__name__}.note"
CLASSES: dict[str, type[BaseWorker]] = {"threads": ThreadWorker, "unforked": SimpleWorker, "forked": Worker}
_mine: list[Any] = []


def wait(job: int) -> None:
    """A job that waits as if for a model."""
    time.sleep(WAIT_S)
    _mine[0].incr(DONE)


def note(asked_ns: int) -> None:
    """A job that only says how long after it was asked for it began."""
    _mine[0].rpush(STARTED, time.monotonic_ns() - asked_ns)


def live_figures(jobs: int = 2000, processes: int = 2, threads: int = 25, kind: str = "threads") -> dict[str, float]:
    """The figures of so many worker processes. Raises AssertionError where a job got lost, NoBroker, SubprocessError."""
    with tempfile.TemporaryDirectory(prefix="x-bench-") as place, _broker(Path(place)) as server:
        connection: Any = redis.Redis(unix_socket_path=f"{place}/broker.sock")
        with _crew(Path(place), processes, threads, kind) as crew:
            _wait_until(lambda: connection.scard("rq:workers") >= processes * threads)
            latencies = _dispatch_ms(connection)
            rate, commands = _rate(connection, jobs)
            memory = sum(_family_mb(process.pid) for process in [*crew, server])
        connection.close()
    return {
        "live_jobs_per_s": rate,
        "dispatch_p50_ms": float(np.percentile(latencies, 50)),
        "dispatch_p99_ms": float(np.percentile(latencies, 99)),
        "memory_mb": memory,
        "broker_commands_a_job": commands,
    }


def _rate(connection: Any, jobs: int) -> tuple[float, float]:
    """Jobs a second while they are put in as fast as they are taken, and the broker's commands a job, putting in included."""
    before = int(connection.info("stats")["total_commands_processed"])
    began = time.perf_counter()
    queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    for job in range(jobs):
        _put(queue, WAIT, job)
    polls = 0
    while int(connection.get(DONE) or 0) < jobs:
        polls += 1
        if time.perf_counter() - began > PATIENCE_S:
            raise AssertionError(f"{connection.get(DONE)} of {jobs} live jobs were done")
        time.sleep(0.02)
    elapsed = time.perf_counter() - began
    return jobs / elapsed, (int(connection.info("stats")["total_commands_processed"]) - before - polls) / jobs


def _dispatch_ms(connection: Any, jobs: int = 200) -> list[float]:
    """From the moment a job is asked for to its start in an idle worker, one job at a time."""
    queue, found = Queue(QUEUE, connection=connection, serializer=JSONSerializer), []
    for _ in range(jobs):
        _put(queue, NOTE, time.monotonic_ns())
        told = connection.blpop([STARTED], timeout=PATIENCE_S)
        if told is None:
            raise AssertionError("a live job was not started")
        found.append(int(told[1]) / 1e6)
    return found


def _put(queue: Queue, function: str, argument: int) -> None:
    queue.enqueue_call(function, args=(argument,), timeout=-1, result_ttl=0, failure_ttl=0, description="")


def _wait_until(holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError("the live workers did not start")
        time.sleep(0.05)


def pss_mb(pid: int) -> float:
    """A process's memory, what it shares counted by its share; 0 where the system does not tell."""
    own = Path(f"/proc/{pid}/smaps_rollup")
    if not own.exists():
        return 0.0
    kilobytes = next(int(line.split()[1]) for line in own.read_text().splitlines() if line.startswith("Pss:"))
    return kilobytes / 1024


def _family_mb(pid: int) -> float:
    """A process's memory and that of all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    mine = children.read_text().split() if children.exists() else []
    return pss_mb(pid) + sum(_family_mb(int(child)) for child in mine)


@contextmanager
def _broker(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = broker.start(place, process_environment())
    try:
        broker.wait_for(process, place, PATIENCE_S, lambda: None)
        yield process
    finally:
        end_all([process])


@contextmanager
def _crew(place: Path, processes: int, threads: int, kind: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-P", "-m", __name__, str(place / "broker.sock"), str(threads), kind]
    crew = [
        subprocess.Popen(command, stdin=subprocess.PIPE, env=process_environment(), start_new_session=True)  # noqa: S603
        for _ in range(processes)
    ]
    try:
        yield crew
    finally:
        end_all(crew)


def _work(socket: str, kind: str) -> None:
    connection = redis.Redis(unix_socket_path=socket)
    worker = CLASSES[kind]([QUEUE], connection=connection, serializer=JSONSerializer, log_job_description=False)
    worker.work(logging_level="WARNING")


def _claim(job: Job) -> None:
    """One step of the broker, as a live run's workers take it."""
    with _mine[0].pipeline() as step:
        step.lrem(f"rq:queue:{QUEUE}:intermediate", 1, job.id)
        step.sadd("bench:running", job.id)
        step.execute()


def _main(socket: str, threads: int, kind: str) -> None:
    sys.modules["simulator.live.run.worker_bench"] = sys.modules["__main__"]  # rq finds jobs by this name
    _mine[:] = [redis.Redis(unix_socket_path=socket)]
    if kind != "threads":
        _work(socket, kind)
        return
    ThreadWorker.claims = staticmethod(_claim)
    for _ in range(threads):
        threading.Thread(target=_work, args=(socket, kind), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
