"""What Prometheus reads: counts of all processes, the series of each workspace, and the alerts and the dashboard made of them."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import django_rq
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from advisor.decisions import stored
from advisor.decisions.jobs import counters, run_simulation, tasks
from advisor.decisions.jobs.counters import count_ended_run, count_lost_leases, count_refusal, read_counts
from advisor.decisions.jobs.leased_work import LeasedWork
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.services.leases import Reconciled
from advisor.server import metrics
from advisor.server.status import record_reconciler_heartbeat
from advisor.teams.models import Workspace
from tests.fakes.engines import a_result, engine
from tests.rows import a_run

pytestmark = pytest.mark.django_db
MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
NAME = re.compile(r"\bcrossover_[a-z_]+\b")


def succeeded(workspace: Workspace, seconds: float, wait_s: float = 3) -> Run:
    now = timezone.now()
    run = a_run(workspace, attempt=1, state=State.SUCCEEDED, result_json=stored.dump(a_result()), finished_at=now)
    started = now - timedelta(seconds=seconds)
    Run.objects.filter(pk=run.pk).update(started_at=started, created_at=started - timedelta(seconds=wait_s))
    return run


def samples(client: Client) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        yield from ((sample.name, sample.labels, sample.value) for sample in family.samples)


def values(client: Client, metric: str, /, **labels: str) -> list[float]:
    return [
        value
        for sample, of, value in samples(client)
        if sample == metric and all(of.get(key) == wanted for key, wanted in labels.items())
    ]


def test_run_times_and_waits_are_histograms_by_workspace(client: Client, queue_url: str, workspace: Workspace) -> None:
    for seconds in (0.5, 3, 4, 7000):
        count_ended_run(succeeded(workspace, seconds).pk, 1)
    name = {"workspace": str(workspace.pk), "engine": "kernel"}
    assert values(client, "crossover_run_seconds_bucket", le="0.5", **name) == [1]
    assert values(client, "crossover_run_seconds_bucket", le="2.0", **name) == [1]
    assert values(client, "crossover_run_seconds_bucket", le="5.0", **name) == [3]
    assert values(client, "crossover_run_seconds_bucket", le="+Inf", **name) == [4]
    assert values(client, "crossover_run_seconds_sum", **name) == [pytest.approx(7007.5)]
    assert values(client, "crossover_run_wait_seconds_bucket", le="5.0", **name) == [4]
    assert values(client, "crossover_runs_ended_total", state="succeeded", **name) == [4]


def test_a_worker_counts_the_run_that_it_ended(
    client: Client, queue_url: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
    monkeypatch.setattr(LeasedWork, "__enter__", lambda work: work)
    monkeypatch.setattr(LeasedWork, "__exit__", lambda work, *error: None)

    def fail(report: object) -> None:
        raise MemoryError

    for behaviour in (fail, lambda report: None):
        run_simulation(str(a_run(workspace).pk), {EngineName.KERNEL: engine(behaviour)})
    assert values(client, "crossover_runs_ended_total", state="failed") == [1]
    assert values(client, "crossover_runs_ended_total", state="succeeded") == [1]


def test_a_run_that_goes_on_or_was_claimed_again_is_not_counted(queue_url: str, workspace: Workspace) -> None:
    run = succeeded(workspace, 1)
    count_ended_run(run.pk, 2)
    count_ended_run(a_run(workspace).pk, 0)
    assert not read_counts().ended


def test_workspaces_beyond_the_bound_share_a_series(
    queue_url: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "WORKSPACES_COUNTED", 2)
    for _ in range(4):
        count_refusal("queue_full", uuid4())
    count_refusal("queue_full", workspace.pk)
    refused = read_counts().refused
    assert len(refused) == 3
    assert refused[counters.RefusalLabels("other", "queue_full")] == 3


def test_unfinished_tasks_have_series_by_workspace_with_its_name(
    client: Client, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "WORKSPACES_SHOWN", 1)
    busy, idle, another = (Workspace.objects.create(name=name) for name in ("Busy", "Idle", "Another"))
    for workspace in (busy, busy, idle, another):
        a_run(workspace)
    assert values(client, "crossover_workspace_tasks", workspace=str(busy.pk), state="queued") == [2]
    assert values(client, "crossover_workspace_tasks", workspace="other", state="queued") == [2]
    assert values(client, "crossover_workspace_info", name="Busy") == [1]
    assert values(client, "crossover_workspace_info", name="Idle") == []


def test_lost_leases_and_refusals_are_counted(client: Client, queue_url: str) -> None:
    count_lost_leases(Reconciled((), retried=2, failed=1, ended=5))
    count_refusal("too_many_attempts")
    assert values(client, "crossover_leases_lost_total") == [3]
    assert values(client, "crossover_refused_total", reason="too_many_attempts") == [1]


def test_a_refusal_is_answered_without_a_broker(no_broker: None, caplog: pytest.LogCaptureFixture) -> None:
    count_refusal("queue_full")
    assert "A count is lost" in caplog.text


def test_every_metric_of_the_alerts_and_the_dashboard_is_exported(
    client: Client, queue_url: str, workspace: Workspace
) -> None:
    count_ended_run(succeeded(workspace, 1).pk, 1)
    count_refusal("queue_full", workspace.pk)
    a_run(workspace)
    record_reconciler_heartbeat(django_rq.get_connection(settings.SIMULATIONS_QUEUE))
    exported = {name for name, _, _ in samples(client)}
    rules = (MONITORING / "alerts.yml").read_text()
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    used = {
        name for panel in dashboard["panels"] for target in panel["targets"] for name in NAME.findall(target["expr"])
    }
    used |= {name for line in rules.splitlines() if "annotations" not in line for name in NAME.findall(line)}
    assert len(used) > 15
    assert used <= exported


@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_accepts_the_alerts_and_their_tests(command: tuple[str, ...]) -> None:
    if shutil.which("promtool") is None:
        assert not os.environ.get("CI"), "promtool is missing: the package prometheus has it"
        pytest.skip("promtool is missing")
    done = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
