"""Classes with service times of their own, against the exact means of one server with two classes."""

import pytest

from simulator.kernel import layout
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS
from simulator.scenario import Scenario
from simulator.stability import load_of
from simulator.tally import Tally
from tests.theory.test_simulator_theory import inside, poisson, servers, tallies

URGENT_S, BATCH_S, BATCH_CV = 0.5, 4.0, 0.5
RATES = (0.6, 0.1)
"""Of urgent jobs, which take a constant time, and of batch jobs, whose times are gamma: a load of 0.3 and one of 0.4."""
GIVEN = {
    "arrivals": poisson(sum(RATES)),
    "service": {"distribution": "deterministic", "mean_s": URGENT_S},
    "service_by_queue": {"batch": {"distribution": "gamma", "mean_s": BATCH_S, "cv": BATCH_CV}},
}
QUEUES = {name: 100 * rate / sum(RATES) for name, rate in zip(("urgent", "batch"), RATES, strict=True)}
LOADS = (RATES[0] * URGENT_S, RATES[1] * BATCH_S)
RESIDUAL_S = (RATES[0] * URGENT_S**2 + RATES[1] * BATCH_S**2 * (1 + BATCH_CV**2)) / 2
"""The mean work left on the server that a job finds: the sum of rate times second moment over two."""


def simulated(**given: object) -> dict[str, list[Tally]]:
    return tallies(2_000_000, warmup_jobs=1000, **{**GIVEN, **given})


def mean_wait_s(tally: Tally, place: int) -> float:
    return float(tally.classes[place].wait.sum_s) / tally.classes[place].wait.total


def test_first_come_first_served_both_classes_wait_for_the_mixture_s_second_moment() -> None:
    """Pollaczek and Khinchine: the wait is the residual work / (1 - rho), whatever the class."""
    by_design = simulated(synchronous={"workers": 1}, event_driven={"consumers": 1, "queues": QUEUES})
    for place in range(2):
        waits = [mean_wait_s(tally, place) for tally in by_design[SYNCHRONOUS]]
        inside(waits, RESIDUAL_S / (1 - sum(LOADS)), 0.05)


def test_under_strict_priority_each_class_waits_as_cobham_says() -> None:
    by_design = simulated(event_driven={"consumers": 1, "queues": QUEUES, "discipline": "strict"})
    urgent, both = 1 - LOADS[0], 1 - sum(LOADS)
    for place, exact in enumerate([RESIDUAL_S / urgent, RESIDUAL_S / (urgent * both)]):
        inside([mean_wait_s(tally, place) for tally in by_design[EVENT_DRIVEN]], exact, 0.05)


def test_classes_that_share_a_model_take_time_in_proportion_to_their_work() -> None:
    """Processor sharing: a call of work x takes x / (1 - rho) on average, whatever the mixture. Kleinrock, Queueing Systems 2, section 4.4."""
    mixture = (RATES[0] * URGENT_S + RATES[1] * BATCH_S) / sum(RATES)
    by_design = simulated(
        provider={"slowdown": {"measured_in_flight": 1, "high_in_flight": 500, "high_mean_s": 500 * mixture}},
        synchronous={"workers": 500},
        event_driven={"consumers": 500, "queues": QUEUES},
    )
    for design in LOOPS:
        for place, work in enumerate([URGENT_S, BATCH_S]):
            means = [
                tally.classes[place].latency.sum_s / tally.classes[place].counts["completed"]
                for tally in by_design[design]
            ]
            inside([float(mean) for mean in means], work / (1 - sum(LOADS)), 0.08)


def test_jobs_take_their_classes_time_in_both_designs() -> None:
    by_design = tallies(200_000, **{**GIVEN, **servers(1000), "event_driven": {"consumers": 1000, "queues": QUEUES}})
    for design in LOOPS:
        for tally in by_design[design]:
            urgent = tally.classes[0]
            assert urgent.latency.sum_s / urgent.counts["completed"] == pytest.approx(URGENT_S)


def test_the_load_is_the_mixture_s_and_of_dedicated_consumers_each_queue_s_own() -> None:
    given = {**GIVEN, "synchronous": {"workers": 1}}
    together = Scenario.parse({**given, "event_driven": {"consumers": 1, "queues": QUEUES}})
    assert load_of(together, SYNCHRONOUS, None, None).servers == pytest.approx(0.7)
    assert load_of(together, EVENT_DRIVEN, None, None).servers == pytest.approx(0.7)
    own = Scenario.parse({**given, "event_driven": {"consumers": 2, "queues": QUEUES, "discipline": "dedicated"}})
    assert load_of(own, EVENT_DRIVEN, None, None).servers == pytest.approx(0.4)


def test_classes_of_a_mixture_are_as_many_as_a_machine_holds() -> None:
    queues = {f"q{place}": 100 / layout.MOST_CLASSES for place in range(layout.MOST_CLASSES)}
    times = {name: {"distribution": "deterministic", "mean_s": 1.0 + place} for place, name in enumerate(queues)}
    given = {**GIVEN, "service_by_queue": times, "event_driven": {"consumers": 1000, "queues": queues}}
    for tally in tallies(48_000, **{**given, "synchronous": {"workers": 1000}})[SYNCHRONOUS]:
        for place, one in enumerate(tally.classes):
            assert one.latency.sum_s / one.counts["completed"] == pytest.approx(1.0 + place)
