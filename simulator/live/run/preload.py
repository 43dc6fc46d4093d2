"""The fork server's program: imports what a run's processes need, in most of a second, so that each fork starts in hundredths of one."""

import gc
import os
import sys
from importlib.machinery import ModuleSpec
from multiprocessing import forkserver
from types import ModuleType

import openai.resources.chat.completions  # noqa: F401  the client imports it at its first call

from simulator.live.system import (  # noqa: F401
    accept,
    clients_process,
    consumers,
    endpoint,
    rate_limit_server,
    scheduler,
    synchronous_service,
)


def serve_forks(listener_fd: int, alive_fd: int, ready_fd: int, main_name: str, main_path: str) -> None:
    gc.collect()
    gc.freeze()  # a collection in a child would write to the pages that it shares
    _pretend_main(main_name, main_path)
    os.write(ready_fd, b"r")
    os.close(ready_fd)
    forkserver.main(listener_fd, alive_fd, [])


def _pretend_main(name: str, path: str) -> None:
    """multiprocessing imports its parent's main module in every child, but for one that is imported already. No process needs the controller's."""
    main_module = ModuleType("__main__")
    main_module.__file__ = path or None
    main_module.__spec__ = ModuleSpec(name, None) if name else None
    sys.modules["__main__"] = main_module


if __name__ == "__main__":
    serve_forks(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), main_name=sys.argv[4], main_path=sys.argv[5])
