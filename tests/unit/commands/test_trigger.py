"""`simulate --trigger`: whether each design recovers from an outage of the provider."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from tests.unit.commands.conftest import Run

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "outage.yaml")
OUTAGE = ("--trigger", "600:120", "--replications", "3")


def test_an_outage_overloads_the_synchronous_example_for_good(run: Run) -> None:
    output = run("simulate", EXAMPLE, *OUTAGE)
    assert output.startswith("The synchronous design does not recover. The event-driven design recovers.\n")
    assert "0 of 3" in output and "3 of 3" in output and "not reached" in output


def test_the_figures_are_those_of_the_readme(run_json: Callable[..., Any]) -> None:
    found = run_json("simulate", EXAMPLE, "--trigger", "600:120")
    assert found["schema"] == "crossover/recovery@1"
    assert (found["trigger"], found["observed_s"]) == ({"start_s": 600, "length_s": 120}, 1200)
    synchronous, queued = found["synchronous"], found["event_driven"]
    assert (synchronous["recovered"], queued["recovered"]) == (0, 10)
    assert round(synchronous["amplification"]["mean"], 1) == 3.0
    assert queued["amplification"]["mean"] == 1
    assert round(synchronous["peak_depth"]["mean"], -2) == 21_400
    assert round(synchronous["dead_letters"]["mean"], -1) == 7610
    assert round(queued["dead_letters"]["mean"], -1) == 660
    assert queued["drain_s"]["mean"] < 10


@pytest.mark.parametrize("trigger", ["600", "0:5", "600:-1", "a:b", "1:2:3", "600:inf"])
def test_a_trigger_is_a_start_and_a_length(trigger: str, run: Run) -> None:
    with pytest.raises((CommandError, SystemExit), match=r"START:LENGTH|2"):
        run("simulate", EXAMPLE, "--trigger", trigger)


def test_one_replication_tells_no_interval(run: Run) -> None:
    with pytest.raises(CommandError, match="at least two"):
        run("simulate", EXAMPLE, "--trigger", "600:120", "--replications", "1")


def test_the_kernel_alone_has_triggers(run: Run) -> None:
    with pytest.raises(CommandError, match="--engine kernel"):
        run("simulate", EXAMPLE, *OUTAGE, "--engine", "live")
