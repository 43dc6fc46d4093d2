"""A real Crossover for a test: `up` in a process of its own, on a free port and a data folder of its own.

A plugin of the whole suite, for the fixture `prepared_data`.
"""

import fcntl
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import Cookie, CookieJar
from pathlib import Path
from typing import Any

import pytest

from simulator.kernel.compiled import is_cached
from simulator.replications import LOOPS, Runner, warm
from simulator.scenario import Scenario

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"^Crossover is at (http://127\.0\.0\.1:(\d+))/\?token=([\w-]+)$")
"""In local mode: where the site is, its port, and the token that lets one browser in."""
START_S = 300.0
"""The first start on a machine compiles the kernel, on two cores that others may use, too. It only ends what hangs."""
END_S = 60.0
METRICS_TOKEN = "a-scraper-of-the-suite"
TOKEN = "token"
"""The file next to the prepared data folder that is there once that is ready."""


class Site:
    """`up` and what it prints. Ends by its own process id, never by name."""

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        self.data = data
        self.url = ""
        self.token = ""
        self.cookies = CookieJar()
        self.lines: list[str] = []
        self._printed: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--data", str(data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=own_environment() | environment,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    @classmethod
    def start(cls, data: Path, *arguments: str, **environment: str) -> "Site":
        site = cls(data, *("--port", "0", *arguments), **environment)
        try:
            printed = site.until_printed(ADDRESS, START_S)
            site.url, site.token = printed[1], printed[3]
        except BaseException:
            site.kill()
            raise
        return site

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._printed.put(line.rstrip("\n"))
        self._printed.put(None)

    def until_printed(self, pattern: re.Pattern[str], within_s: float) -> re.Match[str]:
        """The first line from now on that matches; an end before that, or none in time, fails the test with all that was printed."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                line = self._printed.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    self.with_output(f"Nothing matched {pattern.pattern!r} in {within_s:g} s")
                ) from None
            if line is None:
                raise AssertionError(self.with_output(f"It ended before anything matched {pattern.pattern!r}"))
            self.lines.append(line)
            match = pattern.search(line)
            if match:
                return match

    def with_output(self, reason: str) -> str:
        """The reason, with what `up` and its children have written."""
        logs = [f"--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted((self.data / "logs").glob("*.log"))]
        return "\n".join([f"{reason}. It printed:", *self.lines, *logs])

    def let_in(self) -> Cookie:
        if not any(True for _ in self.cookies):
            self._opener().open(f"{self.url}/?token={self.token}", timeout=START_S).close()
        return next(cookie for cookie in self.cookies if cookie.name.startswith("crossover_"))

    def _opener(self) -> urllib.request.OpenerDirector:
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def get(self, path: str) -> tuple[int, Any]:
        opener = self._opener()
        try:
            with opener.open(self.url + path, timeout=START_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def until_ready(self, within_s: float = START_S) -> None:
        eventually(lambda: self.get("/health/ready")[0] == 200, within_s, lambda: self.with_output("It is not ready"))

    def until_idle(self) -> None:
        """No run waits or is under way. For a site with the suite's METRICS_TOKEN."""
        opener = self._opener()
        opener.addheaders = [("Authorization", f"Bearer {METRICS_TOKEN}")]

        def is_idle() -> bool:
            with opener.open(f"{self.url}/metrics", timeout=START_S) as answer:
                runs = re.findall(r'^crossover_runs{state="(\w+)"} (\S+)$', answer.read().decode(), re.MULTILINE)
            assert runs, self.with_output("It tells of no runs")
            return not any(float(count) for state, count in runs if state in ("queued", "running"))

        eventually(is_idle, START_S, lambda: self.with_output("It still works"))

    def children(self) -> dict[int, str]:
        """Process ids and command lines of everything that this `up` has started and that lives."""
        return descendants(self.process.pid)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(END_S)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(END_S)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that the processes of the suite have in common."""
    temporary = tmp_path_factory.getbasetemp()
    folder = (temporary.parent if "PYTEST_XDIST_WORKER" in os.environ else temporary) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session", autouse=True)
def _kernel_is_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """If it has changed, the processes of the suite compile an event loop each, and load the other; all sites load both."""
    process = os.environ.get("PYTEST_XDIST_WORKER")
    if process and not is_cached():
        service = {"distribution": "exponential", "mean_s": 1}
        scenario = Scenario.parse({"jobs": 10, "arrivals": {"process": "regular", "rate_per_s": 1}, "service": service})
        for design in sorted(LOOPS, reverse=process == "gw0"):
            with one_at_a_time(shared_folder(tmp_path_factory) / f"{design}.lock"):
                runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
                state = runner.build_state(design, 0)
                LOOPS[design](state.machine, 1)
        with one_at_a_time(shared_folder(tmp_path_factory) / "kernel.lock"):
            warm()


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a site that has been up once: tables made, static files collected, kernel compiled, demo decisions simulated. Copy it.

    The processes of the suite share it: the first makes it, the others wait. A site on a copy has nothing to simulate until it is asked.
    """
    folder = shared_folder(tmp_path_factory)
    data = folder / "data"
    with one_at_a_time(folder / "data.lock"):
        if not (folder / TOKEN).exists():
            site = Site.start(data, "--workers", "1", CROSSOVER_METRICS_TOKEN=METRICS_TOKEN)
            site.until_ready()
            site.until_idle()
            assert site.end() == 0, site.with_output("It did not end well")
            (folder / TOKEN).write_text(site.token)
    return data


def token_of(prepared_data: Path) -> str:
    """That of the address which the site printed when it was up."""
    return (prepared_data.parent / TOKEN).read_text()


def own_environment() -> dict[str, str]:
    given = {
        name: value for name, value in os.environ.items() if not name.startswith(("CROSSOVER_", "DJANGO_", "COV_"))
    }
    return given | {"CROSSOVER_MANAGED_ENVIRONMENT": "off"}


def descendants(pid: int) -> dict[int, str]:
    """Every living process below `pid`, from the system's process table."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 3) for line in listed.splitlines()]
    alive = {int(row[0]): (int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")}
    children: dict[int, str] = {}
    generation = {pid}
    while generation:
        generation = {child for child, (parent, _) in alive.items() if parent in generation}
        children |= {child: alive[child][1] for child in generation}
    return children


def is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def eventually(
    condition: Callable[[], bool], within_s: float, otherwise: Callable[[], str] = lambda: "It did not come about"
) -> None:
    """Look until it holds; fail with `otherwise` when it has not within the time."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        pause.wait(0.05)
