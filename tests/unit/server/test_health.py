"""What operators see, with everything in place and with parts missing."""

from datetime import UTC, datetime, timedelta

import django_rq
import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.decisions.models import Run
from advisor.server import queue_pages
from advisor.server.status import (
    ALIVE_WITHIN_S,
    HEARTBEAT_KEPT_S,
    WORKER_KEY,
    record_reconciler_heartbeat,
    record_worker_heartbeat,
)
from advisor.server.worker import SimulationWorker, simulation_worker
from advisor.teams.models import User
from tests.unit.server.conftest import UNSAFE_POLICIES, workers_alive

pytestmark = pytest.mark.django_db
TOKEN = "a-token-for-the-scraper"


@pytest.fixture
def worker(queue_url: str) -> SimulationWorker:
    worker = simulation_worker("worker-of-the-test")
    worker.register_birth()
    record_worker_heartbeat(worker.connection, worker.name)
    return worker


def test_liveness_asks_nothing_of_the_broker(client: Client, no_broker: None) -> None:
    assert client.get("/health/live").status_code == 200


def test_it_is_ready_when_a_run_would_be_done(client: Client, worker: SimulationWorker) -> None:
    record_reconciler_heartbeat(worker.connection)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_it_is_not_ready_without_a_worker(client: Client, queue_url: str) -> None:
    record_reconciler_heartbeat(django_rq.get_connection(settings.SIMULATIONS_QUEUE))
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["workers"]) == (503, "none alive")


def test_it_is_not_ready_without_a_reconciler(client: Client, worker: SimulationWorker) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["reconciler"] != "ok"


def test_it_is_not_ready_without_a_broker(client: Client, no_broker: None) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["broker"]) == (503, "does not answer")


@pytest.mark.parametrize("policy", UNSAFE_POLICIES)
def test_it_is_not_ready_with_a_broker_that_may_drop_work(
    policy: str, client: Client, worker: SimulationWorker
) -> None:
    record_reconciler_heartbeat(worker.connection)
    worker.connection.config_set("maxmemory-policy", policy)
    try:
        answer = client.get("/health/ready")
    finally:
        worker.connection.config_set("maxmemory-policy", "noeviction")
    assert answer.status_code == 503
    assert policy in answer.json()["checks"]["broker"]


def test_it_is_not_ready_with_a_broker_whose_memory_is_full(client: Client, worker: SimulationWorker) -> None:
    record_reconciler_heartbeat(worker.connection)
    worker.connection.config_set("maxmemory", 1)
    try:
        answer = client.get("/health/ready")
        page = client.get("/operations").content.decode()
    finally:
        worker.connection.config_set("maxmemory", 0)
    assert (answer.status_code, "its memory is full" in answer.json()["checks"]["broker"]) == (503, True)
    assert "its memory is full" in page


def test_a_worker_whose_clock_is_an_hour_slow_is_alive(
    client: Client, worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rq.worker.base.now", lambda: datetime.now(UTC) - timedelta(hours=1))
    worker._show_heartbeat()
    assert workers_alive(worker.queues[0]) == 1


def test_a_worker_that_fell_silent_does_not_count(worker: SimulationWorker) -> None:
    queue = worker.queues[0]
    assert workers_alive(queue) == 1
    queue.connection.expire(WORKER_KEY.format(worker.name), HEARTBEAT_KEPT_S - ALIVE_WITHIN_S)
    assert workers_alive(queue) == 0


def test_a_worker_that_left_does_not_count(worker: SimulationWorker) -> None:
    worker.register_death()
    assert workers_alive(worker.queues[0]) == 0


def test_metrics_tell_of_queue_and_runs(client: Client, worker: SimulationWorker) -> None:
    page = client.get("/metrics").content.decode()
    assert 'crossover_queue_depth{queue="simulations"} 0.0' in page
    assert 'crossover_queue_depth{queue="maps"} 0.0' in page
    assert "crossover_workers_alive 1.0" in page
    assert 'crossover_runs{state="queued"} 0.0' in page


def test_metrics_say_what_does_not_answer(client: Client, no_broker: None) -> None:
    page = client.get("/metrics").content.decode()
    assert 'crossover_up{part="broker"} 0.0' in page
    assert 'crossover_up{part="database"} 1.0' in page
    assert "crossover_queue_depth" not in page


@pytest.mark.parametrize("page", ["/metrics", "/admin/queues/", "/admin/queues/stats.json"])
def test_strangers_and_members_see_no_figures(
    page: str, client: Client, hosted: Configuration, alice: User, queue_url: str
) -> None:
    assert client.get(page, secure=True).status_code in (302, 401)
    client.force_login(alice)
    assert client.get(page, secure=True).status_code == 403


@pytest.mark.parametrize("page", ["/metrics", "/admin/queues/", "/admin/queues/stats.json", "/admin/queues/queues/0/"])
def test_a_superuser_sees_them(page: str, client: Client, hosted: Configuration, alice: User, queue_url: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client.force_login(alice)
    assert client.get(page, secure=True).status_code == 200


@pytest.mark.parametrize(
    ("given", "status"), [(f"Bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 401), ("Bearer ", 401), ("", 401)]
)
def test_a_scraper_brings_a_token(
    given: str, status: int, client: Client, hosted: Configuration, settings: Settings, no_broker: None
) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"metrics_token": TOKEN})
    assert client.get("/metrics", secure=True, headers={"Authorization": given}).status_code == status


def test_without_a_token_set_an_empty_one_opens_nothing(client: Client, hosted: Configuration, no_broker: None) -> None:
    assert client.get("/metrics", secure=True, headers={"Authorization": "Bearer None"}).status_code == 401


def test_a_site_that_is_not_ready_does_not_fill_its_log(
    client: Client, no_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/health/ready").status_code == 503
    assert caplog.records == []


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question to the database fails, as when its server is down."""

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the server is down")

    monkeypatch.setattr(CursorWrapper, "execute", fail)


@pytest.mark.parametrize("mode", ["local", "hosted"])
def test_it_is_live_with_neither_database_nor_sign_in(
    mode: str, settings: Settings, no_broker: None, no_database: None
) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mode": mode})
    assert Client().get("/health/live", headers={"Host": "10.9.8.7:8000"}).status_code == 200
    answer = Client().get("/health/ready", headers={"Host": "10.9.8.7:8000"})
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "does not answer")


def test_an_empty_database_in_the_place_of_the_sites_own_is_not_ready(
    client: Client, worker: SimulationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_reconciler_heartbeat(worker.connection)
    monkeypatch.setattr(Run._meta, "db_table", "no_such_table")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "does not answer")


def test_probes_and_scrapers_ask_by_address_and_without_tls(
    hosted: Configuration, settings: Settings, worker: SimulationWorker
) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mode": "hosted", "metrics_token": TOKEN})
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["crossover.example"]
    record_reconciler_heartbeat(worker.connection)
    by_address = {"Host": "10.9.8.7:8000"}
    assert Client().get("/health/live", headers=by_address).status_code == 200
    assert Client().get("/health/ready", headers=by_address).status_code == 200
    with_token = by_address | {"Authorization": f"Bearer {TOKEN}"}
    assert Client().get("/metrics", headers=with_token).status_code == 200
    assert (
        Client().get("/metrics", headers=by_address | {"Authorization": "Bearer of-another-token"}).status_code == 401
    )
    assert Client().get("/metrics", headers=by_address).status_code in (301, 400)


BOGUS = {"queue_index": 0, "connection_index": 0, "scheduler_index": 0, "job_id": "x", "result_id": "x"}
BOGUS |= {"key": "x", "scheduler_name": "x", "cron_job_name": "x", "token": "x"}


def bogus_addresses() -> list[tuple[str, dict[str, object]]]:
    """Every address of django-rq's pages that names something, with a name of nothing and with a queue that does not exist."""
    addresses = []
    for pattern in queue_pages.urlpatterns:
        names = list(pattern.pattern.converters) or list(pattern.pattern.regex.groupindex)
        ids = {name: BOGUS[name] for name in names}
        if set(ids) - {"queue_index", "token"}:
            addresses.append((str(pattern.name), ids))
            addresses.append((str(pattern.name), ids | {name: "rq:worker:x" for name in ids if name == "key"}))
            addresses.append((str(pattern.name), ids | {name: "a b:%" for name in ids if name == "job_id"}))
        if "queue_index" in ids:
            addresses.append((str(pattern.name), ids | {"queue_index": 99}))
    return addresses


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ids"), bogus_addresses())
def test_an_unknown_id_under_the_queue_pages_does_not_exist(
    name: str, ids: dict[str, object], client: Client, queue_url: str
) -> None:
    address = reverse(f"django_rq:{name}", kwargs=ids)
    assert {client.get(address).status_code, client.post(address).status_code} <= {404, 405}


def test_a_job_that_is_gone_cannot_be_deleted_in_bulk(client: Client, queue_url: str) -> None:
    address = reverse("django_rq:actions", kwargs={"queue_index": 0})
    assert client.post(address, {"action": "delete", "job_ids": ["gone"]}).status_code == 404


def test_a_web_process_serves_pages_while_runs_wait(client: Client, no_broker: None) -> None:
    """A proxy that asked whether runs are done would take every web process out because one worker is restarted."""
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/serving").status_code == 200


def test_a_web_process_without_its_database_does_not(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(CursorWrapper, "execute", no_answer)
    answer = client.get("/health/serving")
    assert (answer.status_code, answer.json()["status"]) == (503, "not serving")
