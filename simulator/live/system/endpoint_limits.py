"""The provider's limits in Scenario seconds, independent of the kernel's and the rate limiter's code, which a live run checks."""

import math
from dataclasses import dataclass
from math import inf

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
        self.calls = 0
        quotas = (
            ("requests", provider.requests_per_minute, provider.burst_requests),
            ("tokens", provider.input_tokens_per_minute, provider.input_tokens_per_minute),
            ("output-tokens", provider.output_tokens_per_minute, provider.output_tokens_per_minute),
        )
        self._buckets = {
            place: TokenBucket(name, per_minute / 60, float(size), float(size))
            for place, (name, per_minute, size) in enumerate(quotas)
            if per_minute is not None and size is not None
        }

    def admit(self, input_tokens: float, output_tokens: float, now_s: float, usual_s: float) -> Refusal | None:
        """Charge a call, or say why not; `usual_s` is how long to stay away if calls at once are the limit."""
        if self._most_calls is not None and self.calls >= self._most_calls:
            return Refusal("concurrent requests", "concurrency_limit_exceeded", usual_s)
        wanted = (1.0, input_tokens, output_tokens)
        waits = [(bucket.wait_s(wanted[place], now_s), bucket.name) for place, bucket in self._buckets.items()]
        wait_s, name = max(waits, default=(0.0, ""))
        if wait_s > self._early_s:
            return Refusal(name.replace("-", " "), "rate_limit_exceeded", wait_s)
        for place, bucket in self._buckets.items():
            bucket.add(-wanted[place], now_s)
        self.calls += 1
        return None

    def release(self, input_tokens: float, output_tokens: float, now_s: float, *, refund: bool) -> None:
        self.calls -= 1
        if refund:
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
