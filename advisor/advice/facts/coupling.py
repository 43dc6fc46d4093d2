"""Who else reacts to a result, and what keeps it."""

from dataclasses import dataclass

import numpy as np

from advisor.advice.columns import Columns, Flags, Floats, chosen
from advisor.advice.facts.caller import Caller


@dataclass(frozen=True)
class Coupling:
    """Facts about subscribers and about the team that runs it all."""

    subscribers: Floats
    others: Floats
    """Subscribers besides a caller that waits."""
    independent: Flags
    ordered_by_key: Flags
    handling_s: Floats
    retention_s: Floats
    broker: Flags


def coupling_of(c: Columns, caller: Caller) -> Coupling:
    """The coupling behind columns of answers."""
    count = c["subscribers.count"]
    return Coupling(
        subscribers=count,
        others=np.maximum(0.0, count - ~caller.nobody),
        independent=c["subscribers.independent_releases"] > 0,
        ordered_by_key=chosen(c, "subscribers.ordering", "per_key"),
        handling_s=c["subscribers.handling_p95_s"],
        retention_s=c["resilience.result_retention_h"] * 3600,
        broker=c["operations.runs_a_broker_today"] > 0,
    )
