"""rq's scheduler, which enqueues retries when they are due, as a process of its own.

rq cuts due times down to whole seconds and looks once a second. A run at fifteen times the speed needs both finer: two functions of rq are
replaced here, and nothing else of it. The worker kind `stock` replaces nothing and does not use this module.
"""

import time
from datetime import datetime
from math import floor
from typing import Any

import rq.scheduler
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from simulator.live.system.config import ProcessConfig
from simulator.live.system.process import ProcessContext
from simulator.live.system.queues import RunQueues

SCHEDULER_LOOK_S = 0.01
"""Between two looks for due retries, in real seconds, if the Scenario has no tick of its own."""
HEARTBEAT_S = 10.0
SCHEDULER_NAME = "scheduler"
"""A scheduler that was killed leaves locks under its name; under the same name, its successor takes them over at once."""


def schedule_at_tick(tick_s: float) -> None:
    """Let rq's registry keep due times to `tick_s` real seconds (0: as they are) instead of whole seconds, in this process."""

    def schedule(registry: ScheduledJobRegistry, job: Job, due: datetime, pipeline: Any = None) -> Any:
        score = floor(due.timestamp() / tick_s) * tick_s if tick_s else due.timestamp()
        return (pipeline if pipeline is not None else registry.connection).zadd(registry.key, {job.id: score})

    registry_class: Any = ScheduledJobRegistry
    registry_class.schedule = schedule


def tick_s(config: ProcessConfig) -> float:
    return config.scenario.event_driven.retry_tick_s / config.speed


def run_scheduler(context: ProcessContext) -> None:
    config = context.config
    queues = RunQueues(config, context.jobs)
    scheduler: Any = RQScheduler(
        queues.names, queues.connection, logging_level="WARNING", serializer=JSONSerializer, name=SCHEDULER_NAME
    )
    module: Any = rq.scheduler
    module.current_timestamp = time.time
    scheduler.register_birth()
    scheduler.acquire_locks()
    context.ready()
    look_s, heartbeat_at = tick_s(config) or SCHEDULER_LOOK_S, time.monotonic()
    while True:
        scheduler.enqueue_scheduled_jobs()
        if time.monotonic() >= heartbeat_at:
            scheduler.heartbeat()
            heartbeat_at += HEARTBEAT_S
        time.sleep(look_s)
