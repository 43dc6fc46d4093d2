"""Counts of all processes together, for `/metrics`. They are in the broker: an emptied one starts them again at 0, as Prometheus expects."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from redis import Redis, RedisError
from rq.utils import as_text

from advisor.decisions.jobs.queue_notifier import broker_connection
from advisor.decisions.models import TERMINAL, Run
from advisor.decisions.services.leases import Reconciled

log = logging.getLogger(__name__)

COUNTS_KEY = "crossover:counts"
WORKSPACES_KEY = "crossover:counted-workspaces"
WORKSPACES_COUNTED = 50
"""Each has series of its own; those that come later share OTHER_WORKSPACES."""
OTHER_WORKSPACES = "other"
BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of a histogram's buckets; one without a bound follows."""
SEPARATOR = "|"


class RunLabels(NamedTuple):
    workspace: str
    engine: str


class EndLabels(NamedTuple):
    workspace: str
    engine: str
    state: str


class RefusalLabels(NamedTuple):
    workspace: str
    reason: str


@dataclass(frozen=True)
class DurationCounts:
    sum_s: float
    buckets: tuple[int, ...]
    """One for each of BOUNDS_S and one above them; each counts its own durations only."""


@dataclass(frozen=True)
class Counts:
    ended: Mapping[EndLabels, int]
    run_times: Mapping[RunLabels, DurationCounts]
    waits: Mapping[RunLabels, DurationCounts]
    """From the request to the first worker."""
    refused: Mapping[RefusalLabels, int]
    lost_leases: int


def count_ended_run(run_id: UUID, attempt: int) -> None:
    """Count how the attempt ended; nothing if the run goes on. A count that the broker does not take is lost."""
    run = Run.objects.without_result().filter(pk=run_id, attempt=attempt, state__in=TERMINAL).first()
    if run is None or run.started_at is None or run.finished_at is None:
        return
    with _lost_without_broker():
        connection = _connection()
        labels = (_counted_workspace(connection, run.workspace_id), run.engine)
        pipeline = connection.pipeline()
        pipeline.hincrby(COUNTS_KEY, _field("ended", *labels, run.state))
        _add_duration(pipeline, "run", labels, run.started_at, run.finished_at)
        if attempt == 1:
            _add_duration(pipeline, "wait", labels, run.created_at, run.started_at)
        pipeline.execute()


def count_refusal(reason: str, workspace_id: UUID | None = None) -> None:
    with _lost_without_broker():
        connection = _connection()
        workspace = _counted_workspace(connection, workspace_id) if workspace_id else ""
        connection.hincrby(COUNTS_KEY, _field("refused", workspace, reason))


def count_lost_leases(reconciled: Reconciled) -> None:
    if lost := reconciled.retried + reconciled.failed:
        with _lost_without_broker():
            _connection().hincrby(COUNTS_KEY, "lost", lost)


@contextmanager
def _lost_without_broker() -> Iterator[None]:
    """A count is not worth a failure of what it counts."""
    try:
        yield
    except RedisError as error:
        log.warning("A count is lost, the broker does not take it: %s", error)


def read_counts() -> Counts:
    """Raise redis.RedisError."""
    ended: dict[EndLabels, int] = {}
    refused: dict[RefusalLabels, int] = {}
    sums: dict[tuple[str, RunLabels], float] = {}
    buckets: dict[tuple[str, RunLabels], list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
    lost = 0
    for key, value in _connection().hgetall(COUNTS_KEY).items():
        match as_text(key).split(SEPARATOR):
            case ["ended", workspace, engine, state]:
                ended[EndLabels(workspace, engine, state)] = int(value)
            case ["refused", workspace, reason]:
                refused[RefusalLabels(workspace, reason)] = int(value)
            case [("run" | "wait") as name, workspace, engine, "sum"]:
                sums[name, RunLabels(workspace, engine)] = float(value)
            case [("run" | "wait") as name, workspace, engine, index]:
                buckets[name, RunLabels(workspace, engine)][int(index)] = int(value)
            case ["lost"]:
                lost = int(value)
    durations = {key: DurationCounts(sums.get(key, 0.0), tuple(counts)) for key, counts in buckets.items()}
    run_times, waits = (
        {labels: of for (of_name, labels), of in durations.items() if of_name == name} for name in ("run", "wait")
    )
    return Counts(ended, run_times, waits, refused, lost)


def _connection() -> Redis:
    return broker_connection(settings.CONFIGURATION.broker_url)


def _field(*parts: str) -> str:
    return SEPARATOR.join(parts)


def _counted_workspace(connection: Redis, workspace_id: UUID) -> str:
    """Bound the number of series. Two processes at once may exceed the bound by one."""
    name = str(workspace_id)
    if connection.sismember(WORKSPACES_KEY, name):
        return name
    if connection.scard(WORKSPACES_KEY) >= WORKSPACES_COUNTED:
        return OTHER_WORKSPACES
    connection.sadd(WORKSPACES_KEY, name)
    return name


def _add_duration(pipeline: Redis, name: str, labels: tuple[str, str], begun: datetime, ended: datetime) -> None:
    seconds = max(0.0, (ended - begun).total_seconds())
    index = sum(bound < seconds for bound in BOUNDS_S)
    pipeline.hincrby(COUNTS_KEY, _field(name, *labels, str(index)))
    pipeline.hincrbyfloat(COUNTS_KEY, _field(name, *labels, "sum"), seconds)
