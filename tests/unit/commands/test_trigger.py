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
    assert output.startswith(
        "The synchronous design does not recover in the 20 min watched. The event-driven design recovers.\n"
    )
    assert "0 of 3" in output and "3 of 3" in output and "not reached" in output


def test_the_figures_are_those_of_the_readme(run_json: Callable[..., Any]) -> None:
    output = run_json("simulate", EXAMPLE, "--trigger", "600:120")
    assert output["schema"] == "crossover/recovery@1"
    assert (output["trigger"], output["observed_s"]) == ({"start_s": 600, "length_s": 120}, 1200)
    synchronous, queued = output["synchronous"], output["event_driven"]
    assert (synchronous["recovered"], queued["recovered"]) == (0, 10)
    assert round(synchronous["amplification"]["mean"], 1) == 3.0
    assert queued["amplification"]["mean"] == 1
    assert round(synchronous["peak_depth"]["mean"], -2) == 21_400
    assert round(synchronous["dead_letters"]["mean"], -1) == 7610
    assert round(queued["dead_letters"]["mean"], -1) == 660
    assert round(queued["drain_s"]["mean"]) == 12


@pytest.mark.parametrize("trigger", ["600", "0:5", "600:-1", "a:b", "1:2:3", "600:inf"])
def test_a_trigger_is_a_start_and_a_length(trigger: str, run: Run) -> None:
    with pytest.raises((CommandError, SystemExit), match=r"START:LENGTH|2"):
        run("simulate", EXAMPLE, "--trigger", trigger)


def test_a_template_without_requests_outside_its_peak_says_when_they_arrive(run: Run) -> None:
    with pytest.raises(
        CommandError, match=r"requests arrive only from 42,300 s to 44,100 s of every 86,400 s"
    ) as refused:
        run("simulate", "-", *OUTAGE, stdin="template: batch_enrichment")
    assert refused.value.returncode == 2


def test_an_outage_in_such_a_peak_is_measured_against_the_same_peak(run_json: Callable[..., Any]) -> None:
    given = "template: batch_enrichment\ncaller: {deadline_s: null}\n"
    output = run_json("simulate", "-", "--trigger", "43000:120", "--replications", "2", stdin=given)
    assert output["synchronous"]["recovered"] == 2
    assert output["synchronous"]["dead_letters"]["mean"] < 1500
    assert output["event_driven"]["dead_letters"]["mean"] == 0


@pytest.mark.parametrize(
    "option",
    [("--speed", "2"), ("--seconds", "60"), ("--workers", "simple"), ("--endpoint", "outside"), ("--engine", "live")],
)
def test_options_of_live_runs_are_refused(run: Run, option: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=f"{option[0]}: is for|--trigger: is for") as refused:
        run("simulate", EXAMPLE, *OUTAGE, *option)
    assert refused.value.returncode == 2


def test_a_trigger_that_fills_the_memory_is_refused(run: Run) -> None:
    given = "arrivals: {process: poisson, rate_per_s: 1000}\nservice: {distribution: exponential, mean_s: 0.01}\n"
    with pytest.raises(CommandError, match="GB of memory, over the limit") as refused:
        run("simulate", "-", "--trigger", "600:600000", stdin=given)
    assert refused.value.returncode == 2


def test_one_replication_is_refused_because_it_has_no_interval(run: Run) -> None:
    with pytest.raises(CommandError, match="at least two"):
        run("simulate", EXAMPLE, "--trigger", "600:120", "--replications", "1")
