"""This machine, as if it had been measured: tests of speed and of runs do not depend on how busy it is, nor wait for it to be measured."""

import time

import pytest

from simulator.live import capacity
from simulator.live.capacity import Capacity


@pytest.fixture
def calm() -> Capacity:
    """A machine that carries 80 jobs/s of a run, and takes 12 ms of its own for each."""
    return Capacity(
        synchronous_jobs_per_s=300.0,
        event_driven_jobs_per_s=200.0,
        overhead_s=0.012,
        measured=True,
        machine=capacity.this_machine(),
        at_s=time.time(),
    )


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, calm: Capacity) -> None:
    """But for the tests of measuring itself, and for those that hold the kernel to this machine at the speed that it proposes."""
    if request.node.get_closest_marker("full") is None and request.module.__name__ != "tests.live.test_capacity":
        monkeypatch.setattr(capacity, "known", lambda: calm)
