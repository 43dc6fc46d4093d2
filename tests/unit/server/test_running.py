"""The environment of the processes that `up` starts."""

import pytest

from advisor.server.children import child_environment


def test_memory_that_short_simulations_free_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """glibc reads both as a process starts."""
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    environment = child_environment()
    assert int(environment["MALLOC_ARENA_MAX"]) <= 4
    assert int(environment["MALLOC_MMAP_THRESHOLD_"]) <= 2**20


def test_what_the_operator_sets_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")
    assert child_environment()["MALLOC_ARENA_MAX"] == "7"
