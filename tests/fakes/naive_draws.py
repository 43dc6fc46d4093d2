"""The random numbers that belong to a job, in plain Python: what the kernel's draws must equal."""

from math import exp, floor, log, pi, sin, sqrt
from typing import Any

from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtri

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
(
    GAP,
    SERVICE,
    CLASS,
    POISON,
    FAILURE,
    JITTER,
    PHASE,
    WEBHOOK,
    RECONNECT,
    HANDLING,
    REFUSAL,
    GAP_MORE,
    SERVICE_MORE,
    SUB_JITTER,
    TICK,
) = range(15)
DAY = 86_400.0


def mixed(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Draws:
    def __init__(self, scenario: Any, replication: int, trace: Any = None, durations: Any = None) -> None:
        state = mixed((scenario.seed * GOLDEN + 0x632BE59BD9B4E019) & MASK)
        self.key = mixed((state + (replication + 1) * GOLDEN) & MASK)
        self.scenario = scenario
        self.trace = trace
        self.durations = durations

    def uniform(self, job: int, purpose: int, index: int = 0) -> float:
        counter = (job << 18) | (purpose << 14) | index
        return ((mixed((self.key + counter * GOLDEN) & MASK) >> 11) + 0.5) * 2.0**-53

    def gamma(self, job: int, purpose: int, shape: float) -> float:
        raised = shape if shape >= 1 else shape + 1
        d = raised - 1 / 3
        trial = 1
        while True:
            x = float(ndtri(self.uniform(job, purpose, 2 * trial)))
            v = (1 + x / sqrt(9 * d)) ** 3
            if v > 0 and log(self.uniform(job, purpose, 2 * trial + 1)) < 0.5 * x * x + d - d * v + d * log(v):
                break
            trial += 1
        return d * v * (self.uniform(job, purpose, 0) ** (1 / shape) if shape < 1 else 1)

    def arrivals(self) -> Any:
        """Instants, without end (but for a trace and a backlog); of closed clients none, as they follow from the answers."""
        arrivals = self.scenario.arrivals
        yield from [0.0] * self.scenario.backlog_jobs
        if arrivals.process == "closed":
            return
        if arrivals.process == "backlog":
            yield from [0.0] * arrivals.jobs
            return
        if arrivals.process == "trace":
            yield from (float(instant) / arrivals.speed for instant in self.trace.arrivals_s)
            return
        rate, instant, cumulated, bursts, job = arrivals.rate_per_s, 0.0, 0.0, 0.0, self.scenario.backlog_jobs
        while True:
            gap = -log(self.uniform(job, GAP))
            cumulated += gap
            if arrivals.process == "regular":
                instant = (job - self.scenario.backlog_jobs) / rate
            elif arrivals.process == "poisson":
                instant += gap / rate
            elif arrivals.process == "gamma":
                instant += self.gamma(job, GAP_MORE, 1 / arrivals.cv**2) * arrivals.cv**2 / rate
            elif arrivals.process == "bursts":
                if arrivals.cv != 1:
                    gap = 1.0 if arrivals.cv == 0 else self.gamma(job, GAP_MORE, 1 / arrivals.cv**2) * arrivals.cv**2
                bursts += gap
                instant = self.in_bursts(bursts)
            elif arrivals.process == "daily":
                instant = self.in_a_day(cumulated)
            else:
                raise NotImplementedError(f"add {arrivals.process} to Draws.arrivals in tests/fakes/naive_draws.py")
            yield instant
            job += 1

    def in_bursts(self, cumulated: float) -> float:
        a = self.scenario.arrivals
        low = (a.every_s - a.peak_to_mean * a.peak_s) / (a.every_s - a.peak_s)
        cycle = floor(cumulated / (a.rate_per_s * a.every_s))
        rest = cumulated / a.rate_per_s - cycle * a.every_s
        begin, end = (a.every_s - a.peak_s) / 2, (a.every_s + a.peak_s) / 2

        def intensity(t: float) -> float:
            quiet = min(t, begin) + max(0.0, t - end)
            return low * quiet + a.peak_to_mean * min(max(0.0, t - begin), a.peak_s)

        return float(cycle * a.every_s + brentq(lambda t: intensity(t) - rest, 0, a.every_s + 1e-9, xtol=1e-12))

    def in_a_day(self, cumulated: float) -> float:
        a = self.scenario.arrivals
        turn, swing = 2 * pi / DAY, a.peak_to_mean - 1
        target = cumulated / a.rate_per_s
        reach = swing / turn + 1
        return float(
            brentq(lambda t: t - swing * sin(turn * t) / turn - target, target - reach, target + reach, xtol=1e-9)
        )

    def think(self, number: int, *, first: bool = False) -> float:
        """After job `number`, or before the first request of client `number`, who is somewhere in the middle of it."""
        arrivals = self.scenario.arrivals
        draw = self.uniform(number, GAP, int(first))
        if arrivals.think == "exponential":
            return float(-log(draw) * arrivals.think_s)
        return float(arrivals.think_s * draw if first else arrivals.think_s)

    def row(self, job: int) -> int:
        """Of a recording: a backlog before it is like its first rows."""
        backlog = self.scenario.backlog_jobs
        return job - backlog if job >= backlog else job % len(self.trace.arrivals_s)

    def service_of(self, place: int) -> Any:
        name = list(self.scenario.event_driven.queues)[place]
        return self.scenario.service_by_queue.get(name, self.scenario.service)

    def service(self, job: int) -> float:
        service = self.service_of(self.place(job))
        match service.distribution:
            case "deterministic":
                return float(service.mean_s)
            case "exponential":
                return float(service.mean_s * -log(self.uniform(job, SERVICE)))
            case "lognormal":
                sigma = log(service.p95_s / service.p50_s) / 1.6448536269514722
                z = float(ndtri(self.uniform(job, SERVICE)))
                return self.with_tail(service, z) if service.p99_s else float(exp(log(service.p50_s) + sigma * z))
            case "gamma":
                return float(self.gamma(job, SERVICE_MORE, 1 / service.cv**2) * service.mean_s * service.cv**2)
            case "tokens":
                return float(service.base_s + service.per_output_token_s * self.tokens(job)[1])
            case "empirical" if self.durations is not None:
                return float(self.durations[int(self.uniform(job, SERVICE) * len(self.durations))])
            case "empirical":
                return float(self.trace.service_s[self.row(job)])
            case other:
                raise NotImplementedError(f"add {other} to Draws.service in tests/fakes/naive_draws.py")

    def with_tail(self, service: Any, z: float) -> float:
        """The logarithm is a line through the median and p95, and one through p95 and p99; after p99 the flatter of both."""
        p95, p99 = float(ndtri(0.95)), float(ndtri(0.99))
        body, tail = log(service.p95_s / service.p50_s) / p95, log(service.p99_s / service.p95_s) / (p99 - p95)
        if z <= p95:
            return float(service.p50_s * exp(body * z))
        if z <= p99:
            return float(service.p95_s * exp(tail * (z - p95)))
        return float(service.p99_s * exp(min(body, tail) * (z - p99)))

    def mean_service(self) -> float:
        shares = enumerate(self.scenario.event_driven.queues.values())
        return sum(share / 100 * self.mean_of(self.service_of(place)) for place, share in shares)

    def mean_of(self, service: Any) -> float:
        match service.distribution:
            case "deterministic" | "exponential" | "gamma":
                return float(service.mean_s)
            case "lognormal" if service.p99_s:
                ends = (-14.0, float(ndtri(0.95)), float(ndtri(0.99)), 14.0)
                parts = (
                    quad(lambda z: self.with_tail(service, z) * exp(-z * z / 2), *ends[at : at + 2]) for at in range(3)
                )
                return float(sum(part for part, _ in parts) / sqrt(2 * pi))
            case "lognormal":
                sigma = log(service.p95_s / service.p50_s) / 1.6448536269514722
                return float(service.p50_s * exp(sigma**2 / 2))
            case "tokens":
                tokens = [self.tokens(job)[1] for job in range(len(self.trace.arrivals_s) if self.trace else 1)]
                return float(service.base_s + service.per_output_token_s * sum(tokens) / len(tokens))
            case "empirical":
                given = self.trace.service_s if self.durations is None else self.durations
                return float(sum(given) / len(given))
            case other:
                raise NotImplementedError(f"add {other} to Draws.mean_of in tests/fakes/naive_draws.py")

    def tokens(self, job: int) -> tuple[float, float]:
        provider, trace = self.scenario.provider, self.trace
        given = trace is not None
        return (
            float(trace.input_tokens[self.row(job)])
            if given and trace.input_tokens is not None
            else provider.input_tokens,
            float(trace.output_tokens[self.row(job)])
            if given and trace.output_tokens is not None
            else provider.output_tokens,
        )

    def place(self, job: int) -> int:
        shares = list(self.scenario.event_driven.queues.values())
        if len(shares) == 1:
            return 0
        draw, upto = self.uniform(job, CLASS), 0.0
        for place, share in enumerate(shares):
            upto += share
            if draw < upto / 100:
                return place
        return len(shares) - 1

    def is_poison(self, job: int) -> bool:
        return self.uniform(job, POISON) < self.scenario.failures.poison_percent / 100

    def fails(self, job: int, attempt: int, probes: int = 0) -> bool:
        transient = self.scenario.failures.transient_percent / 100
        return self.is_poison(job) or self.uniform(job + probes * 2**30, FAILURE, attempt) < transient

    def key_of(self, job: int, keys: int) -> int:
        return int(self.uniform(job, CLASS, 1) * keys)

    def crash(self, job: int, delivery: int, per_hour: float) -> float:
        """How long a consumer works from its taking of the job until it crashes."""
        return -log(self.uniform(job, TICK, 2 + delivery)) * 3600 / per_hour

    def backoff(self, draw: float, retry: int, before: float, retries: int) -> float:
        r = self.scenario.retries
        if r.flat_s is not None:
            return float(r.flat_s)
        if r.intervals_s is not None:
            padded = [r.intervals_s[0]] * retries + list(r.intervals_s)
            return float(padded[-retries:][retry])
        if r.jitter == "decorrelated":
            last = before if retry else r.base_s
            return float(min(r.cap_s, r.base_s * (1 - draw) + 3 * last * draw))
        limit = min(r.cap_s, r.base_s * 2.0**retry)
        shares = {"none": 1.0, "equal": 0.5 + 0.5 * draw, "full": draw}
        if r.jitter not in shares:
            raise NotImplementedError(f"add {r.jitter} to Draws.backoff in tests/fakes/naive_draws.py")
        return float(limit * shares[r.jitter])
