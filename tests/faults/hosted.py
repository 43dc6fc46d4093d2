"""A hosted site that faults are done to, and the invariant: each acknowledged run reaches one terminal state with one result, and none is lost."""

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from tests.hosting.parts import HostedSite, Server
from tests.proxies import Visitor
from tests.sites import END_S, START_S, Site, descendants, eventually

LONG, SHORT = 15, 1
"""Replications of a run: seconds of work on a free processor, and half a second."""
COMPILER = shutil.which("cc")
CLOCK_SOURCE = Path(__file__).with_name("set_clock.c")
API_KEY = re.compile(r'value="(crossover_[^"]+)"')
LOOK_EVERY_S = 0.2


class FaultySite(HostedSite):
    """Its runs are started through the API, as those of a program that expects an answer for each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder, stack)
        self.acknowledged: dict[str, str] = {}
        """The state in which each run should end."""
        self.ended: dict[str, list[str]] = {}
        """What was seen of each run when it had ended."""
        self.worker_environment: dict[str, str] = {}
        self._local: tuple[Site, Visitor] | None = None

    def start(self) -> None:
        self.clock_library = self.folder / "set_clock.so"
        if COMPILER:
            command = [COMPILER, "-shared", "-fPIC", "-O2", "-o", str(self.clock_library), str(CLOCK_SOURCE), "-ldl"]
            subprocess.run(command, check=True)
        self.start_servers()
        self.start_parts()
        self.sign_in()
        self.create_decision()
        self.workspace = self.database.ask("select id from teams_workspace")[0][0]
        keys = f"{self.proxy.url}/workspaces/{self.workspace}/keys"
        page = self.ada.open(f"{keys}/new", keys, name="faults", scopes="run", days="30")[2]
        match = API_KEY.search(page)
        assert match, page
        self.key = match[1]

    def part(self, name: str, role: str, *options: str, **environment: str) -> Server:
        """With a clock of its own that can be set, if there is a C compiler."""
        clock = {}
        if COMPILER:
            self.set_clock(name, 0)
            clock = {"LD_PRELOAD": str(self.clock_library), "SET_CLOCK": str(self._clock_file(name))}
        return super().part(name, role, *options, **clock, **environment)

    def set_clock(self, name: str, ahead_s: int) -> None:
        with self._clock_file(name).open("r+b" if self._clock_file(name).exists() else "wb") as file:
            file.write(struct.pack("q", ahead_s))

    def _clock_file(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.clock"

    def start_worker(self, number: int) -> None:
        self.workers[number] = self.part(f"worker {number}", "worker", "--workers", "1", **self.worker_environment)

    def restart_workers(self, **environment: str) -> None:
        """With other variables of the environment than before."""
        if environment == self.worker_environment:
            return
        self.worker_environment = environment
        for worker in self.workers.values():
            worker.end()
        for number in self.workers:
            self.start_worker(number)

    def processes_of(self, part: Server, command: str) -> list[int]:
        return [pid for pid, words in descendants(part.process.pid).items() if command in words]

    def worker_processes(self) -> list[int]:
        return [pid for worker in self.workers.values() for pid in self.processes_of(worker, "run_worker")]

    # Runs

    def call(self, path: str, **headers: str) -> tuple[int, dict[str, object]]:
        """POST to the API: the status and the answer; nothing of the proxy's own."""
        given = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        request = urllib.request.Request(f"{self.proxy.url}/api/v1{path}", b"", given)  # noqa: S310
        try:
            with self.ada.opener.open(request, timeout=START_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            is_json = refused.headers.get_content_type() == "application/json"
            return refused.code, json.load(refused) if is_json else {}

    def request_run(self, replications: int = SHORT, key: str = "", end: str = "succeeded") -> tuple[int, str]:
        """The status, and the id of the run that is now acknowledged; `end`: the state in which it should end."""
        decision = self.decision.rpartition("/")[2]
        path = f"/decisions/{decision}/runs?replications={replications}"
        status, answer = self.call(path, Idempotency_Key=key or uuid.uuid4().hex)
        if status == 202:
            self.acknowledged[str(answer["id"])] = end
        return status, str(answer.get("id", ""))

    def begin_run(self, replications: int = SHORT, end: str = "succeeded") -> str:
        status, run = self.request_run(replications, end=end)
        assert status == 202, status
        return run

    def begin_mix(self, rng: random.Random, end: str = "succeeded") -> str:
        """A long run among short ones. Its id once it is under way, at a random moment of it."""
        for _ in range(rng.randrange(3)):
            self.begin_run()
        long = self.begin_run(LONG, end)
        for _ in range(rng.randrange(3)):
            self.begin_run()
        self.until_begun(long, rng.uniform(0, 0.6))
        return long

    def press_simulate(self) -> str:
        """The words of the page that follows."""
        form = f"{self.proxy.url}{self.decision}"
        fields = {"version": "1", "idempotency_key": uuid.uuid4().hex}
        status, address, page = self.ada.open(f"{form}/simulate", form, **fields)
        assert status == 200, status
        self.acknowledged[address.rpartition("/")[2]] = "succeeded"
        return words_of(page)

    def until_begun(self, run: str, share: float = 0.0) -> None:
        def is_so_far() -> bool:
            state, fraction = self.columns(run, "state, progress_fraction")
            assert state in ("queued", "running"), f"{run} has {state} before the fault"
            return state == "running" and float(fraction) >= share

        eventually(is_so_far, START_S, lambda: f"{run} does not begin")

    def columns(self, run: str, names: str) -> list[str]:
        return self.database.ask(f"select {names} from decisions_run where id = '{run}'")[0]  # noqa: S608

    def attempt(self, run: str) -> int:
        return int(self.columns(run, "attempt")[0])

    def holder(self, run: str) -> int:
        """The process id of its worker."""
        return int(self.columns(run, "worker")[0].rpartition(":")[2])

    def ask_broker(self, *words: str) -> None:
        with redis.Redis.from_url(self.environment["REDIS_URL"], socket_timeout=END_S) as connection:
            connection.execute_command(*words)

    def local_site(self) -> tuple[Site, Visitor]:
        """On SQLite and with a broker of its own, started when it is first asked for; and who has been admitted to it."""
        if self._local is None:
            local, visitor = Site.start(self.folder / "local", "--workers", "1"), Visitor()
            self.stack.callback(local.end)
            visitor.open(f"{local.url}/?token={local.token}")
            self._local = local, visitor
        return self._local

    def page(self, path: str) -> str:
        """Its words."""
        return words_of(self.ada.open(f"{self.proxy.url}{path}")[2])

    def until_page_says(self, path: str, *words: str, within_s: float = START_S) -> None:
        seen = [""]

        def says() -> bool:
            seen[0] = self.page(path)
            return any(word in seen[0] for word in words)

        eventually(says, within_s, lambda: f"{path} says none of {words}: {seen[0][:1500]}")

    # The invariant

    def look(self) -> int:
        """Fail if a run is lost, ended as it should not, or changed after its end. Return how many have not ended."""
        acknowledged = dict(self.acknowledged)
        query = "select id, state, finished_at, md5(coalesce(result_json, '')), error_text from decisions_run"
        rows = {row[0]: row[1:] for row in self.database.ask(query)}
        lost = set(acknowledged) - set(rows)
        assert not lost, f"lost: {lost}"
        for run, row in rows.items():
            if row[0] in ("queued", "running"):
                assert run not in self.ended, f"{run} had ended as {self.ended[run]} and is {row[0]} again"
                continue
            assert self.ended.setdefault(run, row) == row, f"{run} ended as {self.ended[run]}, then as {row}"
            wanted = acknowledged.get(run, row[0])
            assert row[0] in wanted.split("|"), f"{run} should have {wanted}, and has {row}"
        return len(set(self.acknowledged) - set(self.ended))

    def until_all_ended(self) -> None:
        eventually(lambda: self.look() == 0, START_S, lambda: f"{self.look()} runs do not end")

    def until_healthy(self) -> None:
        eventually(lambda: all(self.is_ready(number) for number in self.web), START_S, lambda: "The site is not ready")

    def health(self) -> dict[str, str]:
        """The checks of readiness."""
        text = Visitor().open(f"http://127.0.0.1:{self.ports[1]}/health/ready")[2]
        return dict(json.loads(text)["checks"])


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Processes that hang: SIGSTOP, and SIGCONT to those that are left."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue


def seconds_until(condition: Callable[[], bool], since: float, otherwise: Callable[[], str]) -> float:
    eventually(condition, START_S, otherwise)
    return time.monotonic() - since


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)
