"""The provider's limits as the endpoint keeps them: calls at once, and buckets that fill continuously, in Scenario seconds."""

import math
from dataclasses import dataclass
from math import inf

from simulator.kernel.layout import ROUNDING_S
from simulator.scenario import Provider

EARLY_S = 0.25
"""Real seconds by which a call may come before its quota: who paces calls in another process cannot keep the distances between them exactly."""


@dataclass
class Bucket:
    """One quota. Its state is the instant at which it will be full. Source: ITU-T I.371, the virtual scheduling algorithm."""

    name: str
    """As in the names of headers: requests, tokens, output-tokens."""
    unit_s: float
    """That a unit takes to flow in."""
    size: float
    full_s: float = -inf

    def opens_s(self, wanted: float) -> float:
        """From when the bucket holds `wanted` (or is full, where that is more than it ever holds)."""
        return self.full_s - (self.size - min(wanted, self.size)) * self.unit_s

    def take(self, wanted: float, now_s: float) -> None:
        """Out of the bucket."""
        self.full_s = max(self.full_s, now_s) + wanted * self.unit_s

    def give_back(self, wanted: float) -> None:
        """Into the bucket, as if it had not been taken."""
        self.full_s -= wanted * self.unit_s

    def remaining(self, now_s: float) -> int:
        """Whole units in the bucket."""
        return max(0, math.floor(self.size - max(0.0, self.full_s - now_s) / self.unit_s))


@dataclass(frozen=True)
class Refusal:
    """Why a call is turned away (429), and for how many Scenario seconds where that is known."""

    what: str
    code: str
    retry_after_s: float


class Limits:
    """All limits of a provider. A call that is let through is charged, and leaves when it is done."""

    def __init__(self, provider: Provider, early_s: float = 0.0) -> None:
        self.most = provider.max_concurrency
        self.under_way = 0
        self._early_s = early_s
        tokens_in, tokens_out = provider.input_tokens_per_minute, provider.output_tokens_per_minute
        quotas = (
            ("requests", provider.requests_per_minute, float(provider.burst_requests)),
            ("tokens", tokens_in, tokens_in),
            ("output-tokens", tokens_out, tokens_out),
        )
        self.buckets = [
            (place, Bucket(name, 60 / quota, size or 0.0))
            for place, (name, quota, size) in enumerate(quotas)
            if quota is not None
        ]

    def enter(self, input_tokens: float, output_tokens: float, now_s: float, usual_s: float) -> Refusal | None:
        """Charge a call and let it through, or say why not; `usual_s` is how long to stay away where calls at once are the limit."""
        if self.most is not None and self.under_way >= self.most:
            return Refusal("concurrent requests", "concurrency_limit_exceeded", usual_s)
        wanted = (1.0, input_tokens, output_tokens)
        for place, bucket in self.buckets:
            wait_s = bucket.opens_s(wanted[place]) - now_s
            if wait_s > self._early_s + ROUNDING_S:
                return Refusal(bucket.name.replace("-", " "), "rate_limit_exceeded", wait_s)
        for place, bucket in self.buckets:
            bucket.take(wanted[place], now_s)
        self.under_way += 1
        return None

    def leave(self, input_tokens: float, output_tokens: float, *, gives_back: bool) -> None:
        """A call is done; `gives_back`: it failed, and failed calls burn no quota."""
        self.under_way -= 1
        if gives_back:
            wanted = (1.0, input_tokens, output_tokens)
            for place, bucket in self.buckets:
                bucket.give_back(wanted[place])

    def headers(self, now_s: float, speed: float) -> dict[str, str]:
        """What OpenAI's servers say of each quota, as the client's own clock sees it: limits a real minute, resets in real seconds."""
        told = {}
        for _, bucket in self.buckets:
            told[f"x-ratelimit-limit-{bucket.name}"] = str(round(60 / bucket.unit_s * speed))
            told[f"x-ratelimit-remaining-{bucket.name}"] = str(bucket.remaining(now_s))
            told[f"x-ratelimit-reset-{bucket.name}"] = duration(max(0.0, bucket.full_s - now_s) / speed)
        return told


def duration(seconds: float) -> str:
    """As OpenAI's headers write it: 6m0s, 1.5s, 120ms."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
