"""Each figure of a live run agrees with the kernel's, differs, or is below what the run can tell; with the figures of runs that were made."""

from typing import Any

import pytest

from simulator.live.run.compare import Resolution, compare_figures
from simulator.result import CallRate, ClassResult, Costs, DesignResult, Lateness, LiveFigure
from tests.unit.reports.results import design

EXACT = Resolution(speed=1.0, own_s=1e-9, jobs_per_s=1.0, calls_per_s=1e9, service_s=1e-9)


def at_speed(speed: float, jobs_per_s: float = 2.0) -> Resolution:
    """Of a machine whose parts take 12 ms a job, with a load generator that is 3 ms late, and 300 calls a second."""
    return Resolution(speed=speed, own_s=0.015, jobs_per_s=jobs_per_s, calls_per_s=300.0, service_s=2.0)


def compared(predicted: DesignResult, measured: DesignResult, resolution: Resolution) -> dict[str, LiveFigure]:
    return {figure.figure: figure for figure in compare_figures("event_driven", predicted, measured, resolution)}


def answer(figure: LiveFigure) -> str:
    assert not (figure.within and figure.below_resolution)
    return "agrees" if figure.within else "below" if figure.below_resolution else "differs"


def run_of(**changes: Any) -> DesignResult:
    return DesignResult.parse(design(**changes))


def waiting(mean_s: float | None) -> DesignResult:
    return run_of(wait_s={"mean": mean_s})


def deep(mean: float, largest: float) -> DesignResult:
    return run_of(queue_depth={"mean": mean, "max": largest})


@pytest.mark.parametrize(
    ("predicted_s", "measured_s", "speed", "expected"),
    [
        (53.9, 54.1, 15.0, "agrees"),
        (10.0, 13.0, 15.0, "differs"),
        (0.0116, 0.0151, 5.6, "below"),
        (0.083, 0.115, 31.0, "below"),
        (0.050, 0.050, 31.0, "below"),
        (0.4, 0.6, 31.0, "below"),
        (0.4, 0.6, 1.0, "differs"),
    ],
)
def test_times_are_told_down_to_the_machines_own_times_the_speed(
    predicted_s: float, measured_s: float, speed: float, expected: str
) -> None:
    figure = compared(waiting(predicted_s), waiting(measured_s), at_speed(speed))["wait_s.mean"]
    assert answer(figure) == expected


@pytest.mark.parametrize(
    ("predicted", "measured", "name", "expected"),
    [
        ((0.023, 2), (0.041, 3), "queue_depth.mean", "below"),
        ((0.023, 2), (0.041, 2), "queue_depth.max", "below"),
        ((31, 212), (31.2, 214), "queue_depth.mean", "agrees"),
        ((31, 212), (31.2, 214), "queue_depth.max", "agrees"),
        ((1.0, 5), (2.5, 12), "queue_depth.mean", "differs"),
        ((1.0, 5), (2.5, 12), "queue_depth.max", "differs"),
    ],
)
def test_queues_are_told_down_to_the_jobs_that_wait_so_long(
    predicted: tuple[float, float], measured: tuple[float, float], name: str, expected: str
) -> None:
    assert answer(compared(deep(*predicted), deep(*measured), at_speed(5.6))[name]) == expected


def counted(offered: int, **counts: int) -> DesignResult:
    none = dict.fromkeys(("late", "dead_lettered", "timed_out", "rejected"), 0)
    left = offered - sum(counts.values())
    return run_of(offered=offered, **none | counts, good=left, completed=left + counts.get("late", 0))


@pytest.mark.parametrize(
    ("predicted", "measured", "expected"),
    [
        (64, 63, "agrees"),
        (2, 2, "below"),
        (3, 4, "below"),
        (20, 30, "below"),
        (20, 80, "differs"),
        (0, 200, "differs"),
        (0, 1, "below"),
    ],
)
def test_outcomes_differ_from_three_standard_errors_on(predicted: int, measured: int, expected: str) -> None:
    figures = compared(counted(500, timed_out=predicted), counted(500, timed_out=measured), EXACT)
    assert answer(figures["timed_out"]) == expected


def test_a_good_share_differs_by_points_that_matter_and_not_by_15_per_cent_alone() -> None:
    def share(good: int, measured_good: int) -> str:
        figures = compared(counted(500, late=500 - good), counted(500, late=500 - measured_good), EXACT)
        return answer(figures["good_share"])

    assert share(450, 400) == "differs"
    assert share(490, 488) == "agrees"
    assert share(0, 0) == "agrees"
    assert share(20, 30) == "below"


def calls(per_s: float) -> DesignResult:
    return run_of(call_rate=CallRate(width_s=4, per_s=(3.0, per_s, 1.0)).model_dump())


def test_a_herds_height_is_compared_while_a_second_of_the_scenario_lasts_long_enough() -> None:
    fast = compared(calls(78), calls(33), at_speed(18))["call_rate.max"]
    assert (fast.predicted, fast.measured, answer(fast)) == (78, 33, "below")
    assert fast.resolvable_speed == pytest.approx(300 / 78)
    slow = compared(calls(78), calls(33), at_speed(3))["call_rate.max"]
    assert (answer(slow), slow.resolvable_speed) == ("differs", None)
    assert answer(compared(calls(78), calls(74), at_speed(3))["call_rate.max"]) == "agrees"
    few = compared(calls(4), calls(4), at_speed(18))["call_rate.max"]
    assert few.resolvable_speed == pytest.approx(0.15 / 0.015), "the machine's own times bind"


def test_a_percentile_that_one_of_them_alone_reached_differs_unless_few_jobs_decide() -> None:
    def mean(completed: int, mean_s: float | None) -> DesignResult:
        return run_of(offered=500, completed=completed, good=completed, late=0, latency_s={"mean": mean_s})

    assert answer(compared(mean(500, 12.0), mean(400, None), EXACT)["latency_s.mean"]) == "differs"
    assert answer(compared(mean(500, 12.0), mean(499, None), EXACT)["latency_s.mean"]) == "below"


def test_classes_are_compared_where_there_are_several() -> None:
    def classes(urgent_s: float, *, alone: bool = False) -> DesignResult:
        own = ClassResult(offered=200, completed=200, good=200, late=0, wait_mean_s=urgent_s)
        return run_of(classes={"urgent": own.model_dump()} | ({} if alone else {"standard": own.model_dump()}))

    figures = compare_figures("event_driven", classes(0.39), classes(9.3), EXACT)
    of_urgent = {figure.figure: figure for figure in figures if figure.queue == "urgent"}
    assert answer(of_urgent["wait_s.mean"]) == "differs"
    assert answer(of_urgent["good_share"]) == "agrees"
    alone = compare_figures("event_driven", classes(0.39, alone=True), classes(9.3, alone=True), EXACT)
    assert not [figure for figure in alone if figure.queue]


def test_a_run_resolves_what_its_own_design_costs_and_how_late_its_load_comes() -> None:
    costs = Costs(
        accept_s=0.003, pickup_s=0.002, dispatch_s=0.009, release_s=0.002, synchronous_s=0.005, retry_tick_s=0.01
    )
    late = Lateness(mean_s=0.001, p99_s=0.004, max_s=0.02)
    measured = run_of(offered=720, attempts_per_job=1)

    def own_s(which: Any, attempts: float) -> float:
        result = run_of(attempts_per_job=attempts)
        return Resolution.from_run(result, which, costs, late, speed=10, calls_per_s=200, service_s=2.0).own_s

    assert own_s("event_driven", 1) == pytest.approx(0.016)
    assert own_s("synchronous", 1) == pytest.approx(0.009)
    assert own_s("event_driven", 3) == pytest.approx(0.003 + 3 * 0.009 + 0.004)
    assert own_s("synchronous", 3) == pytest.approx(3 * 0.005 + 0.004)
    of_an_hour = Resolution.from_run(measured, "synchronous", costs, late, speed=10, calls_per_s=200, service_s=2.0)
    assert of_an_hour.jobs_per_s == pytest.approx(720 / 3600)


def test_what_there_is_none_of_is_no_figure() -> None:
    none = run_of(delivery_calls=0, wasted_s=0.0)
    assert not {"delivery_calls", "wasted_s"} & set(compared(none, none, EXACT))
    assert {"delivery_calls", "wasted_s"} <= set(compared(none, run_of(), EXACT))


@pytest.mark.parametrize(
    ("predicted_s", "measured_s", "expected"), [(0.0, 2.0, "below"), (4704, 1400, "differs"), (4397, 4466, "agrees")]
)
def test_waste_is_told_down_to_the_work_of_a_few_jobs(predicted_s: float, measured_s: float, expected: str) -> None:
    predicted, measured = (run_of(wasted_s=wasted_s, offered=900, good=120) for wasted_s in (predicted_s, measured_s))
    assert answer(compared(predicted, measured, at_speed(10))["wasted_s"]) == expected
    one_late = run_of(wasted_s=1.06, offered=291, good=290)
    assert answer(compared(run_of(wasted_s=0, offered=291, good=291), one_late, at_speed(8.8))["wasted_s"]) == "below"


def handled(mean_s: float | None, count: int, failed: int) -> DesignResult:
    return run_of(
        subscribers={
            "billing": {"offered": count + failed, "handled": count, "failed": failed, "latency_s": {"mean": mean_s}}
        }
    )


def test_what_subscribers_did_is_compared() -> None:
    figures = compared(handled(5.0, 180, 20), handled(9.0, 120, 80), at_speed(4))
    assert answer(figures["handled_s.mean"]) == "differs"
    assert answer(figures["unhandled"]) == "differs"
    assert figures["unhandled"].queue == "billing"
    alike = compared(handled(5.0, 180, 20), handled(5.2, 184, 16), at_speed(4))
    assert answer(alike["handled_s.mean"]) == answer(alike["unhandled"]) == "agrees" or (
        answer(alike["unhandled"]) == "below"
    )
    unhandled = compared(handled(None, 0, 200), handled(None, 0, 200), at_speed(4))
    assert "handled_s.mean" not in unhandled
    assert answer(unhandled["unhandled"]) == "agrees"
