"""What `up` prepares for the processes that it starts."""

import pytest

from advisor.server import running
from advisor.server.children import child_environment
from advisor.server.instance import kept_pages_folder


def test_pages_that_another_version_may_have_made_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_prepare_database", lambda _: None)
    monkeypatch.setattr(running.static, "collect_if_changed", lambda: False)
    kept = kept_pages_folder() / "kept"
    kept.parent.mkdir(exist_ok=True)
    kept.touch()
    running.prepare(is_local=True)
    assert not kept.exists()


def test_memory_that_short_simulations_free_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """glibc reads both as a process starts."""
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    environment = child_environment()
    assert int(environment["MALLOC_ARENA_MAX"]) <= 4
    assert int(environment["MALLOC_MMAP_THRESHOLD_"]) <= 2**20


def test_what_the_operator_sets_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")
    assert child_environment()["MALLOC_ARENA_MAX"] == "7"
