"""The backend for PostgreSQL: when an idle connection is asked whether it works (a socket is in its place), and what a connection keeps."""

import socket
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from advisor.server.postgresql.base import DatabaseWrapper
from advisor.teams.models import User
from advisor.teams.prepared_queries import PreparedQuery, given_user


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


NEEDS = "prepared queries are PostgreSQL's"


@pytest.mark.may_skip(reason=NEEDS)
@pytest.mark.skipif(connection.vendor != "postgresql", reason=NEEDS)
@pytest.mark.django_db
def test_a_connection_keeps_the_plans_of_prepared_queries_and_the_text_of_no_other(user: User) -> None:
    of_user = PreparedQuery(lambda: User.objects.filter(pk=given_user(0)).values_list("pk", "date_joined"))
    rows = [of_user(user.pk) for _ in range(3)]
    assert rows == [((user.pk, rows[0][0][1]),)] * 3 and isinstance(rows[0][0][1], str)
    User.objects.filter(username="with a value in its text").first()
    kept = connection.connection._prepared
    assert len(kept._names) == 1 and not kept._counts
