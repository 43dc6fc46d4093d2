"""Calls in flight share the sample endpoint's model, by a clock that the test moves."""

import asyncio
import contextlib
import selectors
from collections.abc import Mapping
from typing import Any

import pytest

from simulator.live.system.shared_model import SharedModel
from simulator.slowdown import CallTime

TWICE_AS_LONG_WITH_FOUR = CallTime.from_points(1, 1.0, 4, 2.0)


class Waiting(selectors.SelectSelector):
    """Moves a clock on by the time that it would wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return []


def ends_of(calls: Mapping[str, tuple[float, float]], slowing: CallTime | None, gives_up: str = "") -> dict[str, float]:
    """When each call ends, of those that begin at the first number and take the second; `gives_up` is cancelled after one second."""
    waiting = Waiting()
    loop = asyncio.SelectorEventLoop(waiting)
    loop.time = lambda: waiting.now  # type: ignore[method-assign]
    ends: dict[str, float] = {}

    async def call(model: SharedModel, name: str, begins: float, takes: float) -> None:
        await asyncio.sleep(begins)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(model.work(takes, loop.time()), 1.0 if name == gives_up else None)
        ends[name] = loop.time()

    async def play() -> None:
        model = SharedModel(slowing)
        await asyncio.gather(*(call(model, name, *times) for name, times in calls.items()))

    loop.run_until_complete(play())
    loop.close()
    return ends


def test_without_a_slowdown_every_call_takes_its_own_time() -> None:
    assert ends_of({"a": (0, 1), "b": (0.5, 2)}, None) == pytest.approx({"a": 1, "b": 2.5})


def test_calls_that_begin_together_take_as_long_as_the_line_says_for_their_number() -> None:
    ends = ends_of(dict.fromkeys("abcd", (0, 3)), TWICE_AS_LONG_WITH_FOUR)
    assert ends == pytest.approx(dict.fromkeys("abcd", 6.0))


def test_a_call_is_slowed_only_while_another_is_in_flight() -> None:
    """By hand: with two in flight the time is 4/3. a works alone for 1 s, has 3 s of work left, and b's 1.5 s take both 2 s."""
    ends = ends_of({"a": (0, 4), "b": (1, 1.5)}, TWICE_AS_LONG_WITH_FOUR)
    assert ends == pytest.approx({"b": 3.0, "a": 4.5})


def test_a_call_that_will_fail_slows_the_others_until_then() -> None:
    """By hand: b fails after 1 s, in which a received 0.75 s of its work; the rest takes a, alone again, 1.25 s."""
    waiting = Waiting()
    loop = asyncio.SelectorEventLoop(waiting)
    loop.time = lambda: waiting.now  # type: ignore[method-assign]

    async def play() -> float:
        model = SharedModel(TWICE_AS_LONG_WITH_FOUR)
        await asyncio.gather(model.work(2.0, 0.0), model.fail_after(1.0))
        return loop.time()

    assert loop.run_until_complete(play()) == pytest.approx(2.25)
    loop.close()


def test_a_call_that_is_given_up_slows_the_others_no_longer() -> None:
    """By hand: 1 s with two in flight is 0.75 s of a's work; the rest takes a, alone again, 1.25 s."""
    ends = ends_of({"a": (0, 2), "b": (0, 10)}, TWICE_AS_LONG_WITH_FOUR, gives_up="b")
    assert ends == pytest.approx({"b": 1.0, "a": 2.25})
