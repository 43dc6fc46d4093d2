"""What this machine carries in a live run, as measured for each kind of worker, or estimated. Reading it starts nothing: pages do."""

import fcntl
import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from core.processes.child_process import NotOwned
from core.processes.cores import usable_cores
from core.values import Positive, Value
from simulator.live.run import folders
from simulator.result import WorkerKind

SHARE = 0.4
"""A run asks for at most this share of what the machine carries at full use, so that the result contains no wait for the machine itself."""
CAPACITY_MAX_AGE_S = 7 * 86400.0
BUSY = 0.75
LOCK_LOOK_S = 0.1
CODE = Path(__file__).parents[1]


class Capacity(Value):
    """Real seconds, and jobs a real second."""

    schema_: Literal["crossover/capacity@1"] = Field(default="crossover/capacity@1", alias="schema")
    synchronous_jobs_per_s: Positive
    """Carried from arrival to the result in hand, with more arriving than that."""
    event_driven_jobs_per_s: Positive
    overhead_s: Positive
    """What the processes take for a job next to the model's own time, in the slower design, if the machine is almost idle."""
    measured: bool = False
    busy: bool = False
    machine: str = ""
    at_s: float = 0.0

    @property
    def jobs_per_s(self) -> float:
        return SHARE * min(self.synchronous_jobs_per_s, self.event_driven_jobs_per_s)

    @property
    def is_old(self) -> bool:
        return not 0 <= time.time() - self.at_s < CAPACITY_MAX_AGE_S


CAUTIOUS: Mapping[WorkerKind, Capacity] = {
    "threads": Capacity(synchronous_jobs_per_s=200.0, event_driven_jobs_per_s=200.0, overhead_s=0.012),
    "simple": Capacity(synchronous_jobs_per_s=200.0, event_driven_jobs_per_s=150.0, overhead_s=0.012),
    "forking": Capacity(synchronous_jobs_per_s=200.0, event_driven_jobs_per_s=60.0, overhead_s=0.04),
}
"""Two slow cores that are busy with other things."""


def measured_kind(workers: WorkerKind) -> WorkerKind:
    """The kind whose capacity counts: rq's own pool forks for each job, too."""
    return "forking" if workers == "stock" else workers


def known(workers: WorkerKind = "threads") -> Capacity | None:
    """What was measured, unless it is old. A file that cannot be read counts as none; the run itself reports a folder of another user."""
    try:
        capacity = Capacity.model_validate_json(capacity_file(workers).read_text())
    except (FileNotFoundError, UnicodeDecodeError, ValidationError, NotOwned):
        return None
    return None if capacity.is_old or capacity.machine != this_machine() else capacity


def current(workers: WorkerKind = "threads") -> Capacity:
    """What is known, otherwise an estimate (`measured` is false)."""
    return known(workers) or CAUTIOUS[measured_kind(workers)]


def known_or_measured(workers: WorkerKind, measure: Callable[[], Capacity], tick: Callable[[], None]) -> Capacity:
    """What is known of this machine; otherwise what `measure` returns, which is kept unless the machine was busy.

    `tick` is called while another run measures, and what it raises ends the waiting.
    """
    with (folders.runs_folder() / "capacity.lock").open("w") as lock:
        while (capacity := known(workers)) is None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tick()
                time.sleep(LOCK_LOOK_S)
                continue
            capacity = known(workers)
            if capacity is None:
                capacity = measure()
                keep(capacity, workers)
            break
        return capacity


def keep(capacity: Capacity, workers: WorkerKind = "threads") -> None:
    """Write it for later runs, unless the machine was busy. Readers see the old or the new file, whole. Old files are removed."""
    if capacity.busy:
        return
    file = capacity_file(workers)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix="capacity-", suffix=".part", delete=False) as part:
        part.write(capacity.model_dump_json(by_alias=True))
    Path(part.name).replace(file)
    for other in file.parent.glob("capacity*.json*"):
        with suppress(FileNotFoundError):  # another run has removed it
            if time.time() - other.stat().st_mtime > CAPACITY_MAX_AGE_S:
                other.unlink()


def capacity_file(workers: WorkerKind) -> Path:
    signature = hashlib.sha256(this_machine().encode()).hexdigest()[:12]
    return folders.runs_folder() / f"capacity-{measured_kind(workers)}-{signature}.json"


def is_busy() -> bool:
    """Whether other things take most of this machine; False if the system does not report it."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY * usable_cores()


def this_machine() -> str:
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{platform.node()}, {usable_cores()} cores, Python {python}, rq {version('rq')}, code {code_hash(CODE)}"


@cache
def code_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]
