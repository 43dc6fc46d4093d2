"""Signs of life that processes leave in the broker, and how old they may get."""

import time

import redis

from advisor.decisions.limits import RECONCILE_EVERY_S

PULSE_S = 5
"""A worker shows its heartbeat this often."""
ALIVE_WITHIN_S = 3 * PULSE_S
"""A worker whose last heartbeat is older than this counts as dead."""

RECONCILER_KEY = "crossover:reconciler"
RECONCILER_LATE_S = 4 * RECONCILE_EVERY_S
"""A reconciler that has not looked for this long is in trouble."""
KEPT_S = 60


def beat_of_reconciler(connection: redis.Redis) -> None:
    connection.set(RECONCILER_KEY, time.time(), ex=KEPT_S)


def reconciler_age_s(connection: redis.Redis) -> float | None:
    """Seconds since the reconciler's last beat by the broker's own clock; None after a minute without."""
    left_ms = connection.pttl(RECONCILER_KEY)
    return None if left_ms < 0 else KEPT_S - left_ms / 1000
