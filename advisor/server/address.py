"""Where the site is, printed by `up` for the person at the terminal, and opened in a browser if there is one."""

import os
import sys
import threading
import webbrowser

from django.core.management.base import OutputWrapper

from advisor.configuration import Configuration
from advisor.teams.links import OneTimeToken
from advisor.teams.middleware import TOKEN
from advisor.teams.services.first_administrator import first_administrator_is_missing, first_administrator_token


class PrintedAddress:
    """In local mode the address signs one browser in, and a new one is printed once it has been used.

    In hosted mode it is the public one, with a link that makes the first administrator as long as there is none.
    """

    def __init__(
        self, configuration: Configuration, listening_url: str, out: OutputWrapper, opens_browser: bool
    ) -> None:
        self.configuration = configuration
        self.listening_url = listening_url
        self.out = out
        self.opens_browser = opens_browser
        self.token = OneTimeToken(configuration.local_address_token)

    def print_first(self) -> None:
        if not self.configuration.local:
            self._print_hosted()
            return
        address = self._local_address()
        self._print(f"Crossover is at {address}")
        if self.opens_browser and self.out.isatty() and has_browser():
            # webbrowser waits for some browsers to end.
            threading.Thread(target=webbrowser.open, args=[address], name="browser", daemon=True).start()

    def print_again_if_used(self) -> None:
        if self.configuration.local and not self.token.is_open():
            self._print(f"For another browser: {self._local_address()}")

    def _local_address(self) -> str:
        return f"{self.listening_url}/?{TOKEN}={self.token.current()}"

    def _print_hosted(self) -> None:
        public = self.configuration.public_url
        self._print(f"Crossover is at {public}, behind a reverse proxy that passes requests to {self.listening_url}")
        if first_administrator_is_missing():
            link = f"{public}/first-administrator/{first_administrator_token()}"
            self._print(f"This link makes the first administrator, once: {link}")

    def _print(self, line: str) -> None:
        self.out.write(line)
        self.out.flush()


def has_browser() -> bool:
    """Whether a browser with a window can be opened. A text browser would take the terminal over."""
    return bool(
        sys.platform == "darwin"
        or os.environ.get("BROWSER")
        or os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
    )
