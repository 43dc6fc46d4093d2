"""States of a run kept on its way, so that a part of it can be run again without what comes before."""

from dataclasses import dataclass, field, fields

import numpy as np

from simulator.kernel import layout
from simulator.plan import Array, KernelState

CHECKPOINTS = 16
MOST_SLOTS_KEPT = 2**14
"""A state with more slots is not kept: it would take megabytes."""
KEPT_BYTES = int(dict(layout.MACHINE.fields or {})["histograms"][1])
"""Of a machine: without the histograms at its end, which take most of its bytes and which a part of a run does not need."""
ARRAYS = tuple(part.name for part in fields(KernelState) if part.name not in ("machine", "trace"))
"""Those of a state that its run changes, the machine apart."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    at_s: float
    machine: Array
    arrays: dict[str, Array]

    def restore(self, state: KernelState) -> None:
        state.machine.view(np.uint8)[:KEPT_BYTES] = self.machine
        for name, array in self.arrays.items():
            setattr(state, name, array.copy())
        state.write_addresses()


@dataclass
class Checkpoints:
    """At most `CHECKPOINTS` states of one run, in the order of time."""

    kept: list[Checkpoint] = field(default_factory=list)
    passed: int = 0

    def keep(self, state: KernelState, fraction: float) -> None:
        """Keep the state if the run has come far enough since the last one; `fraction` is its part of the whole run."""
        step = int(fraction * CHECKPOINTS)
        if step <= self.passed or step >= CHECKPOINTS or len(state.slots) > MOST_SLOTS_KEPT:
            return
        self.passed = step
        machine = state.machine.view(np.uint8)[:KEPT_BYTES].copy()
        arrays = {name: getattr(state, name).copy() for name in ARRAYS}
        self.kept.append(Checkpoint(float(state.machine[0]["now"]), machine, arrays))

    def before(self, at_s: float) -> Checkpoint | None:
        """The last state at or before this instant."""
        return max((kept for kept in self.kept if kept.at_s <= at_s), key=lambda kept: kept.at_s, default=None)
