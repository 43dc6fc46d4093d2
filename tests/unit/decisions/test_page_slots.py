"""Answers to keystrokes: a few at once, in the order in which they were asked for, and before any simulation."""

from threading import Event, Thread

import pytest

from advisor.decisions.services.page_slots import PageSlots

PATIENCE_S, MOMENT_S = 30, 0.05


def test_a_page_waits_while_all_slots_are_taken_and_a_simulation_waits_for_it() -> None:
    slots, made, simulated = PageSlots(2), Event(), Event()

    def make_page() -> None:
        with slots.slot():
            made.set()

    def simulate() -> None:
        slots.let_pages_go_first(PATIENCE_S)
        simulated.set()

    page, simulation = Thread(target=make_page), Thread(target=simulate)
    with slots.slot():
        with slots.slot():
            page.start()
            while not (slots.is_awaited or made.is_set()):
                pass
            simulation.start()
            assert not simulated.wait(MOMENT_S)
            assert not made.is_set()
        assert made.wait(PATIENCE_S)
        assert simulated.wait(PATIENCE_S)
    page.join()
    simulation.join()
    assert not slots.is_awaited


def test_a_simulation_waits_for_no_longer_than_it_may() -> None:
    slots = PageSlots(1)
    slots.let_pages_go_first(PATIENCE_S)
    with slots.slot():
        page = Thread(target=lambda: slots.slot().__enter__())
        page.start()
        while not slots.is_awaited:
            pass
        slots.let_pages_go_first(MOMENT_S)
        assert slots.is_awaited
    page.join()


def test_a_page_that_fails_leaves_its_slot_to_the_next() -> None:
    slots = PageSlots(1)
    for _ in range(2):
        with pytest.raises(LookupError), slots.slot():
            raise LookupError
    with slots.slot():
        assert not slots.is_awaited
