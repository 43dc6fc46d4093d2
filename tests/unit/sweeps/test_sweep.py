"""A sweep against what simulating, advising and flipping say one by one."""

import pytest

from advisor.advice.answers import Answers, answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import recommend_simulated
from advisor.advice.scenario import scenario_of
from advisor.sweeps.cells import CellRun, simulate_cell, sweep
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.grid import Grid, build_grid
from core.errors import InvalidInput
from simulator.experiment import simulate
from simulator.replications import Progress
from tests.rules_alone import advise_by_rules


@pytest.fixture(scope="module")
def steady() -> Answers:
    return answers_from({"volume": {"mean_rate_per_s": 0.5, "peak_to_mean": 1}})


@pytest.fixture(scope="module")
def small(steady: Answers) -> Grid:
    return build_grid(
        steady,
        SweepAxis.from_steps("processing.p95_s", 10, 80, 3),
        SweepAxis.from_steps("volume.mean_rate_per_s", 0.2, 1, 2, "y"),
        jobs=4_000,
    )


def test_every_cell_is_there_in_order_and_is_what_the_simulator_says(small: Grid) -> None:
    result = sweep(small)
    assert [(cell.x, cell.y) for cell in result.cells] == list(small.points())
    last = result.cells[-1]
    answers = small.answers_at((80, 1))
    scenario = CellRun.from_scenario(scenario_of(Evaluation.from_answers(answers)), 4_000, 1).scenario
    alone = simulate(scenario, replications=1)
    assert last.synchronous.good_share == alone.synchronous.good_share
    assert last.event_driven.good_share == alone.event_driven.good_share
    assert last.verdict == alone.verdict


def test_more_load_and_longer_work_never_help(small: Grid) -> None:
    shares = {(cell.x, cell.y): cell.event_driven.good_share for cell in sweep(small).cells}
    assert shares[(80, 1)] <= shares[(80, 0.2)] and shares[(80, 1)] <= shares[(10, 1)]


def test_the_margin_is_the_better_designs_share_over_what_is_asked(small: Grid) -> None:
    cell = simulate_cell(small, (10, 0.2))
    assert cell.margin == pytest.approx(max(cell.synchronous.good_share, cell.event_driven.good_share) - 0.99)


@pytest.mark.parametrize("template", ["form_classification", "image_moderation"])
def test_a_cell_has_the_advice_that_the_workload_itself_gets(template: str) -> None:
    answers = answers_from({"template": template})
    rate = answers.volume.mean_rate_per_s
    cell = simulate_cell(
        Grid(answers, SweepAxis(field="volume.mean_rate_per_s", values=(rate, 2 * rate))), (rate, None)
    )
    assert cell.style == recommend_simulated(Evaluation.from_answers(answers), flips=False).style


def test_a_cell_is_advised_what_meets_the_deadline_there_whatever_the_formulas_say() -> None:
    """The formulas have both meet it. With gaps this uneven the backlog refuses requests: the simulation has 90 % in time synchronously."""
    answers = answers_from(
        {
            "template": "form_classification",
            "caller": {"kind": "internal", "deadline_s": 60, "needs_immediate_response": False},
            "volume": {"interarrival_cv": 8, "peak_to_mean": 1, "mean_rate_per_s": 3},
        }
    )
    cell = simulate_cell(
        Grid(answers, SweepAxis(field="volume.mean_rate_per_s", values=(3, 6)), jobs=50_000), (3, None)
    )
    assert advise_by_rules(answers).style == "synchronous"
    assert (cell.verdict, cell.style) == ("event_driven", "event_driven")


def test_a_cell_that_contradicts_another_answer_is_refused_before_anything_runs(steady: Answers) -> None:
    with pytest.raises(InvalidInput, match=r"at operations\.max_workers = 1.*min_workers"):
        build_grid(
            answers_from({"operations": {"min_workers": 5}}), SweepAxis.from_steps("operations.max_workers", 1, 20, 3)
        )


def test_the_same_answer_twice_and_too_many_jobs_are_refused(steady: Answers) -> None:
    one = SweepAxis.from_steps("processing.p95_s", 10, 80, 3)
    with pytest.raises(InvalidInput, match="varied by x already"):
        build_grid(steady, one, one)
    with pytest.raises(InvalidInput, match="jobs"):
        build_grid(steady, one, jobs=10)


def test_peaks_are_run_in_whole_cycles_more_than_once() -> None:
    answers = answers_from({})
    length = CellRun.from_scenario(scenario_of(Evaluation.from_answers(answers)), 20_000, 7)
    assert length.replications > 1 and length.scenario.warmup_jobs == 0 and length.scenario.seed == 7


def test_what_progress_raises_stops_the_sweep(small: Grid) -> None:
    def stop(progress: Progress) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        sweep(small, on_progress=stop)
