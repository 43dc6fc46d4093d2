"""Work that is shared among copies of a process."""

import os
import threading

import pytest

from core.processes import shared_work
from core.processes.shared_work import can_be_copied, copies_allowed, copies_that


def test_copies_work_with_what_the_process_has_and_keep_the_order_of_the_items() -> None:
    here = {"by": 10, "process": os.getpid()}

    def work(item: int) -> tuple[int, bool]:
        return item * here["by"], os.getpid() == here["process"]

    with copies_that(work) as do_all:
        assert do_all(range(20)) == [(10 * item, False) for item in range(20)]
        assert do_all([7]) == [(70, False)]


def test_what_the_work_raises_in_a_copy_is_raised_here() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise LookupError("three")
        return item

    with pytest.raises(LookupError, match="three"), copies_that(work) as do_all:
        do_all(range(5))


def test_a_process_is_copied_only_if_it_allows_it_and_has_no_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_work, "usable_cores", lambda: 2)
    monkeypatch.setattr(shared_work.sys, "platform", "linux")
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert not can_be_copied()
    with copies_allowed():
        assert can_be_copied()
        monkeypatch.setattr(threading, "active_count", lambda: 2)
        assert not can_be_copied()
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert not can_be_copied()
