from collections.abc import Iterator
from dataclasses import dataclass

from advisor.advice.answers import Answers
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import recommend
from advisor.advice.scenario import scenario_of
from advisor.sweeps.capacity_search import most_of, with_servers
from advisor.sweeps.cells import cut
from advisor.sweeps.grid import Grid, Point
from simulator.simulate import Estimate, estimate
from simulator.traces import Trace


@dataclass(frozen=True)
class Load:
    """Jobs through both designs and bytes of memory, by the grid's corners and middle."""

    most_jobs: int
    mean_jobs: float
    memory_bytes: int


def load_of(wanted: Grid, trace: Trace | None) -> Load:
    needed = [_estimate_of(wanted.answers_at(point), wanted.jobs, wanted.seed, trace) for point in _looked_at(wanted)]
    jobs = [max(1, one.jobs) for one in needed]
    return Load(max(jobs), sum(jobs) / len(jobs), max(one.memory_bytes for one in needed))


def estimate_of_trial(answers: Answers, jobs: int, trace: Trace | None) -> Estimate:
    return _estimate_of(answers, jobs, 1, trace, most_of(answers))


def _estimate_of(answers: Answers, jobs: int, seed: int, trace: Trace | None, servers: int | None = None) -> Estimate:
    evaluation = Evaluation.from_answers(answers)
    length = cut(scenario_of(evaluation, recommend(evaluation, flips=False)), jobs, seed)
    scenario = length.scenario if servers is None else with_servers(length.scenario, servers)
    return estimate(scenario, trace, length.replications)


def _looked_at(wanted: Grid) -> Iterator[Point]:
    ups = (wanted.y.low, wanted.y.high) if wanted.y else (None,)
    for up in ups:
        for across in (wanted.x.low, wanted.x.high):
            yield across, up
    points = list(wanted.points())
    yield points[len(points) // 2]
