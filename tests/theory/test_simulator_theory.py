"""The simulator against queueing theory: each exact value lies inside a 99.9 % interval that is narrow, the seed fixed beforehand."""

from collections.abc import Callable

import pytest

from simulator import theory
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.statistics import half_width
from simulator.tally import Tally
from tests.theory import formulas

SEED = 20_240_611
REPLICATIONS = 24

# arrival rate, service, servers, and the jobs (millions, in all) that this row's slow mixing needs for intervals of 2 % of mean and p95
ERLANG_C = [
    (1, 20, 22, 40),
    (5, 1.5, 10, 18),
    (0.75, 1, 3, 6),
    *(
        pytest.param(*row, marks=pytest.mark.full)
        for row in ((1, 20, 21, 152), (1, 20, 25, 28), (1, 20, 30, 92), (0.5, 15, 10, 18))
    ),
]
"""A system that is nearly full, one that is moderately loaded, and one in which fewer than one in twenty wait; the full suite has more of each."""
MANY = 120
"""Replications: Student's t is narrower and steadier than with 24, so that an interval of the same width takes half the jobs."""
NARROW = 0.02


def tallies(
    jobs: int, replications: int = REPLICATIONS, designs: tuple[str, ...] = tuple(LOOPS), **given: object
) -> dict[str, list[Tally]]:
    """Replications of the designs, without looking at a deadline."""
    scenario = Scenario.parse({"seed": SEED, "jobs": jobs // replications, **given})
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True), shortcut=False)
    runner.tallies = {design: [] for design in designs}
    runner.run(replications)
    return runner.tallies


def inside(values: list[float], exact: float, narrow: float) -> None:
    mean, half = sum(values) / len(values), half_width(values, 0.999)
    assert half < narrow * exact, f"the interval {mean:.5g} ± {half:.3g} is too wide to prove {exact:.5g}"
    assert abs(mean - exact) <= half, f"{exact:.5g} is not within {mean:.5g} ± {half:.3g}"


def poisson(rate: float) -> dict[str, object]:
    return {"process": "poisson", "rate_per_s": rate}


def exponential(mean: float) -> dict[str, object]:
    return {"distribution": "exponential", "mean_s": mean}


def servers(count: int, **synchronous: object) -> dict[str, object]:
    return {"synchronous": {"workers": count, **synchronous}, "event_driven": {"consumers": count}}


@pytest.mark.parametrize(("rate", "service", "count", "millions"), ERLANG_C)
def test_erlang_c(rate: float, service: float, count: int, millions: float) -> None:
    """One design proves it for both: in each replication of a part of the jobs the other's tally is the same."""
    given = {"arrivals": poisson(rate), "service": exponential(service), "warmup_jobs": 5000, **servers(count)}
    simulated = tallies(int(millions * 1e6), MANY, (SYNCHRONOUS,), **given)[SYNCHRONOUS]
    inside([tally.wait["mean"] for tally in simulated], formulas.mean_wait_s(rate, service, count), NARROW)
    exact = formulas.wait_quantile_s(rate, service, count, 0.95)
    if exact > 0:
        inside([tally.wait["p95"] for tally in simulated], exact, NARROW)
    else:
        assert all(tally.wait["p95"] == 0 for tally in simulated)
    inside([tally.utilisation for tally in simulated], rate * service / count, 0.01)
    both = tallies(2_000_000, **given)
    for one, other in zip(both[SYNCHRONOUS], both[EVENT_DRIVEN], strict=True):
        assert one.metrics() == pytest.approx(other.metrics(), rel=1e-9)


def cobham(urgent: float, batch: float) -> list[float]:
    return formulas.cobham_wait_s([urgent, batch], 1.0)


# name, scenario, figure, exact value, and the jobs (millions, in all) of an interval within NARROW
SINGLE: list[tuple[str, dict[str, object], Callable[[Tally], float], float, float]] = [
    (
        "M/D/1",
        {"arrivals": poisson(0.8), "service": {"distribution": "deterministic", "mean_s": 1}, **servers(1)},
        lambda tally: tally.wait["mean"],
        formulas.md1_wait_s(0.8, 1),
        3.6,
    ),
    (
        "M/G/1 lognormal",
        {"arrivals": poisson(0.7), "service": {"distribution": "lognormal", "p50_s": 0.8, "p95_s": 2.0}, **servers(1)},
        lambda tally: tally.wait["mean"],
        formulas.pollaczek_khinchine_wait_s(0.7, theory.lognormal_mean_s(0.8, 2), formulas.lognormal_cv(0.8, 2)),
        2,
    ),
    (
        "M/G/1 gamma",
        {"arrivals": poisson(0.7), "service": {"distribution": "gamma", "mean_s": 1, "cv": 0.5}, **servers(1)},
        lambda tally: tally.wait["mean"],
        formulas.pollaczek_khinchine_wait_s(0.7, 1, 0.5),
        2,
    ),
]


@pytest.mark.parametrize(
    ("given", "figure", "exact", "millions"), [row[1:] for row in SINGLE], ids=[row[0] for row in SINGLE]
)
def test_a_single_server(
    given: dict[str, object], figure: Callable[[Tally], float], exact: float, millions: float
) -> None:
    simulated = tallies(int(millions * 1e6), warmup_jobs=1000, **given)
    for design in LOOPS:
        inside([figure(tally) for tally in simulated[design]], exact, NARROW)


@pytest.mark.parametrize(("count", "places", "load"), [(4, 4, 3.0), (4, 8, 3.5), (1, 1, 0.7)])
def test_a_bounded_backlog_loses_what_erlang_b_says(count: int, places: int, load: float) -> None:
    simulated = tallies(
        2_000_000,
        arrivals=poisson(load),
        service=exponential(1),
        warmup_jobs=1000,
        **servers(count, backlog=places - count),
    )
    lost = [tally.counts["rejected"] / tally.counts["offered"] for tally in simulated[SYNCHRONOUS]]
    inside(lost, formulas.mmck_loss(count, places, load), NARROW)
    if places > count:
        waits = [tally.wait["mean"] for tally in simulated[SYNCHRONOUS]]
        inside(waits, formulas.mmck_wait_s(load, 1, count, places), NARROW)


def test_strict_priorities_wait_as_cobham_says() -> None:
    simulated = tallies(
        7_000_000,
        arrivals=poisson(0.8),
        service=exponential(1),
        warmup_jobs=1000,
        event_driven={"consumers": 1, "queues": {"urgent": 25.0, "batch": 75.0}},
    )[EVENT_DRIVEN]
    for place, exact in enumerate(cobham(0.2, 0.6)):
        inside(
            [tally.classes[place].wait.sum_s / tally.classes[place].wait.total for tally in simulated], exact, NARROW
        )


def test_retries_take_the_attempts_and_leave_the_dead_that_theory_says() -> None:
    simulated = tallies(
        5_000_000,
        arrivals=poisson(1),
        service=exponential(1),
        failures={"transient_percent": 30},
        retries={"max": 3, "base_s": 1, "cap_s": 60},
        **servers(20),
    )
    for design, outcome in ((SYNCHRONOUS, "failed"), (EVENT_DRIVEN, "dead_lettered")):
        inside([tally.attempts_per_job for tally in simulated[design]], theory.retry_attempts(0.3, 3), NARROW)
        given_up = [tally.counts[outcome] / tally.counts["offered"] for tally in simulated[design]]
        inside(given_up, theory.all_attempts_fail(0.3, 3), NARROW)


@pytest.mark.parametrize(("burst", "jobs"), [(1, 2400), (30, 2400)])
def test_a_request_quota_lets_through_its_burst_and_then_its_rate(burst: int, jobs: int) -> None:
    """Saturated: from the first call on, `burst` go at once and then one every 60 / RPM seconds."""
    per_minute = 120.0
    simulated = tallies(
        jobs,
        replications=2,
        arrivals={"process": "regular", "rate_per_s": 1000},
        service={"distribution": "deterministic", "mean_s": 0.25},
        provider={"requests_per_minute": per_minute, "burst_requests": burst},
        **servers(1000),
    )
    for design in LOOPS:
        latest = simulated[design][0].latency["max"]
        calls = jobs // 2
        expected = (calls - burst) * 60 / per_minute + 0.25 - calls / 1000
        assert latest == pytest.approx(expected, abs=0.6), design


def test_token_quotas_let_through_their_minute_and_then_their_rate() -> None:
    simulated = tallies(
        4800,
        replications=2,
        arrivals={"process": "regular", "rate_per_s": 1000},
        service={"distribution": "deterministic", "mean_s": 0.1},
        provider={"output_tokens_per_minute": 60_000, "output_tokens": 500},
        **servers(3000),
    )
    for design in LOOPS:
        after_the_first_minute = (2400 - 120) * 500 / 1000
        assert simulated[design][0].latency["max"] == pytest.approx(after_the_first_minute, rel=0.01), design


@pytest.mark.parametrize("interval", [2.0, 10.0])
def test_polling_adds_half_an_interval(interval: float) -> None:
    given = {"arrivals": poisson(1), "service": exponential(20), **servers(60)}
    given["event_driven"] = {"consumers": 60, "delivery": {"method": "polling", "interval_s": interval}}
    simulated = tallies(500_000, **given)
    added = [
        b.latency["mean"] - a.latency["mean"]
        for a, b in zip(simulated[SYNCHRONOUS], simulated[EVENT_DRIVEN], strict=True)
    ]
    inside(added, interval / 2, NARROW)


def test_provider_concurrency_is_as_good_as_that_many_servers() -> None:
    """One design proves it for both, as in Erlang C."""
    given = {
        "arrivals": poisson(5),
        "service": exponential(1.5),
        "provider": {"max_concurrency": 10},
        "warmup_jobs": 2000,
        **servers(200),
    }
    simulated = tallies(15_000_000, MANY, (SYNCHRONOUS,), **given)[SYNCHRONOUS]
    inside([tally.wait["mean"] for tally in simulated], formulas.mean_wait_s(5, 1.5, 10), NARROW)
    both = tallies(2_000_000, **given)
    for one, other in zip(both[SYNCHRONOUS], both[EVENT_DRIVEN], strict=True):
        assert one.wait["mean"] == pytest.approx(other.wait["mean"], rel=1e-9)
