"""The port of the web processes."""

import socket

import pytest

from advisor.server.listening import listen, listening_url
from core.errors import CannotRun


def connects(listener: socket.socket) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(listener.getsockname()) == 0


def test_callers_of_a_whole_site_wait_for_its_first_web_process() -> None:
    with listen("127.0.0.1", 0, left_over=False) as listener:
        assert connects(listener)
        assert listening_url(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_callers_of_one_web_server_of_several_are_refused_until_it_can_answer() -> None:
    """Else a proxy would send requests to a web server that still starts."""
    with listen("127.0.0.1", 0, left_over=False, accepts_at_once=False) as listener:
        assert not connects(listener)


def test_a_taken_port_is_refused_with_the_way_out() -> None:
    with listen("127.0.0.1", 0, left_over=False) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun, match=f"Port {port} is taken. Choose another with --port"):
            listen("127.0.0.1", port, left_over=False)
        with pytest.raises(CannotRun, match="is taken"):
            listen("127.0.0.1", port, left_over=False, accepts_at_once=False)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotRun, match="This machine has no address 192"):
        listen("192.0.2.1", 0, left_over=False)
