"""Addresses for operators."""

from django.urls import path

from advisor.server import health, metrics

app_name = "server"

urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("health/serving", health.serving, name="serving"),
    path("metrics", metrics.metrics, name="metrics"),
]
