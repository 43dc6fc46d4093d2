"""The fewest workers, or consumers, that meet the deadline: bisection with common random numbers."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from advisor.advice.answers import Answers
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from advisor.sweeps.cells import CellRun, good_share, simulate_until_resolved, surer
from advisor.sweeps.contract import GoodShare
from advisor.sweeps.grid import JOBS, require_jobs
from core.errors import InvalidInput, Problem
from core.numbers import count
from core.values import Value
from simulator.experiment import Estimate, estimate
from simulator.replications import OnProgress, Progress
from simulator.result import Result
from simulator.traces import Trace

MOST_SERVERS = 4_096
"""The search goes up to this many, or to eight times the number in the answers where that is more."""
DESIGNS: tuple[Literal["synchronous", "event_driven"], ...] = ("synchronous", "event_driven")
LONGEST_TRIAL = 64
"""A trial that leaves the deadline unresolved is run again, with up to this many times the jobs that were asked for."""
EXACTLY = 1e-12
"""What rounding may take from a share that is just what is asked for."""

RunTrial = Callable[[int], Result]


class Trial(Value):
    """A number that was tried, and the good share it gave each design."""

    servers: int
    synchronous: GoodShare
    event_driven: GoodShare


class DesignRequirement(Value):
    """Fewer than `low` are sure to miss the deadline, `high` are sure to meet it; in between, intervals straddle it."""

    design: Literal["synchronous", "event_driven"]
    low: int
    high: int | None
    """The answer: the fewest whose whole interval, at a confidence of 99 %, clears what is asked for. Null: not even the most that were tried."""
    most: int


class ServerRequirement(Value):
    """What both designs need, on the same jobs."""

    schema_: Literal["crossover/fewest@1"] = Field(default="crossover/fewest@1", alias="schema")
    jobs: int
    seed: int
    wanted_share: float
    synchronous: DesignRequirement
    event_driven: DesignRequirement
    trials: Annotated[tuple[Trial, ...], Field(strict=False)]
    """By rising number."""


def search_capacity(
    answers: Answers,
    *,
    jobs: int = JOBS,
    seed: int = 1,
    trace: Trace | None = None,
    on_progress: OnProgress | None = None,
) -> ServerRequirement:
    """What `on_progress` raises stops the search.

    Raises:
        InvalidInput: if there is no deadline to meet, or `jobs` is out of bounds.
    """
    require_deadline(answers)
    require_jobs(jobs, "trial")
    cell_run = _whole_run(answers, jobs, seed)
    wanted = 1 - answers.caller.tolerated_miss_percent / 100
    start = answers.synchronous.workers
    search = CapacitySearch(cell_run, wanted, most_of(answers), _trial_runner(cell_run, trace, on_progress))
    synchronous, event_driven = (search.of(design, start) for design in DESIGNS)
    return ServerRequirement(
        jobs=jobs,
        seed=seed,
        wanted_share=wanted,
        synchronous=synchronous,
        event_driven=event_driven,
        trials=search.trials(),
    )


def _whole_run(answers: Answers, jobs: int, seed: int) -> CellRun:
    """Peaks keep their length: a backlog gathers in them with fewer servers."""
    return CellRun.from_scenario(scenario_of(Evaluation.from_answers(answers)), jobs, seed)


def require_deadline(answers: Answers) -> None:
    """Raise InvalidInput if there is no deadline to meet."""
    if answers.caller.deadline_s is None:
        raise InvalidInput([Problem("caller.deadline_s", "give a deadline first: without one, any number meets it")])


def most_of(answers: Answers) -> int:
    return max(MOST_SERVERS, 8 * answers.synchronous.workers)


def estimate_of_trial(answers: Answers, jobs: int, trace: Trace | None) -> Estimate:
    """Of the largest trial."""
    cell_run = _whole_run(answers, jobs, 1)
    return estimate(cell_run.scenario.with_servers(most_of(answers)), trace, cell_run.replications)


class CapacitySearch:
    """Bisection over a number of servers; each run serves the search of both designs.

    It relies on more servers never making a good share worse, which holds for the same jobs and draws but for the
    noise of a trial; what it finds has been tried, whatever the noise: `high` meets and one less does not.
    """

    def __init__(self, cell_run: CellRun, wanted: float, most: int, run: RunTrial) -> None:
        design = cell_run.scenario.event_driven
        self.least = len(design.queues) if design.discipline == "dedicated" else 1
        self.wanted = wanted
        self.scenario = cell_run.scenario
        self.most = max(most, self.least)
        self.run = run
        self.results: dict[int, Result] = {}

    def of(self, design: Literal["synchronous", "event_driven"], start: int) -> DesignRequirement:
        high = self._first(lambda servers: self._meets(design, servers), start, self.most)
        low = self._first(lambda servers: not self._misses(design, servers), high or self.most, high or self.most)
        return DesignRequirement(design=design, low=self.most + 1 if low is None else low, high=high, most=self.most)

    def trials(self) -> tuple[Trial, ...]:
        return tuple(
            Trial(servers=n, synchronous=self.good("synchronous", n), event_driven=self.good("event_driven", n))
            for n in sorted(self.results)
        )

    def good(self, design: str, servers: int) -> GoodShare:
        if servers not in self.results:
            self.results[servers] = self.run(servers)
        return good_share(getattr(self.results[servers], design), self.scenario)

    def _meets(self, design: str, servers: int) -> bool:
        good = self.good(design, servers)
        return good.stable and surer(good)[0] >= self.wanted - EXACTLY

    def _misses(self, design: str, servers: int) -> bool:
        good = self.good(design, servers)
        return not good.stable or good.high < self.wanted - EXACTLY

    def _first(self, holds: Callable[[int], bool], start: int, most: int) -> int | None:
        """The smallest number that holds, if all larger ones hold, too; None if `most` does not."""
        below, above = self.least - 1, min(max(start, self.least), most)
        while not holds(above):
            if above >= most:
                return None
            below, above = above, min(2 * above, most)
        while below < self.least <= above // 2:
            # Downwards in halves first: the answer is rarely far from where the search begins.
            if holds(above // 2):
                above //= 2
            else:
                below = above // 2
        while above - below > 1:
            middle = (below + above) // 2
            if holds(middle):
                above = middle
            else:
                below = middle
        return above


def _trial_runner(cell_run: CellRun, trace: Trace | None, on_progress: OnProgress | None) -> RunTrial:
    tried = 0

    def run(servers: int) -> Result:
        nonlocal tried
        done, tried = tried, tried + 1

        def tell(progress: Progress) -> None:
            if on_progress is not None:
                fraction = 1 - 0.9 ** (done + progress.fraction)
                on_progress(Progress(f"Trying {count(servers, 'worker')} and {count(servers, 'consumer')}", fraction))

        trial = CellRun(cell_run.scenario.with_servers(servers), cell_run.replications)
        return simulate_until_resolved(trial, LONGEST_TRIAL, trace, tell)

    return run
