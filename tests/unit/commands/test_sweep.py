"""`sweep`: a map of a workload."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management.base import CommandError

from tests.unit.commands.conftest import Run

STEADY = "volume: {peak_to_mean: 1}\nname: Invoices\n"
P95, RATE = "processing.p95_s=10:80:3", "volume.mean_rate_per_s=0.2:1:2"


def test_json_is_the_map_and_nothing_else(run_json: Callable[..., Any]) -> None:
    output = run_json("sweep", "-", "--x", P95, "--y", RATE, "--jobs", "2000", stdin=STEADY)
    assert output["x"] == {"field": "processing.p95_s", "values": [10, 45, 80]}
    assert output["y"]["values"] == [0.2, 1]
    assert len(output["cells"]) == 6
    assert set(output["cells"][0]) == {"x", "y", "style", "verdict", "margin", "synchronous", "event_driven"}
    assert {"good_share", "low", "high"} <= set(output["cells"][0]["synchronous"])
    assert output["elapsed_s"] > 0


def test_two_answers_make_a_map_of_letters_with_its_key(run: Run) -> None:
    lines = run("sweep", "-", "--x", P95, "--y", RATE, "--jobs", "2000", stdin=STEADY).splitlines()
    assert lines[0].startswith("With “How many requests arrive, on average?” at ")
    assert any(line.startswith("Up: “How many requests arrive, on average?” from 0.2 /s to 1 /s.") for line in lines)
    rows = [line.split()[2:] for line in lines if line.strip().startswith(("0.2 /s", "1 /s"))]
    assert len(rows) == 2 and all(len(row) == 3 for row in rows)


def test_one_answer_makes_a_table(run: Run) -> None:
    output = run("sweep", "-", "--x", P95, "--jobs", "2000", stdin=STEADY)
    assert "Good, event-driven" in output and "80 s" in output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--x", "processing.p95=1:2:3"), r"--x: 'processing.p95' is not a number"),
        (("--x", P95, "--y", "caller.kind=1:2:3"), r"--y: 'caller.kind' is not a number"),
        (("--x", P95, "--jobs", "5"), "jobs: should be 1,000 to 1,000,000"),
    ],
)
def test_bad_axes_exit_with_2_and_the_option(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(CommandError, match=reason) as refused:
        run("sweep", "-", *arguments, stdin=STEADY)
    assert refused.value.returncode == 2


@pytest.mark.slow
def test_fewest_says_what_each_design_needs(run_json: Callable[..., Any], run: Run) -> None:
    output = run_json("sweep", "-", "--fewest", "--jobs", "2000", stdin=STEADY)
    assert set(output) == {"schema", "jobs", "seed", "wanted_share", "synchronous", "event_driven", "trials"}
    assert output["event_driven"]["low"] <= output["event_driven"]["high"]
    assert "Event-driven meets the deadline from" in run("sweep", "-", "--fewest", "--jobs", "2000", stdin=STEADY)


@pytest.mark.parametrize("arguments", [(), ("--fewest", "--x", P95)])
def test_it_takes_axes_or_fewest(run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--fewest") as refused:
        run("sweep", "-", *arguments, stdin=STEADY)
    assert refused.value.returncode == 2
