"""Priorities of threads: what a thread starts is as patient as it is, and no other thread is."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.processes.priority import NICENESS, lower_thread_priority
from simulator import replications

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has a priority for each thread")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def niceness_in_a_thread_of_this_one() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(niceness).result()


def test_a_thread_and_those_that_it_starts_have_a_low_priority_and_no_others() -> None:
    usual = niceness()
    with ThreadPoolExecutor(1, initializer=lower_thread_priority) as pool:
        assert pool.submit(niceness).result() == max(usual, NICENESS)
        assert pool.submit(niceness_in_a_thread_of_this_one).result() == max(usual, NICENESS)
    assert niceness() == niceness_in_a_thread_of_this_one() == usual


def test_a_process_that_yields_simulates_at_a_low_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """As workers do, so that pages answer while a run is under way."""
    monkeypatch.setattr(replications, "_yields", threading.Event())
    usual = niceness()
    with ThreadPoolExecutor(1, initializer=replications._begin_thread) as pool:
        assert pool.submit(niceness).result() == usual
    replications.yield_to_other_work()
    with ThreadPoolExecutor(1, initializer=replications._begin_thread) as pool:
        assert pool.submit(niceness).result() == max(usual, NICENESS)
