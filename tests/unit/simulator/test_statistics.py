"""Quantiles to nine digits: against published tables, and against scipy's, which is a tool of the tests alone."""

import math
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv, stdtrit

from simulator import statistics
from simulator.statistics import beta_cdf, beta_quantile, t_quantile

SHAPE = st.floats(-1, 7).map(lambda power: float(10**power))
PROBABILITY = st.floats(1e-6, 1 - 1e-6)


@pytest.mark.parametrize(
    ("degrees", "confidence", "tabulated"),
    [
        (1, 0.95, 12.7062047362),
        (9, 0.95, 2.2621571628),
        (9, 0.99, 3.2498355416),
        (19, 0.95, 2.0930240544),
        (999, 0.95, 1.9623414611),
    ],
)
def test_students_t_is_that_of_the_tables(degrees: int, confidence: float, tabulated: float) -> None:
    assert t_quantile(degrees, confidence) == pytest.approx(tabulated, abs=1e-10)


@pytest.mark.parametrize(
    ("p", "hits", "of", "tabulated"),
    [(0.025, 5, 100, 0.0164318791), (0.025, 50, 100, 0.3983211295), (0.025, 1, 20, 0.0012650895)],
)
def test_clopper_pearson_is_that_of_the_tables(p: float, hits: int, of: int, tabulated: float) -> None:
    assert beta_quantile(p, hits, of - hits + 1) == pytest.approx(tabulated, abs=1e-10)


@given(st.integers(1, 100_000), st.floats(0.1, 0.999))
def test_students_t_agrees_with_scipy(degrees: int, confidence: float) -> None:
    assert t_quantile(degrees, confidence) == pytest.approx(float(stdtrit(degrees, (1 + confidence) / 2)), rel=1e-9)


@pytest.mark.parametrize("name", ["exp", "lgamma", "log", "log1p"])
@pytest.mark.parametrize("towards", [-inf, inf])
def test_students_t_is_the_same_with_another_c_library(
    name: str, towards: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [t_quantile(degrees) for degrees in range(1, 40)]
    t_quantile.cache_clear()
    ours = getattr(math, name)
    monkeypatch.setattr(statistics, name, lambda value: math.nextafter(ours(value), towards))
    there = [t_quantile(degrees) for degrees in range(1, 40)]
    t_quantile.cache_clear()
    assert there == here


@given(PROBABILITY, SHAPE, SHAPE)
def test_the_beta_quantile_agrees_with_scipy(p: float, a: float, b: float) -> None:
    expected = float(betaincinv(a, b, p))
    computed = beta_quantile(p, a, b)
    assert computed == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert 0 <= computed <= 1


@given(PROBABILITY, SHAPE, SHAPE)
def test_the_other_tail_is_the_mirror_image(p: float, a: float, b: float) -> None:
    assert beta_cdf(p, a, b) + beta_cdf(1 - p, b, a) == pytest.approx(1, abs=1e-9)


def test_the_ends_are_the_ends() -> None:
    assert (beta_quantile(0, 2, 3), beta_quantile(1, 2, 3)) == (0, 1)
    assert (beta_cdf(0, 2, 3), beta_cdf(1, 2, 3)) == (0, 1)
