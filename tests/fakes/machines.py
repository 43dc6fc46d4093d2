"""What a machine carries in a live run, as if it had been measured."""

import time

from simulator.live.run import machine_capacity
from simulator.live.run.machine_capacity import Capacity


def calm_machine() -> Capacity:
    """A machine that carries 80 jobs/s of a run, and takes 12 ms of its own for each."""
    return Capacity(
        synchronous_jobs_per_s=300.0,
        event_driven_jobs_per_s=200.0,
        overhead_s=0.012,
        measured=True,
        machine=machine_capacity.this_machine(),
        at_s=time.time(),
    )
