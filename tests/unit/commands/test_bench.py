"""`bench`: speed on this machine."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management.base import CommandError

from advisor.decisions.management.commands import bench
from simulator.bench import kernel_figures
from tests.unit.commands.conftest import Run


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few thousand jobs, where it would be millions."""
    monkeypatch.setattr(bench, "kernel_figures", lambda: kernel_figures(millions=0.002))


@pytest.mark.usefixtures("short")
def test_json_holds_every_figure(run_json: Callable[..., Any]) -> None:
    found = run_json("bench")
    assert set(found) >= {"kernel", "advice"}
    speeds = ("plain_jobs_per_s", "full_event_driven_jobs_per_s", "full_synchronous_jobs_per_s", "threads_jobs_per_s")
    assert all(found["kernel"][name] > 0 for name in speeds)
    assert found["advice"]["ms"] > 0 and found["advice"]["ms_with_flips"] > 0


@pytest.mark.usefixtures("short")
def test_text_names_the_units(run: Run) -> None:
    lines = run("bench").splitlines()
    assert lines[0] == "KERNEL"
    assert any(line.startswith("plain jobs") and line.endswith(" /s") for line in lines)
    assert any(line.startswith("recommendation") and line.endswith(" ms") for line in lines)


def test_a_kernel_that_counts_wrong_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> dict[str, Any]:
        raise AssertionError("plain: 3 events, not two a job")

    monkeypatch.setattr(bench, "kernel_figures", wrong)
    with pytest.raises(CommandError, match="not two a job") as failed:
        run("bench")
    assert failed.value.returncode == 1
