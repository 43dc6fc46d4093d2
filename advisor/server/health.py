"""Liveness and readiness, for whoever restarts processes and routes traffic."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from advisor.server.beats import RECONCILER_LATE_S
from advisor.server.vitals import BrokerVitals, broker_vitals, database_answers


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "live"})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    broker = broker_vitals()
    checks = {
        "database": "ok" if database_answers() else "does not answer",
        "broker": "ok" if broker else "does not answer",
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


def _workers(broker: BrokerVitals | None) -> str:
    if broker is None:
        return "unknown without the broker"
    return "ok" if broker.workers_alive else "none alive"


def _reconciler(broker: BrokerVitals | None) -> str:
    if broker is None:
        return "unknown without the broker"
    late = broker.reconciler_age_s is None or broker.reconciler_age_s > RECONCILER_LATE_S
    return f"has not looked for {RECONCILER_LATE_S:g} s" if late else "ok"
