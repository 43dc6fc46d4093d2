"""Keeps the children of `up` alive until it is asked to end, then ends them in order."""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

from advisor.server.child import CannotStart, Child

TICK_S = 0.2
HARDER = ((signal.SIGTERM, 3.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""Finish what you are at, stop now, be killed; and how many seconds each is given."""
STILLBORN = 4
"""So many ends in a row before the site ever answered: starting again will not help."""


class Supervisor:
    """Children start in the order they are given and end in reverse, a group at a time: the broker comes first and leaves last.

    A context: within it SIGTERM and SIGINT ask for the end, and leaving it ends every child.
    """

    def __init__(self) -> None:
        self.groups: list[list[Child]] = []
        self.ready = False
        self.tending = False
        self.ends_asked = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._former = {
            number: signal.signal(number, self._heard) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        }
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tending = True
        self._end()
        signal.set_wakeup_fd(-1)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self._reading)
        os.close(self._writing)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        """While children are tended the loop notices by itself; anything else that goes on is cut short."""
        if number != signal.SIGCHLD:
            self.ends_asked += 1
            if not self.tending:
                raise KeyboardInterrupt

    @property
    def children(self) -> list[Child]:
        return [child for group in self.groups for child in group]

    def start(self, *children: Child, beside_the_last: bool = False) -> None:
        """Start children that end together, or together with those that were started before. Raises CannotStart."""
        if not beside_the_last:
            self.groups.append([])
        for child in children:
            self.groups[-1].append(child)
            child.start()

    def tend(self, each_tick: Callable[[], None]) -> None:
        """Keep the children alive until the end is asked for. Raises CannotStart where one keeps ending before the site is ready."""
        self.tending = True
        while not self.ends_asked:
            now = time.monotonic()
            for child in self.children:
                child.tend(now)
                if not self.ready and child.failures >= STILLBORN:
                    raise CannotStart(f"The {child.name} does not start; why is in {child.log_file}.")
            each_tick()
            self._wait(TICK_S)

    def _wait(self, timeout_s: float) -> None:
        """Wait, unless a signal (a child's end is one) comes first."""
        if select.select([self._reading], [], [], timeout_s)[0]:
            os.read(self._reading, 4096)

    def _end(self) -> None:
        """End the groups one after the other, each harder and harder. Who asks a second time gets the SIGKILL at once."""
        asked = self.ends_asked
        for group in reversed(self.groups):
            for number, grace_s in HARDER:
                if self.ends_asked == asked or number is signal.SIGKILL:
                    for child in group:
                        child.kill() if number is signal.SIGKILL else child.terminate()
                    self._wait_for_end(group, grace_s, asked)

    def _wait_for_end(self, group: Sequence[Child], grace_s: float, asked: int) -> None:
        deadline = time.monotonic() + grace_s
        while not _all_ended(group) and time.monotonic() < deadline and self.ends_asked == asked:
            self._wait(TICK_S)


def _all_ended(children: Sequence[Child]) -> bool:
    return all(child.has_ended() for child in children)
