"""Memory is that of the jobs in the system, not of all jobs."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.replications import warm

warm()
scenario = Scenario.parse({
    "jobs": int(sys.argv[1]),
    "arrivals": {"process": "poisson", "rate_per_s": 7.2},
    "service": {"distribution": "exponential", "mean_s": 1.0},
    "synchronous": {"workers": 8, "client_timeout_s": 60},
    "event_driven": {"consumers": 8},
})
runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True), shortcut=False)
runner.run(1)
print(runner.peak_slots, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(jobs: int) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(jobs)], capture_output=True, text=True, check=True, timeout=600
    )
    slots, megabytes = done.stdout.split()
    return int(slots), int(megabytes)


def test_ten_times_the_jobs_take_no_more_memory() -> None:
    (few_slots, few), (many_slots, many) = peak(200_000), peak(2_000_000)
    assert few_slots == many_slots
    assert many < few + 20


@pytest.mark.full
def test_a_hundred_million_jobs_fit_in_300_megabytes() -> None:
    assert peak(100_000_000)[1] < 300
