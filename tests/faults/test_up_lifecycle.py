"""How a site starts, refuses to start twice, and ends with nothing left behind."""

import re
import signal
import socket
from pathlib import Path

from tests.faults.conftest import StartSite, kill, pid_of
from tests.sites import END_S, START_S, Site, eventually, is_alive


def test_it_refuses_a_second_one_brings_its_pages_back_and_ends_cleanly_with_nothing_left(
    start_site: StartSite,
) -> None:
    site = start_site()
    site.until_ready()

    second = Site(site.data, "--port", "0")
    refusal = second.until_printed(re.compile("already runs"), START_S)
    assert f"process {site.process.pid}" in refusal.string
    assert second.process.wait(END_S) == 1
    assert site.get("/health/live")[0] == 200

    pages = pid_of(site, "run_pages")
    kill(pages)
    eventually(lambda: not is_alive(pages), END_S)
    # A request waits in the socket, which `up` keeps, until the next web server takes it.
    assert site.get("/health/live")[0] == 200
    assert pid_of(site, "run_pages") != pages

    children = site.children()
    assert len(children) >= 4, children  # pages, reconciler, two workers, and a broker unless one is given
    assert site.end(signal.SIGTERM) == 0
    assert [command for pid, command in children.items() if is_alive(pid)] == []


def test_a_taken_port_is_a_sentence(data: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = Site(data, "--port", str(port))
        assert refused.until_printed(re.compile(f"Port {port} is taken"), START_S)
        assert refused.process.wait(END_S) == 1
