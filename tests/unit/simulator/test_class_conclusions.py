"""What a run concludes about each class: whose deadline is met, and who is starved."""

from typing import Any

import pytest

from simulator.conclusions import exact_interval
from simulator.experiment import simulate
from simulator.result import Result
from simulator.scenario import Scenario

STARVING = {
    "seed": 5,
    "jobs": 25_000,
    "deadline_s": {"urgent": 20.0, "batch": 900.0},
    "arrivals": {"process": "bursts", "rate_per_s": 4.0, "peak_to_mean": 1.6, "peak_s": 2400, "every_s": 7200},
    "service": {"distribution": "exponential", "mean_s": 2.0},
    "synchronous": {"workers": 10},
    "event_driven": {
        "consumers": 10,
        "queues": {"urgent": 70.0, "batch": 30.0},
        "delivery": {"method": "polling", "interval_s": 2},
    },
}
"""In the peak the urgent jobs leave the batch no consumer for 40 minutes."""


def run(**changes: Any) -> Result:
    given: dict[str, Any] = {**STARVING}
    for name, change in changes.items():
        given[name] = given[name] | change if isinstance(change, dict) else change
    return simulate(Scenario.parse(given), replications=4)


@pytest.fixture(scope="module")
def strict() -> Result:
    return run()


def test_strict_order_starves_the_batch_class_in_a_peak(strict: Result) -> None:
    starved = {one.design: one for one in strict.starved}
    batch = strict.event_driven.classes["batch"]
    assert starved["event_driven"].queue == "batch"
    assert starved["event_driven"].others_meet
    assert starved["event_driven"].worst_wait_s == batch.wait_s.max
    assert batch.wait_s.max is not None and 1200 < batch.wait_s.max < 3600
    assert strict.event_driven.classes["urgent"].good_share > 0.99


def test_each_class_has_the_verdict_of_its_own_deadline(strict: Result) -> None:
    assert strict.class_verdicts == {"urgent": "event_driven", "batch": "synchronous"}
    assert strict.verdict == "neither"


def test_a_single_backlog_makes_the_classes_wait_alike(strict: Result) -> None:
    urgent, batch = strict.synchronous.classes["urgent"], strict.synchronous.classes["batch"]
    assert urgent.wait_s.p95 == pytest.approx(batch.wait_s.p95, rel=0.02)
    assert [(one.design, one.queue) for one in strict.starved if one.design == "synchronous"] == [
        ("synchronous", "urgent")
    ]


def test_with_consumers_enough_for_the_peak_no_class_is_starved() -> None:
    result = run(event_driven={"consumers": 14}, synchronous={"workers": 14})
    assert result.starved == ()
    both = ["synchronous", "event_driven"]
    assert result.class_verdicts == {"urgent": both, "batch": both}


def test_one_deadline_for_all_has_no_verdicts_of_classes_but_shows_who_starves() -> None:
    result = run(deadline_s=300, tolerated_miss_percent=5)
    assert result.class_verdicts == {}
    assert [(one.design, one.queue) for one in result.starved] == [("event_driven", "batch")]


def test_a_wait_of_several_deadlines_starves_a_class_whose_share_is_in_time() -> None:
    """The batch misses no more than is tolerated, but those that miss wait for over three deadlines."""
    result = run(deadline_s={"urgent": 20, "batch": 300}, tolerated_miss_percent=90)
    (starved,) = result.starved
    assert (starved.design, starved.queue) == ("event_driven", "batch")
    assert starved.worst_wait_s is not None and starved.worst_wait_s > 3 * 300


def test_without_a_deadline_no_class_is_starved() -> None:
    assert run(deadline_s=None).starved == ()


def test_a_class_that_is_too_rare_for_the_share_of_all_still_has_to_meet_its_own_deadline() -> None:
    """One job in two hundred: all others are in time, so that the share of all jobs is 99.5 %."""
    queues = {"urgent": 99.5, "batch": 0.5}
    result = run(
        event_driven={"queues": queues, "consumers": 14}, synchronous={"workers": 14}, deadline_s={"batch": 0.001}
    )
    assert result.event_driven.good_share > 0.99
    assert result.event_driven.conclusion == "misses"
    assert result.verdict == "neither"
    assert result.class_verdicts["batch"] == "neither"


def test_the_interval_of_a_class_in_one_run_covers_its_share() -> None:
    """Jobs of a starved class miss in clusters: as if they were independent, the interval would cover in less than half of the runs."""
    given = {
        "jobs": 20_000,
        "deadline_s": {"urgent": 20.0, "batch": 20.0},
        "arrivals": {"process": "poisson", "rate_per_s": 0.85},
        "service": {"distribution": "exponential", "mean_s": 1.0},
        "synchronous": {"workers": 1},
        "event_driven": {"consumers": 1, "queues": {"urgent": 40.0, "batch": 60.0}},
    }
    classes = [
        simulate(Scenario.parse(given | {"seed": seed}), replications=1, windows=False).event_driven.classes["batch"]
        for seed in range(60)
    ]
    truth = sum(one.good for one in classes) / sum(one.offered for one in classes)
    intervals = [one.intervals["good_share"] for one in classes]
    assert sum(low <= truth <= high for low, high in intervals) >= 54
    exact = [exact_interval(one.good, one.offered) for one in classes]
    assert sum(low <= truth <= high for low, high in exact) < 30


def test_the_urgent_class_keeps_up_where_the_batch_grows() -> None:
    """More arrives than can be served, but in strict order it is the batch alone that is left waiting."""
    growing = {"rate_per_s": 6.0, "peak_to_mean": 1.1}
    result = run(arrivals=growing, event_driven={"queues": {"urgent": 60.0, "batch": 40.0}})
    design, synchronous = result.event_driven, result.synchronous
    assert not design.stable and not synchronous.stable
    assert (design.classes["urgent"].stable, design.classes["batch"].stable) == (True, False)
    assert (synchronous.classes["urgent"].stable, synchronous.classes["batch"].stable) == (False, False)
    assert design.classes["urgent"].wait_s.max is not None and design.classes["batch"].wait_s.max is None
    assert result.class_verdicts["urgent"] == "event_driven"
    assert result.verdict == "neither"


def test_a_result_of_before_has_no_times_of_classes() -> None:
    result = run(jobs=2000)
    stored = result.model_dump(mode="json", by_alias=True)
    del stored["class_verdicts"], stored["starved"]
    for design in ("synchronous", "event_driven"):
        kept = {"offered", "completed", "good", "late", "wait_mean_s"}
        stored[design]["classes"] = {
            name: {field: value for field, value in one.items() if field in kept}
            for name, one in stored[design]["classes"].items()
        }
    read = Result.parse(stored)
    assert read.event_driven.classes["batch"].wait_s.max is None
    assert read.event_driven.classes["batch"].good == result.event_driven.classes["batch"].good
    assert read.starved == ()
