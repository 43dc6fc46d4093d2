"""Real sites to do harm to."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sites import END_S, ROOT, START_S, Site, eventually, is_alive, own_environment

TERMINAL = {"succeeded", "failed", "cancelled", "timed_out"}
StartSite = Callable[..., Site]


class RunConsole:
    """Starts runs on a site and looks at them, past its pages."""

    def __init__(self, data: Path, **environment: str) -> None:
        local = {"DJANGO_SETTINGS_MODULE": "advisor.settings", "CROSSOVER_MODE": "local", "CROSSOVER_DATA": str(data)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.run_console"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=own_environment() | local | environment,
        )

    def ask(self, do: str, **what: Any) -> Any:
        """One question, one answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, jobs: int = 1_000, replications: int = 2, notifies: bool = True) -> str:
        """The id of a queued run."""
        return str(self.ask("start", jobs=jobs, replications=replications, notifies=notifies))

    def look(self, run: str) -> dict[str, Any]:
        """Its state."""
        return dict(self.ask("look", run=run))

    def until(self, run: str, within_s: float, *states: str) -> dict[str, Any]:
        """Wait for one of these states; the row then."""
        eventually(lambda: self.look(run)["state"] in states, within_s, lambda: f"{run} is {self.look(run)}")
        return self.look(run)

    def until_done(self, run: str, within_s: float = START_S) -> dict[str, Any]:
        """Wait for its end, whichever; the row then."""
        return self.until(run, within_s, *TERMINAL)

    def end(self) -> None:
        """Close the task store."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(END_S)


@pytest.fixture
def data(prepared_data: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(prepared_data, tmp_path / "data"))


@pytest.fixture
def start_site(data: Path) -> Iterator[StartSite]:
    """Starts sites on the data folder, which end with the test, and their children with them."""
    sites: list[Site] = []

    def start(*arguments: str, **environment: str) -> Site:
        site = Site.start(data, *arguments, **environment)
        sites.append(site)
        return site

    yield start
    for site in sites:
        left = site.children()
        site.kill()
        eventually(lambda left=left: not any(map(is_alive, left)), END_S, lambda left=left: f"Left over: {left}")


@pytest.fixture
def open_console(data: Path) -> Iterator[Callable[..., RunConsole]]:
    """Opens consoles on the data folder, closed with the test."""
    consoles: list[RunConsole] = []

    def open_one(**environment: str) -> RunConsole:
        consoles.append(RunConsole(data, **environment))
        return consoles[-1]

    yield open_one
    for console in consoles:
        console.end()


def pid_of(site: Site, *words: str) -> int:
    """The child of the site whose command line holds all these words."""
    pids = [pid for pid, command in site.children().items() if all(word in command for word in words)]
    assert len(pids) == 1, (words, site.children())
    return pids[0]


def kill(pid: int) -> None:
    """kill -9 of one process by its id."""
    os.kill(pid, 9)
