"""How a site starts, refuses to start twice, and ends with nothing left behind."""

import re
import signal
import socket
from pathlib import Path

from tests.faults.conftest import StartSite, kill, pid_of
from tests.sites import END_S, Site, eventually, is_alive


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
    site = start_site()
    site.until_ready()
    children = site.children()
    site.kill()
    eventually(lambda: not any(map(is_alive, children)), END_S, lambda: f"Left over: {children}")


def test_a_second_one_on_the_same_data_is_refused(start_site: StartSite, data: Path) -> None:
    first = start_site("--workers", "1")
    second = Site(data, "--port", "0")
    refusal = second.until_printed(re.compile("already runs"), 30)
    assert f"process {first.process.pid}" in refusal.string
    assert second.process.wait(10) == 1
    assert first.get("/health/live")[0] == 200


def test_a_taken_port_is_a_sentence(data: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = Site(data, "--port", str(port))
        assert refused.until_printed(re.compile(f"Port {port} is taken"), 30)
        assert refused.process.wait(10) == 1


def test_pages_that_die_come_back_at_the_same_address(start_site: StartSite) -> None:
    site = start_site("--workers", "1")
    pages = pid_of(site, "run_pages")
    kill(pages)
    eventually(lambda: not is_alive(pages), 10)
    assert (
        site.get("/health/live")[0] == 200
    )  # it waits in the socket, which `up` keeps, until the next web server takes it
    assert pid_of(site, "run_pages") != pages
