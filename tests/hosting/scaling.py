"""What more worker hosts bring, and how two teams share them: `python -m tests.hosting.scaling [FOLDER]` prints two tables.

Each host is a namespace with a host name and a core of its own, as far as there are cores; PostgreSQL and Redis are shared. It ends the processes
that it started, by their ids.
"""

import logging
import os
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hosting.parts import Database, Server, scratch_folder
from tests.proxies import free_port, listens
from tests.sites import ROOT, START_S, eventually, own_environment

if TYPE_CHECKING:
    from advisor.decisions.models import Decision, Run, Sweep

HOSTS = (1, 2, 4)
REPLICATIONS = 120
"""Of document extraction in both designs: some 50 million requests."""
MAP_STEPS, MAP_JOBS = 8, 20_000
QUEUED_BY_ONE_TEAM, OF_THE_OTHER, THEIR_REPLICATIONS = 12, 3, 15
RUN_S = 600.0


class Hosts:
    """A database, a broker, a reconciler, and hosts of one worker each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.database = Database(folder)
        stack.callback(self.database.stop)
        port = free_port()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
        stack.callback(Server("redis", folder, command, os.environ).end)
        eventually(lambda: listens(port), START_S)
        self.environment = own_environment() | {
            "DATABASE_URL": self.database.url(),
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "CROSSOVER_SECRET_KEY": uuid.uuid4().hex * 2,
            "CROSSOVER_PUBLIC_URL": "https://crossover.example",
            "CROSSOVER_DATA": str(folder / "here"),
            "DJANGO_SETTINGS_MODULE": "advisor.settings",
        }

    def begin(self) -> None:
        """Use the site from this process, too; its reconciler runs from now on."""
        os.environ.clear()
        os.environ.update(self.environment)
        import django
        from django.core.management import call_command

        django.setup()
        logging.disable(logging.INFO)
        call_command("migrate", verbosity=0)
        reconciler = self.part("reconciler", "reconciler", [])
        self.stack.callback(reconciler.end)
        reconciler.until_printed("has started")

    def part(self, name: str, role: str, prefix: list[str], *options: str) -> Server:
        command = [*prefix, sys.executable, str(ROOT / "manage.py"), "up", "--role", role, *options]
        return Server(name, self.folder, [*command, "--data", str(self.folder / name)], self.environment)

    @contextmanager
    def workers(self, count: int) -> Iterator[None]:
        """As many hosts, until their workers are ended."""
        cores = sorted(os.sched_getaffinity(0))
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        with ExitStack() as stack:
            started = []
            for number in range(count):
                core = cores[number % len(cores)]
                enter = f'hostname host-{number + 1} && exec taskset -c {core} "$@"'
                prefix = ["unshare", *user, "--uts", "sh", "-c", enter, "sh"]
                started.append(self.part(f"host-{number + 1}", "worker", prefix, "--workers", "1"))
                stack.callback(started[-1].end)
            for server in started:
                server.until_printed("has started")
            self._until_registered(count)
            yield

    def _until_registered(self, count: int) -> None:
        from advisor.decisions.jobs.queue_notifier import worker_hosts

        eventually(lambda: len(worker_hosts()) == count, START_S, lambda: f"{worker_hosts()}")


def until_ended(task: "Run | Sweep") -> float:
    """The seconds from its start to its end, which is a success."""
    from advisor.decisions.models import State

    def has_ended() -> bool:
        task.refresh_from_db(fields=["state", "started_at", "finished_at"])
        return task.state not in (State.QUEUED, State.RUNNING)

    eventually(has_ended, RUN_S, lambda: f"{task} did not end")
    assert task.state == State.SUCCEEDED, f"{task}"
    assert task.started_at and task.finished_at
    return (task.finished_at - task.started_at).total_seconds()


def decision_of(team: str) -> "Decision":
    from advisor.decisions.services.decisions import create_decision
    from advisor.teams.models import Membership, Role, User, Workspace

    workspace = Workspace.objects.create(name=team)
    user = User.objects.create(username=team)
    Membership.objects.create(user=user, workspace=workspace, role=Role.OWNER)
    return create_decision(workspace, user, {"template": "document_extraction"})


def start(decision: "Decision", replications: int) -> "Run":
    from advisor.decisions.jobs import start_run
    from advisor.decisions.services.runs import RunRequest

    owner = decision.workspace.members.get()
    return start_run(
        decision.latest(), owner, RunRequest(replications=replications), idempotency_key=uuid.uuid4().hex
    ).run


def simulate_all(decision: "Decision", hosts: int) -> tuple[float, float, str]:
    """Seconds of a run and of a map, and who simulated the run's replications."""
    from advisor.decisions.jobs import start_sweep
    from advisor.decisions.models import SharedReplication
    from advisor.decisions.services.sweeps import SweepRequest
    from advisor.sweeps.contract import SweepAxis

    by_host: Counter[str] = Counter()
    run = start(decision, REPLICATIONS)

    def look() -> bool:
        done = SharedReplication.objects.filter(run=run, state="done").values_list("number", "worker")
        by_number = {number: worker.partition(":")[0] for number, worker in done}
        if len(by_number) >= by_host.total():
            by_host.clear()
            by_host.update(by_number.values())
        run.refresh_from_db(fields=["state", "worker"])
        return run.state not in ("queued", "running")

    eventually(look, RUN_S, lambda: f"{run} did not end")
    run_s = until_ended(run)
    by_host[run.worker.partition(":")[0]] += REPLICATIONS - by_host.total()
    axis = SweepAxis.from_steps("volume.mean_rate_per_s", 0.1, 3.0, MAP_STEPS)
    up = SweepAxis.from_steps("processing.p95_s", 10.0, 80.0, MAP_STEPS, "y")
    owner = decision.workspace.members.get()
    sweep = start_sweep(
        decision.latest(), owner, SweepRequest(axis, up, MAP_JOBS, seed=hosts), idempotency_key=uuid.uuid4().hex
    )
    map_s = until_ended(sweep)
    return run_s, map_s, ", ".join(f"{count} on {host}" for host, count in sorted(by_host.items()))


def two_teams() -> list[str]:
    """Of one host: one team queues many runs, then another asks for few."""
    many, few = decision_of("Many"), decision_of("Few")
    queued = [start(many, THEIR_REPLICATIONS) for _ in range(QUEUED_BY_ONE_TEAM)]
    others = [start(few, THEIR_REPLICATIONS) for _ in range(OF_THE_OTHER)]
    for run in [*queued, *others]:
        until_ended(run)
    return [
        _waits(f"{len(queued)} runs, asked for first", queued),
        _waits(f"{len(others)} runs, asked for then", others),
    ]


def _waits(of: str, runs: "list[Run]") -> str:
    def seconds(end: datetime | None, run: "Run") -> float:
        assert end is not None
        return (end - run.created_at).total_seconds()

    starts = [seconds(run.started_at, run) for run in runs]
    return f"| {of} | {starts[0]:.1f} | {max(starts):.1f} | {max(seconds(run.finished_at, run) for run in runs):.1f} |"


def main(arguments: list[str]) -> None:
    with scratch_folder(arguments[0] if arguments else None) as folder, ExitStack() as stack:
        site = Hosts(folder, stack)
        site.begin()
        decision = decision_of("Platform")
        print(f"| hosts | run, s | map, s | replications of {REPLICATIONS} |\n| --- | --- | --- | --- |", flush=True)
        for count in HOSTS:
            with site.workers(count):
                run_s, map_s, by_host = simulate_all(decision, count)
            print(f"| {count} | {run_s:.1f} | {map_s:.1f} | {by_host} |", flush=True)
        print("\n| team | first start after, s | last start after, s | all done after, s |\n| --- | --- | --- | --- |")
        with site.workers(1):
            print("\n".join(two_teams()))


if __name__ == "__main__":
    main(sys.argv[1:])
