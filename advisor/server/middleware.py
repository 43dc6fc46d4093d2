"""The pages for operators, answered before anything that could stand in their way."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from advisor.server import health, metrics

HEALTH = {"/health/live": health.live, "/health/ready": health.ready}
METRICS = "/metrics"


class OperatorPages:
    """Health, and metrics for whoever brings a token: they are asked by address, over plain HTTP and with the database down, so neither
    host, TLS, session nor sign-in is looked at. Metrics for a superuser take the way of every other page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if view := HEALTH.get(request.path):
            return view(request)
        if request.path == METRICS and metrics.brings_a_token(request):
            return metrics.metrics_for_scraper(request)
        return self.get_response(request)
