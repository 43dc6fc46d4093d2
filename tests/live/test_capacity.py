"""What this machine carries: measured with real parts, kept, and not believed once it is stale; and what a speed is refused with."""

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from benchmarks.live_run import measure_run
from core.errors import InvalidInput
from simulator.live.run import folders, machine_capacity
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_benchmark import measure_capacity
from simulator.live.run.machine_capacity import CAUTIOUS, Capacity
from simulator.live.run.run_plan import Limit, Workload
from simulator.scenario import Scenario

pytestmark = pytest.mark.usefixtures("place")


def never() -> None:
    pass


def test_it_is_measured_once_with_both_designs_and_then_known() -> None:
    assert machine_capacity.current() == CAUTIOUS["threads"]
    with folders.run_folder("measure") as folder, ForkServer(folder) as server:

        def measure() -> Capacity:
            return measure_capacity(folder, never, server).model_copy(update={"busy": False})

        capacity = machine_capacity.known_or_measured("threads", measure, never)
        assert machine_capacity.known_or_measured("threads", pytest.fail, pytest.fail) == capacity  # type: ignore[arg-type]
    assert capacity.measured
    assert capacity.event_driven_jobs_per_s > 5 and capacity.synchronous_jobs_per_s > 5
    assert 0 < capacity.overhead_s < 1
    assert machine_capacity.known() == capacity == machine_capacity.current()
    kept = machine_capacity.capacity_file("threads").name
    assert {path.name for path in folders.runs_folder().iterdir()} == {kept, "capacity.lock", "lock"}


def test_what_is_told_meanwhile_can_end_it_and_nothing_is_kept(place: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel() -> None:
        raise Cancelled

    with pytest.raises(Cancelled), folders.run_folder("measure") as folder, ForkServer(folder) as server:
        machine_capacity.known_or_measured("threads", lambda: measure_capacity(folder, cancel, server), never)
    assert machine_capacity.known() is None


@pytest.mark.parametrize("change", [{"machine": "another"}, {"at_s": 1.0}])
def test_of_another_machine_or_long_ago_it_is_not_believed(calm: Capacity, change: dict[str, object]) -> None:
    machine_capacity.keep(calm)
    assert machine_capacity.known() == calm
    machine_capacity.keep(calm.model_copy(update=change))
    assert machine_capacity.known() is None
    assert not machine_capacity.current().measured


def test_what_was_measured_on_a_busy_machine_serves_its_own_run_and_is_not_kept(calm: Capacity) -> None:
    busy = calm.model_copy(update={"busy": True, "event_driven_jobs_per_s": 20.0})
    assert machine_capacity.known_or_measured("threads", lambda: busy, never) == busy
    assert machine_capacity.known() is None
    assert machine_capacity.known_or_measured("threads", lambda: calm, never) == calm
    assert machine_capacity.known() == calm


def test_each_kind_of_worker_has_its_own_and_stock_workers_that_of_those_that_fork(calm: Capacity) -> None:
    forking = calm.model_copy(update={"event_driven_jobs_per_s": 70.0})
    machine_capacity.keep(calm, "threads")
    machine_capacity.keep(forking, "forking")
    assert machine_capacity.known("threads") == calm
    assert machine_capacity.known("forking") == machine_capacity.known("stock") == forking
    assert machine_capacity.known("simple") is None


def checkout(folder: Path, code: str = "LIMIT = 1\n", name: str = "limits.py") -> Path:
    (folder / "system").mkdir(parents=True)
    (folder / "system" / name).write_text(code)
    return folder


def test_checkouts_of_one_version_share_what_was_measured_and_those_of_others_do_not(tmp_path: Path) -> None:
    hashes = machine_capacity.code_hash
    one = hashes(checkout(tmp_path / "one"))
    os.utime(checkout(tmp_path / "same") / "system" / "limits.py", (1, 1))
    assert hashes(tmp_path / "same") == one
    assert hashes(checkout(tmp_path / "changed", "LIMIT = 2\n")) != one
    assert hashes(checkout(tmp_path / "renamed", name="limit.py")) != one
    assert machine_capacity.code_hash(machine_capacity.CODE) in machine_capacity.this_machine()


def test_two_versions_keep_a_file_each_and_old_ones_are_removed(
    calm: Capacity, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_capacity.keep(calm)
    mine = machine_capacity.this_machine()
    monkeypatch.setattr(machine_capacity, "this_machine", lambda: "another version")
    other = calm.model_copy(update={"machine": "another version"})
    machine_capacity.keep(other)
    assert machine_capacity.known() == other
    monkeypatch.setattr(machine_capacity, "this_machine", lambda: mine)
    assert machine_capacity.known() == calm
    old = place / "capacity-threads-0123456789ab.json"
    old.write_text("{}")
    os.utime(old, (1, 1))
    machine_capacity.keep(calm)
    assert not old.exists() and len(list(place.glob("capacity-*"))) == 2


@pytest.mark.parametrize("written", ["", "{", "[]", '{"jobs": 3}', "\udcff"])
def test_a_file_that_cannot_be_read_is_as_good_as_none(place: Path, written: str) -> None:
    machine_capacity.capacity_file("threads").write_bytes(written.encode(errors="surrogateescape"))
    assert machine_capacity.known() is None


def test_a_run_waits_while_another_measures(calm: Capacity) -> None:
    waited = threading.Event()
    with (folders.runs_folder() / "capacity.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def tell() -> None:
            machine_capacity.keep(calm)
            waited.set()

        assert machine_capacity.known_or_measured("threads", pytest.fail, tell) == calm  # type: ignore[arg-type]
    assert waited.is_set()


def scenario(**given: object) -> Scenario:
    plain = {
        "arrivals": {"process": "regular", "rate_per_s": 10},
        "service": {"distribution": "exponential", "mean_s": 60},
    }
    return Scenario.model_validate(plain | given)


def limit_of(chosen: Scenario, capacity: Capacity | None = None) -> Limit:
    return Workload(chosen, None, None, capacity or machine_capacity.current()).limit()


def test_a_faster_machine_may_run_faster_and_the_refusal_names_its_figures(calm: Capacity) -> None:
    fast = calm.model_copy(update={"event_driven_jobs_per_s": 290.0})
    assert limit_of(scenario(), fast).speed > 1.2 * limit_of(scenario(), calm).speed
    with pytest.raises(
        InvalidInput,
        match=r"at most 7.8 here: .* jobs a second, and this machine carries 200 at full use, of which a run takes 80$",
    ):
        limit_of(scenario(), calm).checked(20)
    quick = scenario(service={"distribution": "exponential", "mean_s": 1.0})
    with pytest.raises(InvalidInput, match=r"1 s has to last 240 ms, 20 times the 12 ms that .* on this machine$"):
        limit_of(quick, calm).checked(20)


@pytest.mark.parametrize(
    ("mean_s", "overhead_s", "words"),
    [
        (2.34, 0.0997, "2.34 s has to last 1,994 ms, 20 times the 99.7 ms that"),
        (1234, 0.1, "1,234 s has to last 2,000 ms, 20 times the 100 ms that"),
        (0.5, 0.0045, "0.5 s has to last 90 ms, 20 times the 4.5 ms that"),
    ],
)
def test_a_refusal_writes_its_figures_as_people_do(
    calm: Capacity, mean_s: float, overhead_s: float, words: str
) -> None:
    slow = scenario(
        arrivals={"process": "regular", "rate_per_s": 0.001},
        service={"distribution": "deterministic", "mean_s": mean_s},
    )
    dear = calm.model_copy(update={"overhead_s": overhead_s})
    assert words in limit_of(slow, dear).reason


def test_before_it_is_measured_a_refusal_says_that_it_is_an_estimate() -> None:
    assert "a cautious estimate" in limit_of(scenario()).reason
    quick = scenario(service={"distribution": "exponential", "mean_s": 1.0})
    assert "a cautious estimate" in limit_of(quick).reason


def test_what_is_stored_is_plain_json_with_its_schema(calm: Capacity) -> None:
    machine_capacity.keep(calm)
    assert json.loads(machine_capacity.capacity_file("threads").read_text())["schema"] == "crossover/capacity@1"
    assert machine_capacity.capacity_file("threads").stat().st_mode & 0o077 == 0


@pytest.mark.full
def test_fifty_jobs_wait_at_the_model_in_less_than_400_mb_of_all_processes_and_a_bench_is_kept_for_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine_capacity, "is_busy", lambda: False)
    figures = measure_run()
    assert 0 < figures["waiting_memory_mb"] < 400
    capacity = machine_capacity.known()
    assert capacity is not None and capacity.event_driven_jobs_per_s == figures["event_driven_jobs_per_s"]
