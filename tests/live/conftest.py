"""What live tests share: this machine, as if it had been measured, and one nursery for the designs that are performed by themselves."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

import pytest

from simulator.live.run import design_run, machine_capacity
from simulator.live.run.machine_capacity import Capacity
from simulator.live.run.nurseries import Nursery, nursed


@pytest.fixture
def calm() -> Capacity:
    """A machine that carries 80 jobs/s of a run, and takes 12 ms of its own for each."""
    return Capacity(
        synchronous_jobs_per_s=300.0,
        event_driven_jobs_per_s=200.0,
        overhead_s=0.012,
        measured=True,
        machine=machine_capacity.this_machine(),
        at_s=time.time(),
    )


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, calm: Capacity) -> None:
    """So that no test depends on how busy it is, or waits for it to be measured; but for those of measuring itself, and those that hold
    the kernel to this machine at the speed that it proposes."""
    if request.node.get_closest_marker("full") is None and request.module.__name__ != "tests.live.test_capacity":
        monkeypatch.setattr(machine_capacity, "known", lambda *_: calm)


Nursing = Callable[[Path], AbstractContextManager[Nursery | None]]


@pytest.fixture(scope="session")
def one_nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursing]:
    """Begun with the first test that needs it; its folder, before any test has set a place of its own."""
    at = tmp_path_factory.mktemp("nursery")
    with ExitStack() as kept:
        begun: list[Nursery | None] = []

        def nursing(folder: Path) -> AbstractContextManager[Nursery | None]:
            if not begun:
                begun.append(kept.enter_context(nursed(at)))
            return nullcontext(begun[0])

        yield nursing


@pytest.fixture(autouse=True)
def _nursed_together(monkeypatch: pytest.MonkeyPatch, one_nursery: Nursing) -> None:
    """A whole engine's run keeps a nursery of its own."""
    monkeypatch.setattr(design_run, "nursed", one_nursery)
