"""The provider's limits in Scenario seconds, independent of the kernel's and the rate limiter's code, which a live run checks."""

import math
from collections import Counter
from dataclasses import dataclass
from math import inf

from core.units import DAY_S
from simulator.scenario import Provider

EARLY_S = 0.25
"""Real seconds by which a call may come before its quota: a rate limiter in another process cannot keep the distances between calls exactly."""
UNIT_ROUNDING = 1e-6
"""Of a unit: what arithmetic may lose."""


@dataclass
class TokenBucket:
    """A quota that refills continuously. Its level is below 0 after a call of more units than the bucket holds."""

    name: str
    """As in the names of headers: requests, tokens, output-tokens."""
    per_s: float
    size: float
    level: float
    updated_s: float = -inf

    def level_at(self, now_s: float) -> float:
        return min(self.size, self.level + self.per_s * max(0.0, now_s - self.updated_s))

    def add(self, units: float, now_s: float) -> None:
        self.level = self.level_at(now_s) + units
        self.updated_s = now_s

    def wait_s(self, wanted: float, now_s: float) -> float:
        """Until the bucket holds `wanted`, or is full if that is more than it can hold."""
        missing = min(wanted, self.size) - self.level_at(now_s)
        return missing / self.per_s if missing > UNIT_ROUNDING else 0.0


@dataclass(frozen=True)
class Refusal:
    """Why a call is refused (429), and for how many Scenario seconds."""

    what: str
    code: str
    retry_after_s: float


class EndpointLimits:
    def __init__(self, provider: Provider, early_s: float = 0.0) -> None:
        self._most_calls, self._early_s = provider.max_concurrency, early_s
        self._charges_refused = provider.is_unpaced and provider.failed_calls_count
        self._calls_a_day, self._calls_of_day = provider.own_requests_per_day or inf, Counter[int]()
        self.calls = 0
        names = ("requests", "tokens", "output-tokens")
        self._buckets = {
            place: TokenBucket(name, quota[0] / 60, quota[1], quota[1])
            for place, (name, quota) in enumerate(zip(names, provider.own_quotas, strict=True))
            if quota is not None
        }

    def admit(self, input_tokens: float, output_tokens: float, now_s: float, usual_s: float) -> Refusal | None:
        """Charge a call, or say why not; `usual_s` is how long to stay away if calls at once are the limit.

        A refused call of callers that do not pace their calls uses what there is of the quotas, if failed calls count.
        """
        wanted = (1.0, input_tokens, output_tokens)
        wait_s, name = self._wait_s(wanted, now_s)
        is_full = self._most_calls is not None and self.calls >= self._most_calls
        if not is_full and wait_s <= self._early_s:
            for place, bucket in self._buckets.items():
                bucket.add(-wanted[place], now_s)
            self._calls_of_day[int(now_s // DAY_S)] += 1
            self.calls += 1
            return None
        if self._charges_refused:
            for place, bucket in self._buckets.items():
                bucket.add(-min(wanted[place], max(0.0, bucket.level_at(now_s))), now_s)
            self._calls_of_day[int(now_s // DAY_S)] += 1
            wait_s, _ = self._wait_s(wanted, now_s)
        if is_full:
            return Refusal("concurrent requests", "concurrency_limit_exceeded", max(usual_s, wait_s))
        return Refusal(name.replace("-", " "), "rate_limit_exceeded", wait_s)

    def _wait_s(self, wanted: tuple[float, ...], now_s: float) -> tuple[float, str]:
        """Until the quotas admit a call, and which of them admits it last."""
        waits = [(bucket.wait_s(wanted[place], now_s), bucket.name) for place, bucket in self._buckets.items()]
        day = int(now_s // DAY_S)
        if self._calls_of_day[day] >= self._calls_a_day:
            waits.append(((day + 1) * DAY_S - now_s, "requests per day"))
        return max(waits, default=(0.0, ""))

    def release(self, input_tokens: float, output_tokens: float, now_s: float, *, refund: bool) -> None:
        self.calls -= 1
        if refund:
            self._calls_of_day[int(now_s // DAY_S)] -= 1
            wanted = (1.0, input_tokens, output_tokens)
            for place, bucket in self._buckets.items():
                bucket.add(wanted[place], now_s)

    def headers(self, now_s: float, speed: float) -> dict[str, str]:
        """OpenAI's headers for each quota, by the client's own clock: limits a real minute, resets in real seconds."""
        headers = {}
        for bucket in self._buckets.values():
            level = bucket.level_at(now_s)
            headers[f"x-ratelimit-limit-{bucket.name}"] = str(round(bucket.per_s * 60 * speed))
            headers[f"x-ratelimit-remaining-{bucket.name}"] = str(max(0, math.floor(level + UNIT_ROUNDING)))
            headers[f"x-ratelimit-reset-{bucket.name}"] = duration((bucket.size - level) / bucket.per_s / speed)
        return headers


def duration(seconds: float) -> str:
    """As OpenAI's headers write it: 6m0s, 1.5s, 120ms."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
