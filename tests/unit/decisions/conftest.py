import pytest

from advisor.decisions.jobs import tasks


@pytest.fixture
def connection_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work keeps the connection: closing it would close that of the test's transaction, too."""
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
