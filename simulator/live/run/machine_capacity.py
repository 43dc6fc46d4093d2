"""What this machine carries in a live run: measured once with all real parts (`gauging`), kept in a small file, and taken with caution until then.

Reading it is quick and starts nothing: pages ask.
"""

import hashlib
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from simulator.live.run import folders
from simulator.schema import Positive, Value

NAME = "capacity.json"
SHARE = 0.4
"""Of what the machine carried at full use, a run asks for so much at most: what waits for the machine itself is then no part of the result."""
KEPT_S, KEPT_BUSY_S = 7 * 86400.0, 3600.0
"""A machine is measured anew after so long; sooner, where it was busy with other things when it was measured."""
BUSY = 0.75
"""Of its cores, in the minute before."""


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
    def is_stale(self) -> bool:
        """Whether it says nothing of this machine as it is now."""
        kept_s = KEPT_BUSY_S if self.busy else KEPT_S
        return self.machine != this_machine() or not 0 <= time.time() - self.at_s < kept_s


CAUTIOUS = Capacity(synchronous_jobs_per_s=200.0, event_driven_jobs_per_s=200.0, overhead_s=0.012)
"""Two slow cores that are busy with other things."""


def known() -> Capacity | None:
    """What was measured, if it was, and still holds. A file that cannot be read, or is of another machine or version, is as good as none;
    a folder that is somebody else's is for the run itself to tell of."""
    try:
        found = Capacity.model_validate_json((folders.base() / NAME).read_text())
    except (FileNotFoundError, UnicodeDecodeError, ValidationError, folders.NotOurs):
        return None
    return None if found.is_stale else found


def current() -> Capacity:
    """What is known, else what is taken with caution; `measured` tells which."""
    return known() or CAUTIOUS


def keep(capacity: Capacity) -> None:
    """For the runs to come. Whoever reads meanwhile sees the old or the new file, whole."""
    place = folders.base()
    with tempfile.NamedTemporaryFile("w", dir=place, prefix=NAME, delete=False) as file:
        file.write(capacity.model_dump_json(by_alias=True))
    Path(file.name).replace(place / NAME)


def is_busy() -> bool:
    """Whether other things take most of this machine, as far as it tells."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY * cores()


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def this_machine() -> str:
    """Its name, the cores we may use, and the parts as they are: a change of any makes what was measured stale."""
    parts = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found = path.stat()
        parts.update(f"{path.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return f"{platform.node()}, {cores()} cores, Python {sys.version_info[0]}.{sys.version_info[1]}, {parts.hexdigest()[:12]}"
