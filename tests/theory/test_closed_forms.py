"""The closed forms against the golden table and against each other."""

from math import inf

import pytest

from simulator import theory
from tests.theory import formulas

ERLANG_C = [  # arrival rate, service, servers, utilisation, P(wait), mean wait, p95 wait
    (1, 20, 21, 0.952, 0.761, 15.2, 54.4),
    (1, 20, 22, 0.909, 0.568, 5.68, 24.3),
    (1, 20, 25, 0.80, 0.209, 0.836, 5.7),
    (1, 20, 30, 0.667, 0.025, 0.05, 0),
    (5, 1.5, 10, 0.75, 0.307, 0.184, 1.09),
    (0.5, 15, 10, 0.75, 0.307, 1.84, 10.9),
]


@pytest.mark.parametrize(("rate", "service", "servers", "utilisation", "waits", "mean", "p95"), ERLANG_C)
def test_erlang_c_gives_the_golden_table(
    rate: float, service: float, servers: int, utilisation: float, waits: float, mean: float, p95: float
) -> None:
    assert rate * service / servers == pytest.approx(utilisation, abs=5e-4)
    assert formulas.erlang_c(servers, rate * service) == pytest.approx(waits, abs=6e-4)
    assert formulas.mean_wait_s(rate, service, servers) == pytest.approx(mean, rel=4e-3)
    assert formulas.wait_quantile_s(rate, service, servers, 0.95) == pytest.approx(p95, rel=5e-3, abs=1e-12)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (3, 2.0), (10, 7.5), (22, 20.0)])
def test_erlang_c_agrees_with_its_defining_sum(servers: int, load: float) -> None:
    terms = [1.0]
    for busy in range(1, servers + 1):
        terms.append(terms[-1] * load / busy)
    waiting = terms[-1] / (1 - load / servers)
    assert formulas.erlang_c(servers, load) == pytest.approx(waiting / (sum(terms[:-1]) + waiting), rel=1e-12)
    assert formulas.erlang_b(servers, load) == pytest.approx(terms[-1] / sum(terms), rel=1e-12)


def test_the_general_formulas_contain_the_special_ones() -> None:
    assert formulas.pollaczek_khinchine_wait_s(0.8, 1, 1) == pytest.approx(formulas.mean_wait_s(0.8, 1, 1))
    assert formulas.md1_wait_s(0.8, 1) == pytest.approx(formulas.mean_wait_s(0.8, 1, 1) / 2)
    assert formulas.allen_cunneen_wait_s(1, 20, 22, 1, 1) == pytest.approx(formulas.mean_wait_s(1, 20, 22))
    assert formulas.mmck_loss(4, 4, 3.0) == pytest.approx(formulas.erlang_b(4, 3.0))
    assert formulas.mmck_wait_s(1, 20, 22, 3000) == pytest.approx(formulas.mean_wait_s(1, 20, 22))


def test_cobham_conserves_the_work_of_first_come_first_served() -> None:
    rates = [0.2, 0.5, 0.1]
    waits = formulas.cobham_wait_s(rates, 1.0)
    assert waits == sorted(waits)
    average = sum(rate * wait for rate, wait in zip(rates, waits, strict=True)) / sum(rates)
    assert average == pytest.approx(formulas.mean_wait_s(sum(rates), 1.0, 1))


def test_mm1_with_two_places_loses_what_its_balance_equations_say() -> None:
    load = 0.7
    assert formulas.mmck_loss(1, 2, load) == pytest.approx(load**2 / (1 + load + load**2))


def test_retries_take_the_attempts_of_a_cut_geometric_distribution() -> None:
    p, retries = 0.3, 4
    by_hand = sum((k + 1) * p**k * (1 - p) for k in range(retries)) + (retries + 1) * p**retries
    assert theory.retry_attempts(p, retries) == pytest.approx(by_hand)
    assert theory.retry_attempts(1, 3) == 4
    assert theory.all_attempts_fail(p, retries) == pytest.approx(p**5)


def test_draining_and_recovering_are_inverse() -> None:
    consumers = theory.consumers_to_recover(500, 2, 3, 600)
    assert 500 / (consumers / 3 - 2) == pytest.approx(600)
    assert formulas.drain_time_s(500, 2, 3, 10) == pytest.approx(500 / (10 / 3 - 2))


def test_at_capacity_there_is_no_finite_wait() -> None:
    assert formulas.erlang_c(5, 5) == 1
    assert formulas.mean_wait_s(1, 5, 5) == formulas.wait_quantile_s(1, 5, 5, 0.5) == inf
    assert formulas.pollaczek_khinchine_wait_s(1, 1, 1) == inf
    assert formulas.drain_time_s(10, 1, 5, 5) == inf
    assert formulas.cobham_wait_s([0.5, 0.5], 1.0)[1] == inf


def test_the_lognormal_passes_through_its_two_quantiles() -> None:
    sigma = theory.lognormal_sigma(8, 20)
    assert sigma == pytest.approx(0.557, abs=1e-3)
    assert theory.lognormal_mean_s(8, 20) == pytest.approx(9.343, abs=1e-2)
    assert formulas.lognormal_cv(8, 8) == 0
