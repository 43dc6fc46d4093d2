"""Runs at an outside endpoint: on record by host and model, within the day's number, and with a key that goes straight to the engine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import django_rq
import pytest
from django.conf import settings as django_settings
from django.core import serializers
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pydantic import SecretStr
from pytest_django import Settings
from rq.job import Job

from advisor.decisions.engines import Engine
from advisor.decisions.jobs import RqNotifier, job_id, run_simulation
from advisor.decisions.models import Decision, EngineName, Run, State
from advisor.decisions.services.leases import RunLease, claim_run
from advisor.decisions.services.runs import RunRequest, request_run
from advisor.teams.models import User
from core.errors import CannotRun, InvalidInput
from simulator.live.system.config import ExternalEndpoint
from simulator.result import Result
from tests.fakes.engines import a_result, engine
from tests.fakes.outside import HOST, KEY, MODEL, allow
from tests.rows import a_run
from tests.unit.server.conftest import configuration, queue_url, running_broker  # noqa: F401  fixtures

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _allowed(settings: Settings) -> None:
    allow(settings)


def requested(decision: Decision, user: User, key: str = "k", **asked: Any) -> Run:
    asked = {"engine": EngineName.LIVE, "endpoint": "outside"} | asked
    return request_run(decision.latest(), user, key, RunRequest(**asked))


Options = dict[str, Any]


def live_engine(seen: list[Options], behaviour: Callable[[], Result | None] = lambda: None) -> Engine:
    def simulate(*_: Any, **options: Any) -> Result:
        seen.append(options)
        return behaviour() or a_result()

    return replace(engine(), simulate=simulate, is_live=True)


def worked(run: Run, seen: list[Options], behaviour: Callable[[], Result | None] = lambda: None) -> Run:
    run_simulation(str(run.id), {EngineName.LIVE: live_engine(seen, behaviour)})
    return Run.objects.get(pk=run.pk)


def test_a_run_stores_host_and_model_of_the_endpoint_only(decision: Decision, bob: User) -> None:
    run = requested(decision, bob)
    assert (run.endpoint_host, run.endpoint_model) == (HOST, MODEL)
    assert requested(decision, bob, "other", endpoint="sample").endpoint_host == ""


def test_an_outside_endpoint_needs_an_administrators_permission(
    decision: Decision, bob: User, settings: Settings
) -> None:
    allow(settings, external_key=None)
    with pytest.raises(InvalidInput, match=r"endpoint: .* not set: CROSSOVER_EXTERNAL_KEY"):
        requested(decision, bob)
    assert not Run.objects.exists()


def test_the_kernel_calls_no_server(decision: Decision, bob: User) -> None:
    with pytest.raises(InvalidInput, match="endpoint: is for a live run"):
        requested(decision, bob, engine=EngineName.KERNEL)


def test_a_speed_is_refused_before_the_run_is_on_record(decision: Decision, bob: User) -> None:
    with pytest.raises(InvalidInput, match="speed"):
        requested(decision, bob, speed=2.0)
    with pytest.raises(InvalidInput, match="speed: should be at most"):
        requested(decision, bob, endpoint="sample", speed=5000.0)
    assert not Run.objects.exists()


def test_all_workspaces_together_share_the_runs_of_a_day(decision: Decision, bob: User, settings: Settings) -> None:
    allow(settings, external_runs_per_day=2)
    first = requested(decision, bob, "1")
    requested(decision, bob, "2")
    with pytest.raises(InvalidInput, match=r"endpoint: .* 2 runs that it may have in 24 hours"):
        requested(decision, bob, "3")
    assert requested(decision, bob, "4", endpoint="sample").endpoint_host == ""
    Run.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert requested(decision, bob, "5").endpoint_host == HOST


def test_only_a_live_run_has_an_endpoint_and_never_half_of_one(decision: Decision) -> None:
    for wrong in ({"endpoint_host": HOST, "endpoint_model": MODEL}, {"engine": "live", "endpoint_host": HOST}):
        with pytest.raises(IntegrityError, match="run_has_an_outside_endpoint_or_none"):
            a_run(decision.workspace, **wrong)


def test_a_worker_takes_the_key_from_its_own_configuration(decision: Decision, bob: User) -> None:
    seen: list[Options] = []
    row = worked(requested(decision, bob), seen)
    assert row.state == State.SUCCEEDED
    (options,) = seen
    assert isinstance(options["external"], ExternalEndpoint) and options["external"].host == HOST
    assert isinstance(options["key"], SecretStr) and options["key"].get_secret_value() == KEY
    assert options["speed"] is None
    assert not {"external", "key"} & set(_of_sample(decision, bob))


def test_a_worker_uses_the_stored_length_workers_and_time_limit(
    decision: Decision, bob: User, settings: Settings
) -> None:
    seen: list[Options] = []
    run = requested(decision, bob, endpoint="sample", speed=2.0, seconds=45.0, workers="forking")
    worked(run, seen)
    asked = {"speed": 2.0, "seconds": 45.0, "workers": "forking"}
    assert {name: seen[0][name] for name in asked} == asked
    assert seen[0]["time_limit_s"] == settings.CONFIGURATION.run_time_limit_s


def _of_sample(decision: Decision, bob: User) -> Options:
    seen: list[Options] = []
    worked(requested(decision, bob, "sample", endpoint="sample"), seen)
    return seen[0]


def test_another_endpoint_than_the_one_that_was_shown_is_not_called(
    decision: Decision, bob: User, settings: Settings
) -> None:
    run, seen = requested(decision, bob), []
    allow(settings, external_model="a-dearer-model")
    row = worked(run, seen)
    assert not seen
    assert row.error is not None and row.error.code == "invalid_input"
    assert f"{MODEL} at {HOST} was to answer, and now a-dearer-model" in row.error.text


def test_a_run_whose_worker_was_stopped_does_not_spend_twice(decision: Decision, bob: User) -> None:
    run, seen = requested(decision, bob), []
    attempt = claim_run(run.pk, timezone.now())
    assert attempt is not None and RunLease(run.pk, attempt).release()
    row = worked(run, seen)
    assert not seen
    assert row.error is not None and "does not begin again by itself" in row.error.text


@pytest.mark.slow
@pytest.mark.usefixtures("queue_url")
def test_the_key_is_in_no_row_no_job_and_on_no_page(
    decision: Decision, bob: User, client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that fails with the key's own words, and one that succeeds; then everything that is kept of them is read."""
    allow(settings)
    caplog.set_level("DEBUG")

    def fail() -> Result:
        raise CannotRun("the service of the live run ended: no reason")

    notifier, failed = RqNotifier(), requested(decision, bob, "1")
    notifier.notify(failed.pk, failed.attempt)
    job = Job.fetch(job_id(failed.pk, 0), connection=django_rq.get_connection("simulations")).to_dict()
    worked(failed, [], fail)
    done = worked(requested(decision, bob, "2"), [])
    rows = serializers.serialize("json", Run.objects.all())
    pages = [
        client.get(reverse("run", args=[failed.pk])),
        client.get(reverse("run", args=[done.pk])),
        client.get(reverse("decision", args=[decision.pk])),
        client.get(reverse("live-plan", args=[decision.pk]), {"engine": "live", "endpoint": "outside"}),
        *(client.get(reverse("report", args=[decision.pk, kind])) for kind in ("json", "md", "html")),
    ]
    assert all(page.status_code == 200 for page in pages)
    text = b" ".join(page.content for page in pages).decode() + rows + repr(job) + caplog.text
    assert HOST in text and MODEL in text
    assert KEY not in text
    assert KEY not in repr(django_settings.CONFIGURATION)
    assert KEY.encode() not in _database()


def _database() -> bytes:
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  names of our own tables
            rows += [repr(row) for row in cursor.fetchall()]
    return "\n".join(rows).encode()
