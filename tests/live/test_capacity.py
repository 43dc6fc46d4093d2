"""What this machine carries: measured with real parts, kept, and not believed once it is stale; and what a speed is refused with."""

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.live.run import folders, machine_benchmark, machine_capacity, speed
from simulator.live.run.machine_capacity import CAUTIOUS, Capacity
from simulator.live.run.nurseries import nursed
from simulator.live.run.run_bench import run_figures
from simulator.scenario import Scenario
from simulator.schema import InvalidInput


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of this test's own for what is kept, with a short path."""
    at = Path("/tmp") / f"clc-{os.getpid()}"  # noqa: S108
    at.mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(at))
    yield folders.base()
    shutil.rmtree(at)


def never() -> None:
    """Nothing to tell."""


def test_it_is_measured_once_with_both_designs_and_then_known() -> None:
    assert machine_capacity.current() == CAUTIOUS
    with folders.run_folder("gauge") as folder, nursed(folder) as nursery:
        found = machine_benchmark.gauged(folder, never, nursery)
        assert machine_benchmark.gauged(folder, pytest.fail, nursery) == found
    assert found.measured
    assert found.event_driven_jobs_per_s > 5 and found.synchronous_jobs_per_s > 5
    assert 0 < found.overhead_s < 1
    assert machine_capacity.known() == found == machine_capacity.current()
    assert {path.name for path in folders.base().iterdir()} == {"capacity.json", "capacity.lock", "lock"}


def test_what_is_told_meanwhile_can_end_it_and_nothing_is_kept(place: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel() -> None:
        raise Cancelled

    with pytest.raises(Cancelled), folders.run_folder("gauge") as folder, nursed(folder) as nursery:
        machine_benchmark.gauged(folder, cancel, nursery)
    assert machine_capacity.known() is None


@pytest.mark.parametrize("change", [{"machine": "another"}, {"at_s": 1.0}])
def test_of_another_machine_or_long_ago_it_is_not_believed(calm: Capacity, change: dict[str, object]) -> None:
    machine_capacity.keep(calm)
    assert machine_capacity.known() == calm
    machine_capacity.keep(calm.model_copy(update=change))
    assert machine_capacity.known() is None
    assert not machine_capacity.current().measured


def test_of_a_busy_machine_it_is_not_believed_for_long(calm: Capacity) -> None:
    two_hours_ago = {"at_s": calm.at_s - 7200}
    machine_capacity.keep(calm.model_copy(update=two_hours_ago))
    assert machine_capacity.known() is not None
    machine_capacity.keep(calm.model_copy(update=two_hours_ago | {"busy": True}))
    assert machine_capacity.known() is None


@pytest.mark.parametrize("written", ["", "{", "[]", '{"jobs": 3}', "\udcff"])
def test_a_file_that_cannot_be_read_is_as_good_as_none(place: Path, written: str) -> None:
    (place / machine_capacity.NAME).write_bytes(written.encode(errors="surrogateescape"))
    assert machine_capacity.known() is None


def test_a_run_waits_while_another_measures(calm: Capacity) -> None:
    waited = threading.Event()
    with (folders.base() / "capacity.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def tell() -> None:
            machine_capacity.keep(calm)
            waited.set()

        assert machine_benchmark.gauged(folders.base(), tell, None) == calm
    assert waited.is_set()


def scenario(**given: object) -> Scenario:
    plain = {
        "arrivals": {"process": "regular", "rate_per_s": 10},
        "service": {"distribution": "exponential", "mean_s": 60},
    }
    return Scenario.model_validate(plain | given)


def test_a_faster_machine_may_run_faster_and_the_refusal_names_its_figures(calm: Capacity) -> None:
    fast = calm.model_copy(update={"event_driven_jobs_per_s": 290.0})
    assert speed.limit_of(scenario(), None, None, fast).speed > 1.2 * speed.limit_of(scenario(), None, None, calm).speed
    with pytest.raises(
        InvalidInput,
        match=r"at most 7.8 here: .* jobs a second, and this machine carries 200 at full use, of which a run takes 80$",
    ):
        speed.checked(scenario(), None, None, 20, calm)
    quick = scenario(service={"distribution": "exponential", "mean_s": 1.0})
    with pytest.raises(InvalidInput, match=r"1 s has to last 240 ms, 20 times the 12 ms that .* on this machine$"):
        speed.checked(quick, None, None, 20, calm)


def test_before_it_is_measured_a_refusal_says_that_it_is_an_estimate() -> None:
    assert "a cautious estimate" in speed.limit_of(scenario(), None, None).reason
    quick = scenario(service={"distribution": "exponential", "mean_s": 1.0})
    assert "a cautious estimate" in speed.limit_of(quick, None, None).reason


def test_what_is_stored_is_plain_json_with_its_schema(place: Path, calm: Capacity) -> None:
    machine_capacity.keep(calm)
    assert json.loads((place / machine_capacity.NAME).read_text())["schema"] == "crossover/capacity@1"
    assert (place / machine_capacity.NAME).stat().st_mode & 0o077 == 0


@pytest.mark.full
def test_fifty_jobs_wait_at_the_model_in_less_than_400_mb_of_all_parts_and_a_bench_is_kept_for_runs() -> None:
    figures = run_figures()
    assert 0 < figures["waiting_memory_mb"] < 400
    found = machine_capacity.known()
    assert found is not None and found.event_driven_jobs_per_s == figures["event_driven_jobs_per_s"]
