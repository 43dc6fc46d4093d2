"""Numbers as an architect would write them."""

import math

import pytest

from core.numbers import count, duration, interval, number, percent, rate, share, share_interval


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.34, "340 ms"),
        (0.9996, "1 s"),
        (0.000012, "12 µs"),
        (1.2, "1.2 s"),
        (28, "28 s"),
        (90, "90 s"),
        (99.96, "1 min 40 s"),
        (200, "3 min 20 s"),
        (1800, "30 min"),
        (3599, "1 h"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (272_100, "75 h 35 min"),
        (86_400, "24 h"),
        (1_036_800, "12 d"),
        (-200, "−3 min 20 s"),
        (None, "–"),
        (math.inf, "–"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_missing_figure_has_the_words_it_is_given() -> None:
    assert duration(None, missing="not reached") == "not reached"


@pytest.mark.parametrize(
    ("per_s", "words"),
    [
        (2, "2 /s"),
        (0.5, "0.5 /s"),
        (1 / 6, "600 /h"),
        (1 / 86_400, "1 /d"),
        (1234.5, "1,230 /s"),
        (0, "0 /s"),
        (None, "–"),
    ],
)
def test_a_rate_is_at_the_scale_where_it_reads_best(per_s: float | None, words: str) -> None:
    assert rate(per_s) == words


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (interval(12.41, 12.1, 12.72, "s"), "12.4 ± 0.3 s"),
        (interval(0.3404, 0.3384, 0.3424, "s"), "340 ± 2 ms"),
        (interval(200, 194, 206, "s"), "200 ± 6 s"),
        (interval(1200, 1140, 1260, "s"), "20.0 ± 1.0 min"),
        (interval(-0.02, -0.3, 0.26, ""), "0.0 ± 0.3"),
        (interval(212, 198, 226, "jobs"), "212 ± 14 jobs"),
        (interval(5, 5, 5, "s"), "5 s"),
        (interval(5, 4.5, 8, "s"), "5.0 s (4.5 to 8.0)"),
        (interval(None, 0, 1), "–"),
    ],
)
def test_an_interval_is_printed_with_its_value(figure: str, words: str) -> None:
    assert figure == words


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (number(12_345.6, "jobs"), "12,300 jobs"),
        (number(999.6), "1,000"),
        (number(None), "–"),
        (count(12_345, "job"), "12,345 jobs"),
        (count(1, "job"), "1 job"),
        (count(0, "retry", "retries"), "0 retries"),
        (percent(2), "2 %"),
        (percent(99.97), "99.97 %"),
        (percent(99.999999), "99.999999 %"),
        (percent(100), "100 %"),
        (share(0.123), "12.3 %"),
    ],
)
def test_counts_and_shares_read_well(figure: str, words: str) -> None:
    assert figure == words


def test_a_share_below_all_is_not_rounded_up_to_it_however_wide_its_interval() -> None:
    assert share_interval(0.99984, 0.92, 1.0) == "99.984 % (92 to 100)"
    assert share_interval(1.0, 0.93, 1.0) == "100 % (93 to 100)"
