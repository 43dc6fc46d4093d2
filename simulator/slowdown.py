"""The time of a call at a model that slows as more calls are in flight: a straight line through two measured points."""

from dataclasses import dataclass
from math import inf
from typing import Self


@dataclass(frozen=True)
class CallTime:
    """With n calls in flight a call takes `alone_s` + `each_s` n on average; `measured_s` is what it took where it was measured.

    Source: a batching server's iteration time grows with the sequences of its batch; the published sweep of one H100 that
    tests/theory/test_slowdown.py holds it to.
    """

    alone_s: float
    each_s: float
    measured_s: float

    @classmethod
    def from_points(cls, measured_in_flight: int, measured_s: float, high_in_flight: int, high_s: float) -> Self:
        each_s = (high_s - measured_s) / (high_in_flight - measured_in_flight)
        return cls(measured_s - each_s * measured_in_flight, each_s, measured_s)

    def mean_s(self, in_flight: float) -> float:
        return self.alone_s + self.each_s * in_flight

    def calls_per_s(self, in_flight: float) -> float:
        """The throughput if that many calls are in flight all the time; infinite where the line has no time left for them."""
        mean_s = self.mean_s(in_flight)
        return in_flight / mean_s if mean_s > 0 else inf

    def in_flight_of(self, servers: int, elsewhere_s: float) -> float:
        """Of `servers` that are never idle and spend `elsewhere_s` of each call elsewhere: how many are at the model on average.

        Little's law: `servers` is n + x(n) `elsewhere_s`, where x(n) is the throughput with n in flight.
        """
        low, high = (0.0 if self.alone_s > 0 else 1.0), float(servers)
        for _ in range(60):
            middle = (low + high) / 2
            if middle + self.calls_per_s(middle) * elsewhere_s > servers:
                high = middle
            else:
                low = middle
        return high
