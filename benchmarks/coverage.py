"""How often what is concluded from runs is true: intervals of one run, growth, and the capacity search, over many seeds.

    python -m benchmarks.coverage [seeds [first seed]] [coverage] [growth] [search]

prints the tables of docs/internals/coverage.md. The true shares are those of theory: an M/M/c queue's. Seeds 10,001 to 21,000 were used to
choose the constants of `batch_means`: measure with others.
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

SEEDS, FIRST_SEED = 100, 501
COVERAGE_LOADS = (0.5, 0.8, 0.9, 0.95, 0.97)
GROWTH_LOADS = (0.9, 0.97, 1.0, 1.03, 1.06)
MISSED = (0.01, 0.05)
LENGTHS = (20_000, 200_000)
SEARCH_SEEDS, SEARCH_JOBS, LATE_WITH_ONE_LESS = 40, 10_000, 0.012
SEARCHES = ((2, 0.93), (5, 3.8), (8, 6.6), (20, 18.3))
"""How many servers are needed, and the rate: one less has a load of .93 to .96, and just misses a deadline that 1 % may miss."""
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


def coverage(servers: int, load: float, missed: float, jobs: int, seeds: range) -> tuple[int, float]:
    """Of how many per cent of the seeds the interval covers the true share, and the median width."""
    deadline_s, hits, widths = deadline_of(servers, load, missed), 0, []
    for seed in seeds:
        low, high = interval_of_one_run(replicate(queue(servers, load, jobs, deadline_s, seed)))
        hits += low <= 1 - missed <= high
        widths.append(high - low)
    return round(100 * hits / len(seeds)), float(np.median(widths))


def growth(load: float, jobs: int, replications: int, seeds: range) -> int:
    """In how many per cent of the runs an M/M/4 queue is taken for a growing one."""
    seen = 0
    for seed in seeds:
        scenario = queue(4, load, jobs, 10.0, seed)
        rises = [
            rise_of(replicate(scenario, number).levels, since_s=0.0, outages=(), period_s=None)
            for number in range(1, replications + 1)
        ]
        seen += bool(growing([rise for rise in rises if rise is not None]))
    return round(100 * seen / len(seeds))


def search(needed: int, rate: float, seeds: range) -> tuple[int, int, int]:
    """Searches of an M/M/c queue of which theory says how many servers it needs: how many say so, how many leave one less open, and how many err."""
    certain = unsure = 0
    start = needed - 1
    deadline_s = deadline_of(start, rate / start, LATE_WITH_ONE_LESS)
    if not late_share(needed, rate / needed, deadline_s) < MISSED[0] < late_share(start, rate / start, deadline_s):
        raise ValueError(f"{needed} servers are not the fewest at {rate:g} jobs a second")
    for seed in seeds:
        cell_run = CellRun.from_scenario(queue(start, rate / start, SEARCH_JOBS, deadline_s, seed), SEARCH_JOBS, seed)
        answer = CapacitySearch(cell_run, 1 - MISSED[0], 100, _trial_runner(cell_run)).of("synchronous", start)
        certain += (answer.low, answer.high) == (needed, needed)
        unsure += answer.low < needed and answer.high == needed
    return certain, unsure, len(seeds) - certain - unsure


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


def coverage_rows(seeds: range) -> Iterator[Sequence[str]]:
    for jobs in LENGTHS:
        for servers in (1, 8):
            for missed in MISSED:
                cells = [coverage(servers, load, missed, jobs, seeds) for load in COVERAGE_LOADS]
                yield [f"{jobs:,}", str(servers), f"{missed:.0%}", *(f"{hits} ({width:.3f})" for hits, width in cells)]


def growth_rows(seeds: range) -> Iterator[Sequence[str]]:
    for jobs in LENGTHS:
        for replications in (1, 10):
            fewer = seeds[: max(10, len(seeds) // replications)]
            yield [
                f"{jobs:,}",
                str(replications),
                *(str(growth(load, jobs, replications, fewer)) for load in GROWTH_LOADS),
            ]


def search_rows(seeds: range) -> Iterator[Sequence[str]]:
    for needed, rate in SEARCHES:
        yield [str(needed), f"{rate / (needed - 1):.2f}", *map(str, search(needed, rate, seeds))]


def main(seeds: range, studies: Sequence[str]) -> None:
    warm()
    tables = {
        "coverage": (("jobs", "servers", "missed", *map(str, COVERAGE_LOADS)), coverage_rows),
        "growth": (("jobs", "replications", *map(str, GROWTH_LOADS)), growth_rows),
        "search": (("needed", "load of one less", "says so", "leaves one less open", "wrong"), search_rows),
    }
    for name in studies or tables:
        header, rows = tables[name]
        for line in table(header, rows(seeds[:SEARCH_SEEDS] if name == "search" else seeds)):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    count, first = counts + [SEEDS, FIRST_SEED][len(counts) :]
    main(range(first, first + count), [argument for argument in sys.argv[1:] if not argument.isdigit()])
