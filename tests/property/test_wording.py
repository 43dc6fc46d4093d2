"""Numbers in words keep their value, and never read oddly."""

import math
import re

from hypothesis import example, given
from hypothesis import strategies as st

from core.numbers import MINUS, count, duration, interval, number, percent, rate, share

SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400}
PER_S = {"/s": 1, "/h": 1 / 3600, "/d": 1 / 86_400}
positive = st.floats(-5, 9).map(lambda power: 10.0**power)
"""Evenly over the scales, so that each is met."""
anything = st.floats(-1e12, 1e12)


def value_of(text: str, units: dict[str, float]) -> float:
    sign = -1 if text.startswith(MINUS) else 1
    parts = re.findall(r"([\d.,e-]+) (\S+)", text.removeprefix(MINUS))
    return sign * sum(float(amount.replace(",", "")) * units[unit] for amount, unit in parts)


@example(0.9996)
@example(3629.0)
@given(positive)
def test_a_duration_keeps_its_value_within_half_a_percent(seconds: float) -> None:
    assert math.isclose(value_of(duration(seconds), SECONDS), seconds, rel_tol=0.00501)


@given(positive)
def test_a_rate_keeps_its_value_within_half_a_percent(per_s: float) -> None:
    assert math.isclose(value_of(rate(per_s), PER_S), per_s, rel_tol=0.00501)


@given(positive)
def test_a_number_keeps_its_value_within_half_a_percent(value: float) -> None:
    assert math.isclose(float(number(value).replace(",", "")), value, rel_tol=0.00501)


@example(0.9996)
@example(0.00099996)
@example(99.96)
@example(3599.9)
@given(positive)
def test_no_unit_carries_an_amount_that_belongs_to_the_next(seconds: float) -> None:
    amounts = {
        unit: float(amount.replace(",", "")) for amount, unit in re.findall(r"([\d.,]+) (\S+)", duration(seconds))
    }
    most = {"µs": 1000, "ms": 1000, "s": 100, "min": 60, "h": 100}
    assert all(amounts[unit] < most[unit] for unit in amounts.keys() & most.keys())
    if len(amounts) > 1:
        assert amounts.get("s", 0) < 60


@given(anything)
def test_there_is_never_a_negative_zero(value: float) -> None:
    for text in (number(value), duration(value), rate(value), percent(value), share(value), count(value)):
        assert not re.fullmatch(rf"[-{MINUS}]0(\.0*)?( \S+)?", text), text


@given(st.floats(-1e9, 1e9), st.floats(0, 1e6), st.sampled_from(["s", "jobs", "%", ""]))
def test_an_interval_shows_a_width_that_is_not_zero(mean: float, half: float, unit: str) -> None:
    text = interval(mean, mean - half, mean + half, unit)
    shown = re.search(r"± ([\d.,]+)", text)
    assert shown is None or float(shown[1].replace(",", "")) > 0


@given(st.floats(0, 100, exclude_max=True))
def test_what_is_short_of_all_is_never_called_all(value: float) -> None:
    assert percent(value) != "100 %"
