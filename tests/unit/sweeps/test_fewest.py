"""The search for the fewest workers or consumers against trying every number."""

from collections.abc import Callable

import pytest

from advisor.advice.answers import Answers, answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from advisor.reports.maps.capacity import needed_headline, needed_sentence
from advisor.sweeps import cells
from advisor.sweeps.capacity_search import (
    LONGEST_TRIAL,
    CapacitySearch,
    DesignRequirement,
    ServerRequirement,
    search_capacity,
)
from advisor.sweeps.cells import CellRun, simulate_until_resolved
from core.errors import InvalidInput
from simulator.arrivals import BurstArrivals
from simulator.plan import jobs_of
from simulator.replications import Progress
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario

WANTED = 0.99


@pytest.fixture(scope="module")
def steady() -> Answers:
    return answers_from({"template": "chat_assistant", "volume": {"peak_to_mean": 1}})


@pytest.fixture(scope="module")
def length(steady: Answers) -> CellRun:
    return CellRun.from_scenario(scenario_of(Evaluation.from_answers(steady)), 10_000, 1)


@pytest.fixture(scope="module")
def requirement(steady: Answers) -> ServerRequirement:
    return search_capacity(steady, jobs=10_000)


def shares(length: CellRun, servers: int) -> Result:
    trial = CellRun(length.scenario.with_servers(servers), length.replications)
    return simulate_until_resolved(trial, LONGEST_TRIAL)


@pytest.mark.parametrize("design", ["synchronous", "event_driven"])
def test_it_finds_what_trying_every_number_finds(requirement: ServerRequirement, length: CellRun, design: str) -> None:
    answer: DesignRequirement = getattr(requirement, design)
    assert answer.high is not None
    every: dict[int, DesignResult] = {n: getattr(shares(length, n), design) for n in range(1, answer.high + 4)}
    wanted = requirement.wanted_share
    meet = [n for n, one in every.items() if one.stable and one.intervals["good_share"][0] >= wanted]
    miss = [n for n, one in every.items() if not one.stable or one.intervals["good_share"][1] < wanted]
    assert answer.high == min(meet)
    assert answer.low == max(miss, default=0) + 1


def stepped(length: CellRun, meets_from: int, misses_below: int, calls: list[int]) -> Callable[[int], Result]:
    base = shares(length, 20)

    def run(servers: int) -> Result:
        calls.append(servers)
        interval = (0.995, 1.0) if servers >= meets_from else (0.5, 0.6) if servers < misses_below else (0.98, 0.995)
        design = base.synchronous.model_copy(update={"stable": True, "intervals": {"good_share": interval}})
        return base.model_copy(update={"synchronous": design, "event_driven": design})

    return run


@pytest.mark.parametrize("start", [1, 20, 700])
@pytest.mark.parametrize(("misses_below", "meets_from"), [(1, 1), (1, 5), (7, 7), (33, 40), (1, 900), (1_000, 1_000)])
def test_it_finds_both_ends_from_wherever_it_begins_in_few_trials(
    length: CellRun, start: int, misses_below: int, meets_from: int
) -> None:
    calls: list[int] = []
    answer = CapacitySearch(length, WANTED, 1_000, stepped(length, meets_from, misses_below, calls)).of(
        "synchronous", start
    )
    assert (answer.low, answer.high) == (misses_below, meets_from)
    assert len(calls) == len(set(calls)) <= 32


@pytest.mark.parametrize(("settles", "lengths"), [(None, [(1, 4), (1, 16)]), (10**9, [(1, 4), (4, 4)])])
def test_a_trial_of_whole_cycles_has_no_more_jobs_than_one_of_steady_arrivals(
    length: CellRun, settles: int | None, lengths: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cycles of 10,000 jobs, where 64 x 4 x 1,000 are the most: more replications, or longer ones if one is too short."""
    straddles = stepped(length, 10**9, 1, [])(20)
    short = {"jobs_to_settle": settles}
    result = straddles.model_copy(update={"synchronous": straddles.synchronous.model_copy(update=short)})
    simulated = []

    def simulate(scenario: Scenario, *, replications: int, **_: object) -> Result:
        simulated.append((jobs_of(scenario, None) // 10_000, replications))
        return result

    monkeypatch.setattr(cells, "simulate", simulate)
    peaks = BurstArrivals(process="bursts", rate_per_s=10, peak_to_mean=2, peak_s=100, every_s=1000)
    scenario = length.scenario.model_copy(update={"arrivals": peaks, "deadline_s": 10, "tolerated_miss_percent": 1})
    simulate_until_resolved(CellRun.from_scenario(scenario, 1000, 1), LONGEST_TRIAL)
    assert simulated == lengths


def test_where_no_number_meets_the_deadline_it_says_so(length: CellRun) -> None:
    run = stepped(length, 10**9, 10**9, [])
    answer = CapacitySearch(length, WANTED, 64, run).of("synchronous", 20)
    assert (answer.low, answer.high) == (65, None)
    assert "any number up to 64 workers" in needed_sentence(answer)


def test_the_headline_says_what_each_design_needs_or_that_no_number_does(requirement: ServerRequirement) -> None:
    several = requirement.model_copy(update={"event_driven": requirement.event_driven.model_copy(update={"high": 1})})
    assert needed_headline(several) == "Synchronous needs 9 workers and event-driven needs 1 consumer"
    one = several.model_copy(update={"synchronous": requirement.synchronous.model_copy(update={"high": None})})
    assert needed_headline(one) == (
        "Event-driven needs 1 consumer; synchronous does not meet the deadline with any number"
    )
    none = one.model_copy(update={"event_driven": requirement.event_driven.model_copy(update={"high": None})})
    assert needed_headline(none) == "Neither design meets the deadline, with any number up to 4,096"


def test_without_a_deadline_there_is_nothing_to_search_for() -> None:
    with pytest.raises(InvalidInput, match="deadline"):
        search_capacity(answers_from({"caller": {"kind": "nobody", "deadline_s": None}}))


def test_what_progress_raises_stops_the_search(steady: Answers) -> None:
    def stop(progress: Progress) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        search_capacity(steady, jobs=10_000, on_progress=stop)
