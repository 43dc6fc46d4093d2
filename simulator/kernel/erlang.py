# mypy: disable-error-code="no-any-return"
"""Erlang C for many rows at once, and for numbers of servers that are not whole: what the advice asks for thousands of times at a keystroke."""

import math
from typing import Any

import numpy as np

from simulator.kernel.compiled import compiled, entry

NEGLIGIBLE = 1e-17


@entry
def erlang_c_of_rows(servers: Any, offered_load: Any) -> Any:
    """The probability of waiting in M/M/c, a row each (float64); 1 at or above capacity."""
    waits = np.ones(len(servers))
    for row in range(len(servers)):
        if offered_load[row] < servers[row]:
            blocked = share_lost(servers[row], offered_load[row])
            waits[row] = blocked / (1.0 - offered_load[row] / servers[row] * (1.0 - blocked))
    return waits


@compiled
def share_lost(servers: float, load: float) -> float:
    """The share of calls lost, for a load below the number of servers.

    Source: e^-a a^c / Gamma(c + 1, a) (Jagerman, Bell System Technical Journal 53, 1974), Gamma(c + 1, a) = Gamma(c + 1) - gamma(c + 1, a),
    the latter by its series a^c e^-a (a / (c + 1) + a^2 / ((c + 1) (c + 2)) + ...) (DLMF 8.11.4).
    """
    if load <= 0.0:
        return 0.0
    weight = math.exp(servers * math.log(load) - load - math.lgamma(servers + 1.0))
    term, total, above = 1.0, 0.0, servers
    while term > NEGLIGIBLE * total:
        above += 1.0
        term *= load / above
        total += term
    return weight / (1.0 - weight * total)
