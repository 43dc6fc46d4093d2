"""The backend for PostgreSQL: when an idle connection is asked whether it works. A socket is in its place."""

import socket
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from advisor.server.postgresql.base import DatabaseWrapper


class Wrapper(DatabaseWrapper):
    asked = 0

    def is_usable(self) -> bool:
        self.asked += 1
        return True


@pytest.fixture
def ends() -> Iterator[tuple[Wrapper, socket.socket]]:
    """The wrapper of the site's end, and the database's end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapper = Wrapper(connection.settings_dict | {"CONN_HEALTH_CHECKS": True})
        wrapper.connection, wrapper.health_check_enabled, wrapper.health_check_done = ours, True, False
        yield wrapper, theirs


def test_an_idle_connection_is_not_asked(ends: tuple[Wrapper, socket.socket]) -> None:
    wrapper, _ = ends
    wrapper.close_if_health_check_failed()
    assert wrapper.asked == 0 and wrapper.health_check_done


@pytest.mark.parametrize(
    "end", [lambda server: server.close(), lambda server: server.send(b"E")], ids=["closed", "sent"]
)
def test_a_connection_at_which_something_arrived_is_asked(
    ends: tuple[Wrapper, socket.socket], end: Callable[[socket.socket], object]
) -> None:
    wrapper, server = ends
    end(server)
    wrapper.close_if_health_check_failed()
    assert wrapper.asked == 1
