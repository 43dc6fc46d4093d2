"""How a site starts, refuses to start twice, and ends with nothing left behind."""

import re
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import StartSite, kill, pid_of
from tests.sites import END_S, START_S, Site, eventually, is_alive


def test_sigterm_ends_it_cleanly_with_nothing_left(start_site: StartSite) -> None:
    site = start_site()
    site.until_ready()
    children = site.children()
    assert len(children) >= 4, children  # pages, reconciler, two workers, and a broker unless one is given
    assert site.end(signal.SIGTERM) == 0
    assert [command for pid, command in children.items() if is_alive(pid)] == []


def test_ctrl_c_ends_it_cleanly_too(start_site: StartSite) -> None:
    site = start_site("--workers", "1")
    site.until_ready()
    children = site.children()
    assert site.end(signal.SIGINT) == 0
    assert [command for pid, command in children.items() if is_alive(pid)] == []


def test_when_it_is_killed_its_children_end_by_themselves(start_site: StartSite) -> None:
    site = start_site("--workers", "1")
    site.until_ready()
    children = site.children()
    site.kill()
    eventually(lambda: not any(map(is_alive, children)), END_S, lambda: f"Left over: {children}")


@pytest.fixture(scope="module")
def running(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for the tests that leave it as it was."""
    data = Path(shutil.copytree(prepared_data, tmp_path_factory.mktemp("running") / "data"))
    site = Site.start(data, "--workers", "1")
    yield site
    site.end()


def test_a_second_one_on_the_same_data_is_refused(running: Site) -> None:
    second = Site(running.data, "--port", "0")
    refusal = second.until_printed(re.compile("already runs"), START_S)
    assert f"process {running.process.pid}" in refusal.string
    assert second.process.wait(END_S) == 1
    assert running.get("/health/live")[0] == 200


def test_pages_that_die_come_back_at_the_same_address(running: Site) -> None:
    pages = pid_of(running, "run_pages")
    kill(pages)
    eventually(lambda: not is_alive(pages), END_S)
    assert (
        running.get("/health/live")[0] == 200
    )  # it waits in the socket, which `up` keeps, until the next web server takes it
    assert pid_of(running, "run_pages") != pages


def test_a_taken_port_is_a_sentence(data: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = Site(data, "--port", str(port))
        assert refused.until_printed(re.compile(f"Port {port} is taken"), START_S)
        assert refused.process.wait(END_S) == 1
