"""Values rounded to significant digits, wherever in plain data or a Value their floats are."""

import math
from typing import Any

import pytest

from core.values import Value, rounded


class Pair(Value):
    first: float
    rest: tuple[float, ...]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (1.23456, 1.23),
        (0.000123456, 0.000123),
        (123_456.0, 123_000.0),
        ((1.23456, 2, "1.23456", None, True), (1.23, 2, "1.23456", None, True)),
        (((9.8765, (1.23456,)),), ((9.88, (1.23,)),)),
        ({"a": {"b": (1.23456,)}}, {"a": {"b": (1.23,)}}),
        (Pair(first=1.23456, rest=(9.8765,)), Pair(first=1.23, rest=(9.88,))),
        ((Pair(first=1.23456, rest=()),), (Pair(first=1.23, rest=()),)),
        (123_456, 123_456),
        (math.inf, math.inf),
    ],
)
def test_every_float_is_rounded_and_nothing_else(given: Any, wanted: Any) -> None:
    assert rounded(given, 3) == wanted
    assert type(rounded(given, 3)) is type(given)
