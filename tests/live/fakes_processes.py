"""What the processes of tests/live/test_processes.py run: importable, as those of a live run are."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from simulator.live.system.journal import EventType, Journal
from simulator.live.system.process import ProcessContext


def wait(context: ProcessContext) -> None:
    context.ready()
    threading.Event().wait()


def finish(context: ProcessContext) -> None:
    context.ready()
    context.wait_for_start()


def fail(context: ProcessContext) -> None:
    raise LookupError("no such queue")


def fail_once_started(context: ProcessContext) -> None:
    finish(context)
    sys.exit("no such queue")


def journal(context: ProcessContext) -> None:
    """Write a row once started, and go on if that fails, as a handler of a request or a job does."""
    finish(context)
    with contextlib.suppress(BaseException), Journal(context.config.journal("it")) as rows:
        rows.write(EventType.CALLED, 0)
    threading.Event().wait()


def start_child(context: ProcessContext) -> None:
    """Starts a process that ignores SIGTERM, and writes its id."""
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", ignore], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    written = context.config.path / "being-written"
    written.write_text(str(child.pid))
    written.rename(context.config.path / "child")
    wait(context)


def fork_twice(context: ProcessContext) -> None:
    """A child and its own child lead groups of their own, as rq's work-horses do; the last one writes its id."""
    written_end, writing_end = os.pipe()
    if os.fork() == 0:
        os.setpgrp()
        if os.fork() == 0:
            os.setpgrp()
            written = context.config.path / "being-written"
            written.write_text(str(os.getpid()))
            written.rename(context.config.path / "child")
            os.write(writing_end, b"w")
        threading.Event().wait()
    os.read(written_end, 1)
    wait(context)


def describe(context: ProcessContext) -> None:
    context.ready()
    described = {
        "number": context.number,
        "key": context.api_key,
        "port": context.listener.getsockname()[1] if context.listener else None,
        "started_ns": context.wait_for_start().started_ns,
        "environment": dict(os.environ),
        "name": Path("/proc/self/comm").read_text().strip() if sys.platform == "linux" else "",
        "group": os.getpgrp() == os.getpid(),
        "django": "django" in sys.modules,
        "main": getattr(sys.modules["__main__"], "__file__", None),
        "interruptible": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    }
    print("spoken", flush=True)
    print("whispered", file=sys.stderr, flush=True)
    written = context.config.path / f"{context.number}.being-written"
    written.write_text(json.dumps(described))
    written.rename(context.config.path / f"{context.number}.json")
    threading.Event().wait()
