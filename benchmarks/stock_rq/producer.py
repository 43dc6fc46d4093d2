"""Puts the jobs into the queue when they are due. `python -m benchmarks.stock_rq.producer REDIS_URL SCHEDULE MODEL_PORT RECORD ATTEMPTS`"""

import json
import sys
import time
from pathlib import Path

from redis import Redis
from rq import Queue, Retry

from benchmarks.stock_rq.records import append
from benchmarks.stock_rq.tasks import process
from benchmarks.stock_rq.workloads import RETRY_INTERVALS_S

QUEUE = "work"


def produce(queue: Queue, due_at: list[float], model_port: int, record: str, attempts: str) -> None:
    """Enqueue every job at its instant; `record` gets the arrivals, `attempts` what the workers write down."""
    retry = Retry(max=len(RETRY_INTERVALS_S), interval=list(RETRY_INTERVALS_S))
    for job, at in enumerate(due_at):
        time.sleep(max(0.0, at - time.time()))
        arrived_at = time.time()
        queue.enqueue(process, job, model_port, attempts, retry=retry)
        append(record, job=job, due_at=at, arrived_at=arrived_at)


if __name__ == "__main__":
    url, schedule, port, record, attempts = sys.argv[1:]
    work = Queue(QUEUE, connection=Redis.from_url(url))
    produce(work, json.loads(Path(schedule).read_text()), int(port), record, attempts)
