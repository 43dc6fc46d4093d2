"""How the controller of a live run holds its parts: each is a process whose standard input the controller keeps open.

The part prints `ready` on its standard output once it answers. A line `start NS` on its standard input tells the instant of the machine's
monotonic clock at which the Scenario begins; the end of that input, however it came about, ends the part.
"""

import asyncio
import os
import signal
import sys
import threading

GRACE_S = 2.0
LISTEN_FD = "CROSSOVER_LISTEN_FD"
"""The environment variable with the number of the listening socket that a part inherits."""


class Leash:
    """The part's side. `started_ns` is there once `started` is set."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.started_ns = 0
        self._reader = threading.Thread(target=self._read, name="leash", daemon=True)

    def ready(self) -> None:
        """Tell the controller that this part answers, and listen to it from now on."""
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        self._reader.start()

    async def begun(self) -> int:
        """Waits for the start, and returns its instant."""
        await asyncio.to_thread(self.started.wait)
        return self.started_ns

    def _read(self) -> None:
        for line in sys.stdin:
            word, _, rest = line.partition(" ")
            if word == "start":
                self.started_ns = int(rest)
                self.started.set()
        for harder in (signal.SIGTERM, signal.SIGKILL):
            os.kill(os.getpid(), harder)
            threading.Event().wait(GRACE_S)
