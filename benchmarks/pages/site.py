"""A hosted site for a measurement: `up` with its own data folder, and what its people have made before."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from core.errors import CannotRun

if TYPE_CHECKING:
    from advisor.decisions.models import Decision, Run

HOST = "crossover.example"
TEMPLATES_USED = ("form_classification", "email_triage", "document_extraction", "image_moderation")
PEOPLE, DECISIONS, RUNS_UNDER_WAY = 20, 40, 5
START_S, RUNS_S = 180.0, 180.0
END_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
HERTZ = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Sample:
    """What a measurement asks for."""

    cookies: list[str] = field(default_factory=list)
    """Of people who have signed in, one text for each."""
    key: str = ""
    decisions: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    """Each has succeeded."""
    under_way: list[str] = field(default_factory=list)
    quick: list[str] = field(default_factory=list)
    """Decisions whose simulations take little."""


class BenchSite:
    def __init__(self, folder: Path, web: int, workers: int) -> None:
        self.port = _free_port()
        self.environment = os.environ | {
            "CROSSOVER_DATA": str(folder),
            "CROSSOVER_MODE": "hosted",
            "CROSSOVER_PUBLIC_URL": f"https://{HOST}",
            "CROSSOVER_SECRET_KEY": secrets.token_hex(32),
            "CROSSOVER_MANAGED_ENVIRONMENT": "off",
            "DJANGO_SETTINGS_MODULE": "advisor.settings",
        }
        options = ["--data", str(folder), "--port", str(self.port), "--web", str(web), "--workers", str(workers)]
        self.log = folder / "up.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - what it starts is ours
                [sys.executable, "-m", "advisor.command_line", "up", *options],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        """Raises CannotRun."""
        deadline = time.monotonic() + START_S
        while "Crossover is at" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CannotRun(f"the site does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def web_cpu_s(self) -> float:
        """Processor time of the web processes so far."""
        return sum(_cpu_s(pid) for pid in self._web_pids())

    def web_memory_mb(self) -> float:
        """The largest that a web process has been."""
        peaks = (Path(f"/proc/{pid}/status").read_text() for pid in self._web_pids())
        return max(int(peak[1]) / 1024 for text in peaks if (peak := re.search(r"VmHWM:\s+(\d+)", text)))

    def _web_pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"run_pages" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(END_S)


@contextmanager
def running_site(folder: Path, web: int, workers: int) -> Iterator[BenchSite]:
    site = BenchSite(folder, web, workers)
    try:
        site.wait_until_up()
        yield site
    finally:
        site.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def make_sample() -> Sample:
    """People, decisions and finished runs in the site's database. Django is set up with the site's environment."""
    from advisor.decisions.jobs import start_run
    from advisor.decisions.models import Run, State
    from advisor.decisions.services.decisions import create_decision, set_tags
    from advisor.decisions.services.simulated_advice import complete_recommendation
    from advisor.teams.models import ApiScope, Membership, Role, User
    from advisor.teams.services.api_keys import create_api_key
    from advisor.teams.services.workspaces import create_workspace
    from simulator.replications import warm

    warm()
    sample = Sample()
    people = [User.objects.create_user(f"person-{number}") for number in range(PEOPLE)]
    workspace = create_workspace(people[0], "Platform")
    for number, person in enumerate(people[1:]):
        role = Role.VIEWER if number % 4 == 0 else Role.EDITOR
        Membership.objects.create(user=person, workspace=workspace, role=role)
    sample.cookies = [_sign_in(person) for person in people]
    _, sample.key = create_api_key(workspace, people[0], "load", ApiScope.values, 30)
    advice: dict[str, Decision] = {}
    for number in range(DECISIONS):
        template = TEMPLATES_USED[number % len(TEMPLATES_USED)]
        maker = people[number % 3 * 2]
        decision = create_decision(workspace, maker, {"template": template, "name": f"{template} of team {number}"})
        set_tags(decision, maker, f"team {number % 7}, {template}")
        latest = decision.latest()
        if template in advice:
            first = advice[template].latest()
            latest.recommendation_json, latest.shown_style = first.recommendation_json, first.shown_style
            latest.versions = first.versions
            latest.save(update_fields=["recommendation_json", "shown_style", "versions", "updated_at"])
        else:
            complete_recommendation(latest)
            advice[template] = decision
        sample.decisions.append(str(decision.pk))
        started = start_run(decision.latest(), maker, idempotency_key=uuid4().hex)
        sample.runs.append(str(started.run.pk))
    sample.quick = sample.decisions[:: len(TEMPLATES_USED)]
    deadline = time.monotonic() + RUNS_S
    while Run.objects.filter(pk__in=sample.runs).exclude(state=State.SUCCEEDED).exists():
        if time.monotonic() > deadline:
            raise CannotRun("the sample's simulations do not end")
        time.sleep(0.2)
    return sample


def begin_runs(sample: Sample) -> "list[Run]":
    """Runs that are under way for as long as their leases are renewed; nothing works on them."""
    from django.utils import timezone

    from advisor.decisions.models import Decision, Run
    from advisor.decisions.services.runs import request_run
    from advisor.teams.models import User

    begun = []
    for key in sample.decisions[:RUNS_UNDER_WAY]:
        decision = Decision.objects.get(pk=key)
        maker = User.objects.get(username="person-0")
        run = request_run(decision.latest(), maker, uuid4().hex)
        now = timezone.now()
        if Run.objects.claim(run.pk, now, "load", progress_fraction=0.1, progress_step="measuring", started_at=now):
            begun.append(Run.objects.get(pk=run.pk))
            sample.under_way.append(str(run.pk))
    return begun


def _sign_in(person: Any) -> str:
    """The cookies that a browser has once it has sent the form."""
    from django.conf import settings
    from django.test import Client
    from django.utils.crypto import get_random_string

    client = Client(SERVER_NAME=HOST)
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    cookies = {
        settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value,
        settings.CSRF_COOKIE_NAME: get_random_string(32),
    }
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
