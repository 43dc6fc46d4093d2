"""Liveness and readiness, and the middleware that answers operators before anything else does."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from advisor.server import metrics
from advisor.server.status import RECONCILER_LATE_S, BrokerStatus, broker_status, database_answers


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "live"})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    broker = broker_status()
    checks = {
        "database": "ok" if database_answers() else "does not answer",
        "broker": (broker.refusal or "ok") if broker else "does not answer",
        "workers": _workers(broker),
        "reconciler": _reconciler(broker),
    }
    is_ready = set(checks.values()) == {"ok"}
    return JsonResponse(
        {
            "status": "ready" if is_ready else "not ready",
            "checks": checks,
            "workers_alive": broker.workers_alive if broker else None,
        },
        status=200 if is_ready else 503,
    )


@login_not_required
@never_cache
@require_safe
def serving(request: HttpRequest) -> JsonResponse:
    """Whether this web process can answer pages. Runs wait for workers and broker, pages do not."""
    answers = database_answers()
    return JsonResponse({"status": "serving" if answers else "not serving"}, status=200 if answers else 503)


def _workers(broker: BrokerStatus | None) -> str:
    if broker is None:
        return "unknown without the broker"
    return "ok" if broker.workers_alive else "none alive"


def _reconciler(broker: BrokerStatus | None) -> str:
    if broker is None:
        return "unknown without the broker"
    return f"has not looked for {RECONCILER_LATE_S:g} s" if broker.is_reconciler_late else "ok"


HEALTH_PAGES = {"/health/live": live, "/health/ready": ready, "/health/serving": serving}


class OperatorPages:
    """Answers health, and metrics if a token is given, by address alone: over plain HTTP, for any host, with the database down.

    Metrics for a superuser are a page like every other.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if view := HEALTH_PAGES.get(request.path):
            return view(request)
        if request.path == "/metrics" and metrics.has_token(request):
            return metrics.metrics_for_scraper(request)
        return self.get_response(request)
