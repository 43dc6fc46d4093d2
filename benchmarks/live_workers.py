"""How fast a live run's workers are on this machine, by kind: jobs that each wait 50 ms, from queue to start, and the memory of all processes.

Workers import this module, so it imports no compiled code.
"""

import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from simulator.live.run.fork_server import ForkServer
from simulator.live.run.processes import end_all, running_broker
from simulator.live.system.consumers import CLASSES, THREAD_PROCESSES
from simulator.result import WorkerKind

WAIT_S = 0.05
QUEUE = "bench"
DELAYS_KEY = "bench:started"
PATIENCE_S = 60.0
WAIT, RECORD_DELAY = f"{__name__}.wait", f"{__name__}.record_delay"
PROCESSES = Path("/proc")
_connections: dict[str, Any] = {}


def wait() -> None:
    time.sleep(WAIT_S)


def record_delay(socket: str, enqueued_ns: int) -> None:
    delay_ns = time.monotonic_ns() - enqueued_ns
    if socket not in _connections:
        _connections[socket] = redis.Redis(unix_socket_path=socket)
    _connections[socket].rpush(DELAYS_KEY, delay_ns)


def measure_workers(kind: WorkerKind = "threads", workers: int = 50, jobs: int = 2000) -> dict[str, float]:
    """The figures of `workers` workers. Raises AssertionError if a job got lost, CannotRun if they do not start."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="x-bench-")))
        server = stack.enter_context(ForkServer(folder))
        stack.enter_context(running_broker(folder, lambda: None))
        server.wait_ready(PATIENCE_S, lambda: None)
        socket = str(folder / "broker.sock")
        connection: Any = stack.enter_context(redis.Redis(unix_socket_path=socket))
        counts = [len(range(workers)[start::THREAD_PROCESSES]) for start in range(THREAD_PROCESSES)]
        processes = [
            server.start(f"worker-{number}", _work, socket, kind, count)
            for number, count in enumerate(counts if kind == "threads" else [1] * workers)
        ]
        stack.callback(end_all, processes)
        deadline = time.monotonic() + PATIENCE_S
        while connection.scard("rq:workers") < workers:
            if time.monotonic() > deadline:
                raise AssertionError("the live workers did not start")
            time.sleep(0.02)
        delays_ms = _delays_ms(connection, socket)
        rate, commands = _rate(connection, jobs)
        return {
            "live_jobs_per_s": rate,
            "dispatch_p50_ms": float(np.percentile(delays_ms, 50)),
            "dispatch_p99_ms": float(np.percentile(delays_ms, 99)),
            "memory_mb": memory_mb(folder),
            "broker_commands_a_job": commands,
        }


def _rate(connection: Any, jobs: int) -> tuple[float, float]:
    queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    before = int(connection.info("stats")["total_commands_processed"])
    for start in range(0, jobs, 100):
        wanted = [Queue.prepare_data(WAIT, description="") for _ in range(start, min(start + 100, jobs))]
        if start == 0:
            began = time.perf_counter()
        queue.enqueue_many(wanted)
    while queue.finished_job_registry.get_job_count(cleanup=False) < jobs:
        if time.perf_counter() - began > PATIENCE_S:
            raise AssertionError(f"not all of {jobs} live jobs were done")
        time.sleep(0.02)
    elapsed_s = time.perf_counter() - began
    return jobs / elapsed_s, (int(connection.info("stats")["total_commands_processed"]) - before) / jobs


def _delays_ms(connection: Any, socket: str, jobs: int = 200) -> list[float]:
    queue, delays = Queue(QUEUE, connection=connection, serializer=JSONSerializer), []
    for _ in range(jobs):
        queue.enqueue_call(RECORD_DELAY, args=(socket, time.monotonic_ns()), result_ttl=0, description="")
        popped = connection.blpop([DELAYS_KEY], timeout=PATIENCE_S)
        if popped is None:
            raise AssertionError("a live job was not started")
        delays.append(int(popped[1]) / 1e6)
    return delays


def _work(socket: str, kind: WorkerKind, count: int) -> None:
    """One process of `count` workers, in threads if there is more than one."""

    def work() -> None:
        connection = redis.Redis(unix_socket_path=socket)
        worker = CLASSES[kind][0]([QUEUE], connection=connection, serializer=JSONSerializer, log_job_description=False)
        worker.work(logging_level="WARNING")

    for _ in range(count - 1):
        threading.Thread(target=work, daemon=True).start()
    work()


def memory_mb(folder: Path) -> float:
    """Of all processes whose command line names the folder, shared pages counted once; 0 if the system does not report it."""
    total_kb = 0
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                usage = (process / "smaps_rollup").read_text().splitlines()
                total_kb += next(int(line.split()[1]) for line in usage if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended meanwhile, or belongs to another user
    return total_kb / 1024
