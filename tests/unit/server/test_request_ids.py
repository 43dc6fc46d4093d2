"""One id in all that is logged for a request, from the web to the worker that simulates."""

import logging
import re

import django_rq
import pytest
import structlog
from django.conf import settings
from django.test import Client
from django.urls import reverse
from rq.job import Job

from advisor.decisions.jobs import tasks
from advisor.decisions.models import Decision, Run
from advisor.server.logs import SHARED
from advisor.server.worker import simulation_worker

pytestmark = pytest.mark.django_db(transaction=True)
GIVEN = "proxy-0123456789"


class WithContext(logging.Filter):
    """Keeps the context in which a line was logged, as the site's formatter reads it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.context = structlog.contextvars.get_contextvars()
        return True


@pytest.fixture
def contexts(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(WithContext())
    return caplog


def context_of(caplog: pytest.LogCaptureFixture, words: str) -> dict[str, str]:
    return next(record.context for record in caplog.records if words in record.getMessage())  # type: ignore[attr-defined]


def test_a_run_is_followed_from_the_click_to_its_end(
    client: Client,
    decision: Decision,
    queue_url: str,
    contexts: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = reverse("simulate", args=[decision.pk])
    posted = {"version": str(decision.draft_version), "idempotency_key": "key"}
    answer = client.post(address, posted, headers={"X-Request-ID": GIVEN})
    assert answer["X-Request-ID"] == GIVEN
    run = Run.objects.get()
    assert context_of(contexts, f"Run {run.pk}")["request_id"] == GIVEN
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
    worker = simulation_worker("worker-of-the-test")
    monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
    worker.work(burst=True, logging_level="WARNING")
    for words in ("Attempt 1 begins", "Attempt 1 is over"):
        assert context_of(contexts, words) == {"request_id": GIVEN, "task": str(run.pk)}
    assert structlog.contextvars.merge_contextvars in SHARED


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "12345678\nforged", "id with blanks", "<b>12345678</b>"])
def test_an_id_that_is_not_fit_to_log_is_replaced(client: Client, decision: Decision, given: str) -> None:
    answer = client.get(reverse("home"), headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-ID"])


def test_a_job_of_the_reconciler_has_no_request(queue_url: str, decision: Decision) -> None:
    tasks.MAPS.notify(decision.pk, 0)
    job = Job.fetch(
        f"{decision.pk}-0", django_rq.get_connection(settings.MAPS_QUEUE), serializer="rq.serializers.JSONSerializer"
    )
    assert job.meta == {}
