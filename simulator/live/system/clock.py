"""Time in a live run: the machine's monotonic clock, which all its processes share, against the Scenario's compressed seconds."""

import time
from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class RunClock:
    """`speed` seconds of the Scenario pass in one real second. The Scenario's zero is `started_ns` of `time.monotonic_ns`."""

    started_ns: int
    speed: float

    def now_s(self) -> float:
        return self.scenario_s(time.monotonic_ns())

    def scenario_s(self, monotonic_ns: int) -> float:
        return (monotonic_ns - self.started_ns) / NS_PER_S * self.speed

    def real_s(self, scenario_s: float) -> float:
        return scenario_s / self.speed

    def real_until_s(self, scenario_s: float) -> float:
        """Real seconds until an instant of the Scenario; negative if it has passed."""
        return (self.started_ns - time.monotonic_ns()) / NS_PER_S + scenario_s / self.speed
