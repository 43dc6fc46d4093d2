"""`bench`: speed on this machine."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management.base import CommandError

from advisor.decisions.management.commands import bench
from benchmarks.advice import advice_figures, typing_figures
from benchmarks.kernel import FULL, kernel_figures, scale_figures
from benchmarks.simpy_peer import peer_figures
from tests.unit.commands.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kernel() -> dict[str, float]:
    return kernel_figures(millions=0.002)


@pytest.fixture(scope="module")
def advice() -> dict[str, float]:
    return advice_figures(("form_classification",), rounds=1)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, kernel: dict[str, float], advice: dict[str, float]) -> None:
    """The figures of a short benchmark, which is run once."""
    monkeypatch.setattr(bench, "kernel_figures", lambda: kernel)
    monkeypatch.setattr(bench, "scale_figures", lambda: scale_figures((1000, 2000)))
    monkeypatch.setattr(bench, "advice_figures", lambda: advice)
    monkeypatch.setattr(bench, "typing_figures", lambda: dict.fromkeys(bench.TYPED, 40.0) | {"memory_mb": 210.0})


@pytest.mark.usefixtures("short")
def test_json_holds_every_figure(run_json: Callable[..., Any]) -> None:
    output = run_json("bench")
    assert set(output) >= {"kernel", "advice", "typing"}
    speeds = ("plain_jobs_per_s", "full_event_driven_jobs_per_s", "full_synchronous_jobs_per_s", "threads_jobs_per_s")
    assert all(output["kernel"][name] > 0 for name in speeds)
    assert output["advice"]["ms"] > 0 and output["advice"]["ms_with_flips"] > 0


@pytest.mark.usefixtures("short")
def test_text_names_the_units(run: Run) -> None:
    lines = run("bench").splitlines()
    assert lines[0] == "KERNEL"
    assert any(line.startswith("plain jobs") and line.endswith(" /s") for line in lines)
    assert any(line.startswith("recommendation") and line.endswith(" ms") for line in lines)
    assert any(line.startswith("from a keystroke to the advice, median") and line.endswith(" 40 ms") for line in lines)
    assert any(line.startswith("memory") and line.endswith("210 MB") for line in lines)


@pytest.mark.usefixtures("short")
def test_full_adds_size_and_memory(run_json: Callable[..., Any]) -> None:
    assert set(run_json("bench", "--full")["scale"]) == {
        f"{size}_{figure}" for size in ("1e3", "2e3") for figure in ("jobs_per_s", "peak_mb")
    }


@pytest.mark.usefixtures("short")
def test_live_adds_its_workers_and_a_whole_run_and_full_the_other_kinds_of_workers(
    run: Run, run_json: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "measure_workers", lambda *given, **named: {"live_jobs_per_s": 800.0})
    monkeypatch.setattr(bench, "measure_run", lambda: {"overhead_ms": 7.5, "waiting_memory_mb": 160.0})
    assert set(run_json("bench", "--live")["live"]) == {"threads", "run"}
    assert set(run_json("bench", "--live", "--full")["live"]) == {"threads", "run", "simple", "forking"}
    lines = run("bench", "--live").splitlines()
    assert "threads, live jobs" in lines[-3] and lines[-3].endswith("800 /s")
    assert lines[-2].startswith("run, overhead") and lines[-2].endswith("7.5 ms")
    assert lines[-1].startswith("run, waiting memory") and lines[-1].endswith("160 MB")


def test_keystrokes_are_answered_by_the_real_page() -> None:
    """Also those of several people at once."""
    figures = typing_figures(keystrokes=1, people=4)
    assert set(figures) == {*bench.TYPED, "memory_mb"}
    assert 0 < figures["keystroke_ms"] <= figures["keystroke_p95_ms"]
    assert 0 < figures["together_answer_ms"] <= figures["together_settled_ms"]


@pytest.mark.usefixtures("short")
def test_a_kernel_that_counts_wrong_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> dict[str, Any]:
        raise AssertionError("plain: 3 events, not two a job")

    monkeypatch.setattr(bench, "kernel_figures", wrong)
    with pytest.raises(CommandError, match="not two a job") as failed:
        run("bench")
    assert failed.value.returncode == 1


@pytest.mark.usefixtures("short")
def test_the_kernel_is_compared_with_simpy_on_the_same_models(run_json: Callable[..., Any]) -> None:
    figures = run_json("bench")["kernel"]
    for model in ("plain", "full_event_driven", "full_synchronous"):
        assert figures[f"{model}_over_simpy"] == pytest.approx(
            figures[f"{model}_jobs_per_s"] / figures[f"simpy_{model}_jobs_per_s"]
        )


def test_a_peer_with_a_different_number_of_attempts_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    generous = FULL | {
        "failures": {"transient_percent": 5, "poison_percent": 0.1},
        "retries": {"max": 0, "base_s": 1, "cap_s": 30},
    }
    monkeypatch.setattr(
        "benchmarks.simpy_peer.peer_figures", lambda plain, full, jobs: peer_figures(plain, generous, jobs)
    )
    with pytest.raises(AssertionError, match="SimPy, full_event_driven"):
        kernel_figures(millions=0.02)
