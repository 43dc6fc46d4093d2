"""Work that pages must not wait for gets less of the processor's time than they do."""

import os
import sys
import threading

NICENESS = 5
"""A third of the time that a thread of the usual priority gets on a busy processor: less would leave exports waiting for minutes."""


def lower_thread_priority() -> None:
    """Of this thread and those that it starts. Linux alone has a priority for each thread; elsewhere nothing is changed."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
