"""What a consumer process has in its hands: what its threads share, its signs of life, and the task that a thread is at."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven.desk import ALIVE, RUNNING, Desk, Task, held
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What
from simulator.live.system.provider_client import Provider

ALIVE_FOR_MS, BEAT_S = 2000, 0.5
NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class Consumers:
    """What the threads of one process share."""

    plan: ProcessConfig
    jobs: Jobs
    clock: RunClock
    journal: Journal
    desk: Desk
    provider: Provider
    name: str

    @property
    def gated(self) -> bool:
        """Whether anything limits calls at all."""
        provider = self.plan.scenario.provider
        quotas = (provider.requests_per_minute, provider.input_tokens_per_minute, provider.output_tokens_per_minute)
        return (
            provider.max_concurrency is not None
            or any(quota is not None for quota in quotas)
            or self.plan.scenario.event_driven.circuit_breaker
        )

    def has_expired(self, job: int) -> bool:
        """Whether nobody wants the job's result any more, if it is only taken now."""
        expires_s = self.plan.scenario.event_driven.expires_s
        return expires_s is not None and self.clock.now_s() > self.jobs.arrival_s[job] + expires_s

    def show_alive(self) -> None:
        """From now on: what runs in a process that no longer beats is taken up by another."""
        self.desk.connection.set(ALIVE + self.name, 1, px=ALIVE_FOR_MS)
        threading.Thread(target=self._beat, name="beat", daemon=True).start()

    def _beat(self) -> None:
        """A process that cannot say that it is alive must not go on as if it were."""
        try:
            while True:
                self.desk.connection.set(ALIVE + self.name, 1, px=ALIVE_FOR_MS)
                time.sleep(BEAT_S)
        finally:
            os._exit(1)


@dataclass(frozen=True, eq=False)
class Holding:
    """A task in this process's hands. Where work at it breaks off, nobody has it, as if the process had died: the scheduler takes it up."""

    mine: Consumers
    task: Task

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if value is not None:
            print(f"{self.task}: {value!r}", file=sys.stderr)
            with self.letting_go() as step:
                step.sadd(RUNNING, held(self.task, NOBODY))

    @contextmanager
    def letting_go(self) -> Iterator[Any]:
        """What is done with it at the end, in one step; nothing is, where it was taken out of these hands before."""
        step = self.mine.desk.step()
        step.srem(RUNNING, held(self.task, self.mine.name))
        yield step
        if self.mine.desk.move(step) and self.task.is_attempt:
            self.mine.journal.write(What.FREED, self.task.job, self.task.index)
