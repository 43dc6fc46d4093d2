"""What this machine carries in a live run: measured once for each kind of worker (`machine_benchmark`), kept in a small file, and taken with
caution until then.

Reading it is quick and starts nothing: pages ask.
"""

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

from simulator.live.run import folders
from simulator.live.system.config import WorkerKind
from simulator.schema import Positive, Value

SHARE = 0.4
"""Of what the machine carried at full use, a run asks for so much at most: what waits for the machine itself is then no part of the result."""
KEPT_S = 7 * 86400.0
"""A machine is measured anew after so long."""
BUSY = 0.75
"""Of its cores, in the minute before."""
LOOK_S = 0.1
PARTS = Path(__file__).parents[1]


class Capacity(Value):
    """Real seconds, and jobs a real second."""

    schema_: Literal["crossover/capacity@1"] = Field(default="crossover/capacity@1", alias="schema")
    synchronous_jobs_per_s: Positive
    """Carried from arrival to the result in hand, with more arriving than that."""
    event_driven_jobs_per_s: Positive
    overhead_s: Positive
    """What the parts take for a job beside the model's own time, of the dearer design, where hardly anything else is going on."""
    measured: bool = False
    """Else taken with caution."""
    busy: bool = False
    """Whether the machine was busy with other things when it was measured."""
    machine: str = ""
    """Which machine, cores and version of the parts it was measured with."""
    at_s: float = 0.0
    """When, since the epoch."""

    @property
    def jobs_per_s(self) -> float:
        """What a run may ask of this machine: both designs get the same."""
        return SHARE * min(self.synchronous_jobs_per_s, self.event_driven_jobs_per_s)

    @property
    def is_old(self) -> bool:
        return not 0 <= time.time() - self.at_s < KEPT_S


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
    """What was measured, if it was, and is not old. A file that cannot be read is as good as none; a folder that belongs to another user is
    for the run itself to report."""
    try:
        found = Capacity.model_validate_json(file_of(workers).read_text())
    except (FileNotFoundError, UnicodeDecodeError, ValidationError, folders.NotOurs):
        return None
    return None if found.is_old or found.machine != this_machine() else found


def current(workers: WorkerKind = "threads") -> Capacity:
    """What is known, else what is taken with caution; `measured` tells which."""
    return known(workers) or CAUTIOUS[measured_kind(workers)]


def known_or_measured(workers: WorkerKind, measure: Callable[[], Capacity], tick: Callable[[], None]) -> Capacity:
    """What is known of this machine; otherwise `measure` finds it, and it is kept unless the machine was busy.

    `tick` is called while another run measures, and what it raises ends the waiting.
    """
    with (folders.base() / "capacity.lock").open("w") as lock:
        while (found := known(workers)) is None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tick()
                time.sleep(LOOK_S)
                continue
            if (found := known(workers)) is None:
                found = measure()
                keep(found, workers)
            break
        return found


def keep(capacity: Capacity, workers: WorkerKind = "threads") -> None:
    """Write it for later runs, unless the machine was busy. Readers see the old or the new file, whole. Old files are removed."""
    if capacity.busy:
        return
    file = file_of(workers)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix="capacity-", suffix=".part", delete=False) as part:
        part.write(capacity.model_dump_json(by_alias=True))
    Path(part.name).replace(file)
    for other in file.parent.glob("capacity*.json*"):
        with suppress(FileNotFoundError):  # another run has removed it
            if time.time() - other.stat().st_mtime > KEPT_S:
                other.unlink()


def file_of(workers: WorkerKind) -> Path:
    """One for each kind of worker and version of the parts."""
    signature = hashlib.sha256(this_machine().encode()).hexdigest()[:12]
    return folders.base() / f"capacity-{measured_kind(workers)}-{signature}.json"


def is_busy() -> bool:
    """Whether other things take most of this machine, as far as it tells."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY * cores()


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def this_machine() -> str:
    """Its name, the cores we may use, and what the parts are made of."""
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{platform.node()}, {cores()} cores, Python {python}, rq {version('rq')}, parts {parts_hash(PARTS)}"


@cache
def parts_hash(folder: Path) -> str:
    """Of the contents and names of its code, wherever it lies: two checkouts of one version have the same."""
    parts = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        parts.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return parts.hexdigest()[:12]
