"""Ends a process when the process that started it has ended, in whatever way.

`up` holds the writing end of each child's standard input and never writes: the end of that file means that `up` has ended, even by SIGKILL.
A Python child calls `watch()`. Another program is run by this file as a script (`exit_with_parent.py PROGRAM …`), which ends it in the same way.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

SIGNAL_EVERY_S = 3.0


def watch() -> None:
    """From now on, end this process when its standard input ends: SIGTERM, again after the grace, then SIGKILL."""
    threading.Thread(target=_end_with_standard_input, name="exit-with-parent", daemon=True).start()


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    for harder in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        os.kill(os.getpid(), harder)
        threading.Event().wait(SIGNAL_EVERY_S)


def run_program(command: list[str]) -> int:
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603

    def hand_down(signum: int, frame: FrameType | None) -> None:
        program.send_signal(signum)
        program.send_signal(signal.SIGCONT)  # one that was stopped would not end

    signal.signal(signal.SIGTERM, hand_down)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch()
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run_program(sys.argv[1:]))
