"""What `up` prints and opens."""

import threading
from typing import Any

import pytest

from advisor.configuration import Configuration
from advisor.server import address as module
from advisor.server.address import PrintedAddress


class Paper:
    def __init__(self, is_terminal: bool) -> None:
        self.lines: list[str] = []
        self.is_terminal = is_terminal

    def write(self, text: str) -> None:
        self.lines.append(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return self.is_terminal


def printed(configuration: Configuration, is_terminal: bool = False, opens_browser: bool = True) -> list[str]:
    paper = Paper(is_terminal)
    PrintedAddress(configuration, "http://127.0.0.1:8000", paper, opens_browser).print_first()
    return paper.lines


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    addresses: list[Any] = []
    monkeypatch.setattr(module.webbrowser, "open", addresses.append)
    monkeypatch.setenv("DISPLAY", ":0")
    return addresses


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join(10)


def test_a_person_at_a_terminal_gets_a_browser(configuration: Configuration, opened: list[Any]) -> None:
    (line,) = printed(configuration, is_terminal=True)
    wait_for_threads()
    assert line == f"Crossover is at {opened[0]}"


@pytest.mark.parametrize(("is_terminal", "opens_browser"), [(False, True), (True, False)])
def test_nothing_opens_in_a_script_or_when_it_is_not_wanted(
    is_terminal: bool, opens_browser: bool, configuration: Configuration, opened: list[Any]
) -> None:
    printed(configuration, is_terminal, opens_browser)
    wait_for_threads()
    assert opened == []


def test_nothing_opens_where_there_is_no_window(
    configuration: Configuration, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module.sys, "platform", "linux")
    printed(configuration, is_terminal=True)
    wait_for_threads()
    assert opened == []


def test_a_new_address_is_printed_once_the_last_was_used(configuration: Configuration) -> None:
    paper = Paper(is_terminal=False)
    address = PrintedAddress(configuration, "http://127.0.0.1:8000", paper, opens_browser=False)
    address.print_first()
    address.print_again_if_used()
    assert len(paper.lines) == 1
    assert address.token.use(address.token.current())
    address.print_again_if_used()
    address.print_again_if_used()
    assert len(paper.lines) == 2
    assert paper.lines[1].endswith(f"/?token={address.token.current()}")
