"""Figures for Prometheus: first the depth and age of the queue, which show trouble early."""

import secrets
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from advisor.server.status import BrokerStatus, RunStatus, broker_status, run_status


class Figures(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        broker, runs = broker_status(), run_status()
        up = GaugeMetricFamily("crossover_up", "1 where the part answers, else 0", labels=["part"])
        up.add_metric(["broker"], float(broker is not None))
        up.add_metric(["database"], float(runs is not None))
        yield up
        if broker:
            yield from _of_broker(broker)
        if runs:
            yield from _of_runs(runs)


def _of_broker(broker: BrokerStatus) -> Iterator[GaugeMetricFamily]:
    depths = GaugeMetricFamily("crossover_queue_depth", "Jobs in the queue that no worker has taken", labels=["queue"])
    for queue in broker.queues:
        depths.add_metric([queue.name], queue.depth)
    yield depths
    yield GaugeMetricFamily("crossover_workers_alive", "Workers with a fresh heartbeat", broker.workers_alive)
    if broker.reconciler_age_s is not None:
        yield GaugeMetricFamily(
            "crossover_reconciler_age_seconds",
            "Since the reconciler's last look that went well",
            broker.reconciler_age_s,
        )


def _of_runs(runs: RunStatus) -> Iterator[GaugeMetricFamily]:
    states = GaugeMetricFamily("crossover_runs", "Runs by state", labels=["state"])
    for state, count in runs.by_state.items():
        states.add_metric([state], count)
    yield states
    yield GaugeMetricFamily("crossover_oldest_queued_seconds", "Age of the oldest queued run", runs.oldest_queued_age_s)


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
