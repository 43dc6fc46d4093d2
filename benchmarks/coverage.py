"""How often what is concluded from runs is true: intervals of one run, growth, and the capacity search, over many seeds.

    python -m benchmarks.coverage [seeds]

prints the tables of docs/internals/coverage.md. The true shares are those of theory: an M/M/c queue's.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from math import exp

import numpy as np

from advisor.sweeps.capacity_search import LONGEST_TRIAL, CapacitySearch
from advisor.sweeps.cells import CellRun, simulate_until_resolved
from simulator.batch_means import interval_of_one_run
from simulator.growth import growing, rise_of
from simulator.kernel import layout
from simulator.kernel.single_station import run_single_station
from simulator.plan import SYNCHRONOUS, build_state, recorded_of
from simulator.replications import LOOPS, warm
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.tally import Tally, tally_of

SEEDS = 100
COVERAGE_LOADS = (0.5, 0.8, 0.9, 0.95, 0.97)
GROWTH_LOADS = (0.9, 0.97, 1.0, 1.03, 1.06)
MISSED = (0.01, 0.05)
LENGTHS = (20_000, 200_000)
SEARCH_SEEDS, SEARCH_JOBS, NEEDED = 40, 10_000, 5
SLICE = 10**8
LONGEST_S = 500.0


def waiting_share(servers: int, load: float) -> float:
    """The share of jobs that wait. Source: A. K. Erlang, 1917."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = servers * load * blocked / (number + servers * load * blocked)
    return blocked / (1 - load * (1 - blocked))


def late_share(servers: int, load: float, within_s: float) -> float:
    """The share of jobs of an M/M/c queue of mean service 1 s that take longer."""
    spare = servers * (1 - load) - 1
    waits = (1 - exp(-within_s * spare)) / spare if abs(spare) > 1e-9 else within_s
    return exp(-within_s) * (1 + waiting_share(servers, load) * waits)


def deadline_of(servers: int, load: float, missed: float) -> float:
    low, high = 0.0, LONGEST_S
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if late_share(servers, load, middle) > missed else (low, middle)
    return high


def queue(servers: int, load: float, jobs: int, deadline_s: float, seed: int = 1) -> Scenario:
    return Scenario.parse(
        {
            "seed": seed,
            "jobs": jobs,
            "warmup_jobs": jobs // 20,
            "deadline_s": deadline_s,
            "arrivals": {"process": "poisson", "rate_per_s": servers * load},
            "service": {"distribution": "exponential", "mean_s": 1.0},
            "synchronous": {"workers": servers},
            "event_driven": {"consumers": servers},
        }
    )


def replicate(scenario: Scenario, replication: int = 1) -> Tally:
    for loop in (run_single_station, LOOPS[SYNCHRONOUS]):
        rows = recorded_of(None, None)
        state = build_state(scenario, SYNCHRONOUS, replication, trace=None, drawn=None, rows=rows, drains=True)
        while (status := loop(state.machine, SLICE)) in (layout.MORE, layout.GROW):
            if status == layout.GROW:
                state.grow()
        if status == layout.DONE:
            break
    return tally_of(state.machine[0])


def coverage(servers: int, load: float, missed: float, jobs: int, seeds: int) -> tuple[int, float]:
    """Of how many per cent of the seeds the interval covers the true share, and the median width."""
    deadline_s, hits, widths = deadline_of(servers, load, missed), 0, []
    for seed in range(1, seeds + 1):
        low, high = interval_of_one_run(replicate(queue(servers, load, jobs, deadline_s, seed)))
        hits += low <= 1 - missed <= high
        widths.append(high - low)
    return round(100 * hits / seeds), float(np.median(widths))


def growth(load: float, jobs: int, replications: int, seeds: int) -> int:
    """In how many per cent of the runs an M/M/4 queue is taken for a growing one."""
    seen = 0
    for seed in range(1, seeds + 1):
        scenario = queue(4, load, jobs, 10.0, seed)
        rises = [
            rise_of(replicate(scenario, number).levels, since_s=0.0, outages=(), period_s=None)
            for number in range(1, replications + 1)
        ]
        seen += bool(growing([rise for rise in rises if rise is not None]))
    return round(100 * seen / seeds)


def search(seeds: int) -> tuple[int, int, int]:
    """Searches of an M/M/c queue of which theory says that 5 servers are needed: how many say so, how many say "4 or 5", and how many err."""
    certain = unsure = 0
    rate = 3.8
    deadline_s = deadline_of(NEEDED - 1, rate / (NEEDED - 1), 0.012)
    for seed in range(1, seeds + 1):
        cell_run = CellRun.from_scenario(
            queue(NEEDED - 1, rate / (NEEDED - 1), SEARCH_JOBS, deadline_s, seed), SEARCH_JOBS, seed
        )
        answer = CapacitySearch(cell_run, 0.99, 100, _trial_runner(cell_run)).of("synchronous", NEEDED - 1)
        certain += (answer.low, answer.high) == (NEEDED, NEEDED)
        unsure += answer.low < NEEDED and answer.high == NEEDED
    return certain, unsure, seeds - certain - unsure


def _trial_runner(cell_run: CellRun) -> Callable[[int], Result]:
    return lambda servers: simulate_until_resolved(
        CellRun(cell_run.scenario.with_servers(servers), cell_run.replications), LONGEST_TRIAL
    )


def table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "| " + " | ".join("---" for _ in header) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def coverage_rows(seeds: int) -> Iterator[Sequence[str]]:
    for jobs in LENGTHS:
        for servers in (1, 8):
            for missed in MISSED:
                cells = [coverage(servers, load, missed, jobs, seeds) for load in COVERAGE_LOADS]
                yield [f"{jobs:,}", str(servers), f"{missed:.0%}", *(f"{hits} ({width:.3f})" for hits, width in cells)]


def growth_rows(seeds: int) -> Iterator[Sequence[str]]:
    for jobs in LENGTHS:
        for replications in (1, 10):
            cells = [growth(load, jobs, replications, max(10, seeds // replications)) for load in GROWTH_LOADS]
            yield [f"{jobs:,}", str(replications), *map(str, cells)]


def main(seeds: int) -> None:
    warm()
    lines = table(("jobs", "servers", "missed", *map(str, COVERAGE_LOADS)), coverage_rows(seeds))
    for line in lines:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    for line in table(("jobs", "replications", *map(str, GROWTH_LOADS)), growth_rows(seeds)):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    certain, unsure, wrong = search(SEARCH_SEEDS)
    sys.stdout.write(
        f"Capacity search: {certain} times 5, {unsure} times 4 or 5, {wrong} times wrong, of {SEARCH_SEEDS}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
