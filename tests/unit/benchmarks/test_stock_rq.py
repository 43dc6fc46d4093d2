"""The measurement of a stock system: its figures from records made by hand, and the whole of it with `--full`."""

import contextlib
import errno
import importlib.util
import math
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stock_rq import __main__ as command
from benchmarks.stock_rq import analysis, page, workloads
from benchmarks.stock_rq.prediction import Predicted, describe, replay, write_trace
from benchmarks.stock_rq.processes import CannotMeasure, Processes, listen_queue
from simulator.arrivals import BurstArrivals
from simulator.recordings.reader import read_recording
from simulator.scenario import Scenario

ROOT = Path(__file__).parents[3]
BURST = workloads.Workload("burst", 200, 0.45, burst_load=1.5, burst_s=60)


def attempt(job: int, queued: float, taken: float, ended: float, *, succeeded: bool = True) -> dict[str, Any]:
    """A worker's line; the job's first line comes 10 ms after the worker has taken it."""
    return {
        "job": job, "queued_at": queued, "taken_at": taken, "worker": "w", "started_at": taken + 0.01, "ended_at": ended,
        "succeeded": succeeded,
    }  # fmt: skip


def call(job: int, arrived: float, connected: float | None, ended: float, outcome: str) -> dict[str, Any]:
    return {"job": job, "arrived_at": arrived, "connected_at": connected, "ended_at": ended, "outcome": outcome}


def jobs_of_a_queue() -> list[analysis.Job]:
    arrivals = [{"job": job, "arrived_at": float(job)} for job in range(4)]
    attempts = [
        attempt(1, 4.9, 5.0, 5.5),  # the second attempt is written before the first: the order of lines is no matter
        attempt(0, 0.0, 0.5, 1.5),
        attempt(1, 1.0, 2.0, 3.0, succeeded=False),
        attempt(2, 2.0, 2.0, 3.0, succeeded=False),
        attempt(2, 5.5, 5.5, 6.0, succeeded=False),
        attempt(2, 10.0, 10.0, 10.5, succeeded=False),
        attempt(2, 18.5, 18.5, 20.0, succeeded=False),
    ]
    return analysis.queue_jobs(arrivals, attempts)


def test_each_job_of_the_queue_has_its_outcome_wait_and_latency() -> None:
    jobs = jobs_of_a_queue()
    assert [job.outcome for job in jobs] == ["completed", "completed", "dead_lettered", "in_system"]
    assert [job.latency_s for job in jobs] == pytest.approx([1.5, 4.5, math.inf, math.inf])
    assert [job.wait_s for job in jobs] == [0.5, pytest.approx(1.1), 0.0, None]


def test_the_figures_of_a_queue() -> None:
    measured = analysis.measure(jobs_of_a_queue(), begin_at=0)
    assert measured["completed"] == 0.5
    assert measured["good"] == 0.5
    assert measured["dead_lettered"] == measured["in_system"] == 0.25
    assert measured["wait_mean_s"] == pytest.approx(1.6 / 3)
    assert measured["wait_p95_s"] == pytest.approx(1.1)
    assert measured["latency_p50_s"] == pytest.approx(4.5)
    assert math.isinf(measured["latency_p95_s"])
    assert measured["depth_mean"] == pytest.approx(1.6 / 20)
    assert measured["depth_max"] == 1


def test_the_depth_counts_who_waits_at_once_and_who_is_never_taken() -> None:
    waiting = [
        analysis.Attempt(0.0, 4.0, 5.0, 1.0),
        analysis.Attempt(1.0, 2.0, 3.0, 1.0),
        analysis.Attempt(1.5, None, None, None),
    ]
    jobs = [analysis.Job(each.queued_at, "completed", each.ended_at, (each,)) for each in waiting]
    assert analysis.depth(jobs, begin_at=-5) == (pytest.approx((4 + 1 + 3.5) / 10), 3)


def test_a_sampled_backlog_counts_until_the_last_work_ends() -> None:
    samples = [(-1.0, 9), (0.0, 0), (1.0, 4), (3.0, 2), (5.0, 0), (11.0, 7)]
    assert analysis.sampled_depth(samples, 0.0, 10.0) == ((4 * 2 + 2 * 2) / 10, 4)


def test_the_dispatch_is_a_worker_s_time_that_the_work_does_not_take() -> None:
    """10 ms to the first line and 30 ms after the last one; the third job came when the worker was idle already."""
    rows = [attempt(0, 0, 1.0, 2.01), attempt(1, 1.5, 2.04, 3.0), attempt(2, 3.5, 3.51, 4.0), attempt(3, 0, 1.2, 1.9)]
    rows[3]["worker"] = "another"
    assert analysis.busy_dispatch_s(rows) == pytest.approx(0.04)
    assert analysis.busy_dispatch_s(rows[2:]) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how many connections wait")
def test_a_listen_backlog_of_n_holds_one_more_and_refuses_no_caller() -> None:
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=3))
        port = listener.getsockname()[1]
        assert listen_queue(port) == 0
        for caller in [opened.enter_context(socket.socket()) for _ in range(7)]:
            caller.setblocking(False)
            assert caller.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)
        assert listen_queue(port) == 4


def test_a_retry_is_late_or_early_against_its_own_interval() -> None:
    assert analysis.retry_lateness_s(jobs_of_a_queue()) == pytest.approx([-0.1, 0.5, 0.0, 0.0])


def test_calls_of_the_service_in_whatever_order_they_ended() -> None:
    calls = [
        call(1, 1.0, 1.0, 2.0, "failed"),
        call(0, 0.0, 0.0, 3.0, "completed"),
        call(2, 2.0, 5.0, 32.0, "timed_out"),  # connected at the second SYN, taken up after its caller had gone
        call(3, 3.0, None, 33.0, "timed_out"),
        call(4, 4.0, 4.0, 34.0, "timed_out"),
    ]
    served = [{"job": 2, "started_at": 40.0, "ended_at": 41.0}, {"job": 0, "started_at": 1.0, "ended_at": 2.9}]
    served.append({"job": 1, "started_at": 1.5, "ended_at": 2.0})
    jobs = analysis.service_jobs(calls, served)
    assert [job.outcome for job in jobs] == ["completed", "failed", "timed_out", "timed_out", "timed_out"]
    assert [job.wait_s for job in jobs] == [1.0, 0.5, None, None, None]
    assert [len(job.attempts) for job in jobs] == [1, 1, 1, 0, 1]
    measured = analysis.measure(jobs, begin_at=0)
    assert measured["timed_out"] == 0.6
    assert measured["depth_mean"] == pytest.approx((1 + 0.5 + 35 + 37) / 41)


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 2.0), (0.51, 3.0), (0.75, 3.0), (0.95, 4.0), (1.0, 4.0), (0.0, 1.0)]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, value: float) -> None:
    assert analysis.percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_the_simulator_is_given_the_same_load_that_the_system_gets() -> None:
    scenario = Scenario.parse(describe(BURST, 1000, {}))
    assert isinstance(scenario.arrivals, BurstArrivals)
    counts = [len(BURST.arrivals_s(seed)) for seed in range(40)]
    expected = scenario.arrivals.rate_per_s * BURST.length_s
    assert sum(counts) / 40 == pytest.approx(expected, abs=4 * math.sqrt(expected / 40))
    peaks = [sum(70 <= at < 130 for at in BURST.arrivals_s(seed)) for seed in range(40)]
    expected_in_peak = scenario.arrivals.rate_per_s * scenario.arrivals.peak_to_mean * scenario.arrivals.peak_s
    assert sum(peaks) / 40 == pytest.approx(expected_in_peak, abs=4 * math.sqrt(expected_in_peak / 40))


@pytest.mark.slow
def test_a_call_is_drawn_alike_in_every_system_and_anew_for_each_attempt() -> None:
    calls = [workloads.draw_call(1, job, 0) for job in range(4000)]
    assert calls[7] == workloads.draw_call(1, 7, 0) != workloads.draw_call(1, 7, 1)
    assert sum(each.sleep_s for each in calls) / 4000 == pytest.approx(workloads.MEAN_S, rel=0.05)
    assert 0.035 < sum(each.fails for each in calls) / 4000 < 0.065


def test_recorded_jobs_are_replayed_as_they_were(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    write_trace(jobs_of_a_queue(), 1, trace)
    with trace.open("rb") as stream:
        parsed = read_recording(stream, trace.name).trace
    assert parsed.arrivals_s.tolist() == [0, 1, 2, 3]
    assert parsed.service_s is not None
    drawn_s = workloads.draw_call(1, 3, 0).sleep_s
    assert parsed.service_s.tolist() == pytest.approx([0.99, 0.99, 0.99, drawn_s], abs=1e-6)
    replayed = Scenario.parse(replay(describe(BURST, 4, {}), trace, 0.012))
    assert replayed.event_driven.dispatch_s == 0.012


@pytest.mark.parametrize(
    ("measured", "predicted", "unit", "words"),
    [
        (2.0, 2.1, "s", "+5 %"),
        (2.0, 1.0, "jobs", "-50 %"),
        (0.10, 0.145, "share", "+4.5 points"),
        (0.0, 1.0, "s", ""),
        (math.inf, 1.0, "s", ""),
    ],
)
def test_an_error_is_written_in_the_unit_that_means_something(
    measured: float, predicted: float, unit: page.Unit, words: str
) -> None:
    assert page.error(measured, predicted, unit) == words


@pytest.mark.parametrize(("linear", "instants"), [(0, [1, 3, 7, 15]), (4, [1, 2, 3, 4, 5, 7, 11, 19])])
def test_tcp_tries_again_at_instants_of_the_operating_system(linear: int, instants: list[int]) -> None:
    assert page.syn_retries_s(linear) == instants


def test_a_row_of_the_table() -> None:
    row = page.Row("burst", "wait, mean", "s", 0.5, Predicted(0.6, 0.05), Predicted(12.34, None))
    assert row.markdown() == "| burst | wait, mean | 500 ms | 600 ms ± 50 ms | +20 % | 12.3 s | +2368 % |"


def test_processes_end_with_a_failure(tmp_path: Path) -> None:
    with pytest.raises(CannotMeasure), Processes(tmp_path) as system:
        process = system.start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"])
        raise CannotMeasure
    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_process_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Processes(tmp_path) as system:
        system.start("model", [sys.executable, "-c", "raise SystemExit('the port is taken')"])
        with pytest.raises(CannotMeasure, match=r"(?s)model ended with status 1.*the port is taken"):
            system.wait(lambda: False, 20, every_s=0.01)


def test_without_gunicorn_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["stock_rq", "--output", str(tmp_path / "page.md")])
    assert command.main() == 1
    assert "-m pip install gunicorn" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "1e9", "ten"])
def test_minutes_out_of_bounds_are_refused(
    minutes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stock_rq", "--minutes", minutes])
    with pytest.raises(SystemExit) as exit_:
        command.main()
    assert exit_.value.code == 2
    assert "minutes from 0.1 to 120" in capsys.readouterr().err


def test_the_readme_shows_rows_of_the_page() -> None:
    section = (ROOT / "README.md").read_text().split("## Compared with a system that is not ours")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith(("| rq", "| gunicorn"))]
    table = (ROOT / "docs" / "stock-rq.md").read_text()
    assert len(rows) >= 6
    for row in rows:
        assert row.split("|", 2)[2] in table  # all but the workload


@pytest.mark.full
@pytest.mark.may_skip(reason="gunicorn is a requirement of the benchmark alone")
def test_the_whole_measurement_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("gunicorn")
    monkeypatch.setenv("CROSSOVER_MANAGED_ENVIRONMENT", "off")
    written = tmp_path / "page.md"
    options = ["--minutes", "0.15", "--output", str(written), "--keep", str(tmp_path / "records")]
    monkeypatch.setattr(sys, "argv", ["stock_rq", *options])
    assert command.main() == 0, capsys.readouterr().err
    table = [line for line in written.read_text().splitlines() if line.startswith("| ")]
    assert len(table) == 2 * 2 + 3 * sum(map(len, page.ROWS.values()))
    for workload in workloads.workloads(0.15):
        run = analysis.read_run(workload, tmp_path / "records" / workload.name)
        assert len(run.queue) == len(run.service) == len(workload.arrivals_s(1))
        assert {job.outcome for job in run.queue} <= {"completed", "dead_lettered"}
        assert {job.outcome for job in run.service} <= {"completed", "failed"}
