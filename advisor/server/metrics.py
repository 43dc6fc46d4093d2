"""Figures for Prometheus: first the depth and age of the queue, which show trouble early."""

import secrets
from collections.abc import Iterator, Mapping
from itertools import accumulate

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from advisor.decisions.jobs.counters import (
    BOUNDS_S,
    OTHER_WORKSPACES,
    Counts,
    DurationCounts,
    EndLabels,
    RefusalLabels,
    RunLabels,
    read_counts,
)
from advisor.decisions.services.unfinished_tasks import count_stuck, load_by_workspace
from advisor.server.status import BrokerStatus, RunStatus, broker_status, run_status
from advisor.teams.models import Workspace

WORKSPACES_SHOWN = 50
"""Those with the most unfinished tasks; the others together are OTHER_WORKSPACES, so that the number of series is bounded."""


class Figures(Collector):
    def collect(self) -> Iterator[Metric]:
        broker, runs = broker_status(), run_status()
        up = GaugeMetricFamily("crossover_up", "1 if the part answers, else 0", labels=["part"])
        up.add_metric(["broker"], float(broker is not None))
        up.add_metric(["database"], float(runs is not None))
        yield up
        shown: set[str] = set()
        if broker:
            yield from _of_broker(broker)
            yield from _of_counts(read_counts(), shown)
        if runs:
            yield from _of_runs(runs)
            yield from _of_workspaces(shown)


def _of_broker(broker: BrokerStatus) -> Iterator[Metric]:
    depths = GaugeMetricFamily("crossover_queue_depth", "Jobs in the queue that no worker has taken", labels=["queue"])
    lags = GaugeMetricFamily("crossover_queue_lag_seconds", "Since the job at the head was queued", labels=["queue"])
    for queue in broker.queues:
        depths.add_metric([queue.name], queue.depth)
        lags.add_metric([queue.name], queue.lag_s)
    yield depths
    yield lags
    yield GaugeMetricFamily("crossover_workers_alive", "Workers with a fresh heartbeat", broker.workers_alive)
    yield GaugeMetricFamily("crossover_broker_memory_bytes", "Memory that the broker uses", broker.memory_bytes)
    yield GaugeMetricFamily(
        "crossover_broker_memory_limit_bytes", "Memory that the broker may use; 0: no limit", broker.memory_limit_bytes
    )
    if broker.reconciler_age_s is not None:
        yield GaugeMetricFamily(
            "crossover_reconciler_age_seconds",
            "Since the reconciler's last look that went well",
            broker.reconciler_age_s,
        )


def _of_counts(counts: Counts, shown: set[str]) -> Iterator[Metric]:
    ended = CounterMetricFamily("crossover_runs_ended", "Runs that ended in a worker", labels=EndLabels._fields)
    for end, number in counts.ended.items():
        ended.add_metric(end, number)
        shown.add(end.workspace)
    yield ended
    refused = CounterMetricFamily("crossover_refused", "Requests that were refused", labels=RefusalLabels._fields)
    for refusal, number in counts.refused.items():
        refused.add_metric(refusal, number)
        shown.add(refusal.workspace)
    yield refused
    yield CounterMetricFamily("crossover_leases_lost", "Tasks whose worker crashed or hung", counts.lost_leases)
    yield _histogram("crossover_run_seconds", "Time of the attempt with which a run ended", counts.run_times)
    yield _histogram("crossover_run_wait_seconds", "From the request of a run to its first worker", counts.waits)


def _histogram(name: str, text: str, durations: Mapping[RunLabels, DurationCounts]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=RunLabels._fields)
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    for labels, of in durations.items():
        family.add_metric(labels, list(zip(bounds, accumulate(of.buckets), strict=True)), of.sum_s)
    return family


def _of_runs(runs: RunStatus) -> Iterator[Metric]:
    states = GaugeMetricFamily("crossover_runs", "Runs by state", labels=["state"])
    for state, number in runs.by_state.items():
        states.add_metric([state], number)
    yield states
    yield GaugeMetricFamily("crossover_oldest_queued_seconds", "Age of the oldest queued run", runs.oldest_queued_age_s)


def _of_workspaces(shown: set[str]) -> Iterator[Metric]:
    """Unfinished tasks of each workspace, and the names of all workspaces that have series."""
    now = timezone.now()
    tasks = GaugeMetricFamily(
        "crossover_workspace_tasks", "Unfinished simulations, maps and searches", labels=["workspace", "state"]
    )
    waits = GaugeMetricFamily(
        "crossover_workspace_oldest_queued_seconds", "Age of the oldest queued task", labels=["workspace"]
    )
    loads = load_by_workspace(now)
    rows = [(str(load.workspace.pk), [load]) for load in loads[:WORKSPACES_SHOWN]]
    if others := loads[WORKSPACES_SHOWN:]:
        rows.append((OTHER_WORKSPACES, others))
    for key, of in rows:
        tasks.add_metric([key, "running"], sum(load.running for load in of))
        tasks.add_metric([key, "queued"], sum(load.queued for load in of))
        waits.add_metric([key], max(load.oldest_queued_s for load in of))
        shown.add(key)
    names = GaugeMetricFamily("crossover_workspace_info", "The name of a workspace", labels=["workspace", "name"])
    for workspace in Workspace.objects.filter(pk__in=shown - {OTHER_WORKSPACES, ""}):
        names.add_metric([str(workspace.pk), workspace.name], 1)
    yield from (tasks, waits, names)
    yield GaugeMetricFamily("crossover_stuck_tasks", "Tasks that the operations page calls stuck", count_stuck(now))


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For a superuser; 401 without sign-in, 403 to other users. `OperatorPages` answers requests with a token."""
    if not (request.user.is_active and request.user.is_superuser):
        return HttpResponse(status=403 if request.user.is_authenticated else 401)
    return _figures()


@never_cache
@require_safe
def metrics_for_scraper(request: HttpRequest) -> HttpResponse:
    token = settings.CONFIGURATION.metrics_token
    if not token or not secrets.compare_digest(_authorization(request), f"Bearer {token}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return _figures()


def has_token(request: HttpRequest) -> bool:
    return _authorization(request).startswith(b"Bearer ")


def _authorization(request: HttpRequest) -> bytes:
    return request.headers.get("Authorization", "").encode()


def _figures() -> HttpResponse:
    registry = CollectorRegistry()
    registry.register(Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
