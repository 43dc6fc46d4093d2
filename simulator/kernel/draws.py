# mypy: disable-error-code="no-any-return"
"""Random numbers that belong to a job: a hash (splitmix64) of the key, the job, the purpose and the attempt.

Both designs ask for the same ones in whatever order they like, and get the same.
Source of the mixer: Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014; constants of Stafford's variant 13.
"""

import math
from typing import Any

import numpy as np

from core.units import DAY_S
from simulator.kernel.access import recorded
from simulator.kernel.compiled import compiled, entry
from simulator.kernel.layout import (
    BURSTS,
    DAILY,
    DETERMINISTIC,
    DRAWN,
    EXPONENTIAL,
    GAMMA,
    GAMMA_GAPS,
    JITTER_DECORRELATED,
    JITTER_EQUAL,
    JITTER_FULL,
    JITTER_NONE,
    LISTED,
    LOGNORMAL,
    POISSON,
    RECORDED,
    REGULAR,
    TOKENS,
    TRACE,
    U_GAP,
    U_GAP_MORE,
    U_SERVICE,
    U_SERVICE_MORE,
)

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
M1 = np.uint64(0xBF58476D1CE4E5B9)
M2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
ATTEMPT_BITS = 14
JOB_BITS = np.uint64(18)


@entry
def mixed(z: Any) -> Any:
    z = (z ^ (z >> S30)) * M1
    z = (z ^ (z >> S27)) * M2
    return z ^ (z >> S31)


@compiled
def uniform(key: Any, job: int, purpose: int, attempt: int) -> float:
    """In (0, 1): 53 bits, never 0 and never 1."""
    counter = (np.uint64(job) << JOB_BITS) | np.uint64((purpose << ATTEMPT_BITS) | attempt)
    return (np.float64(np.int64(mixed(key + counter * GOLDEN) >> S11)) + 0.5) * 1.1102230246251565e-16


@compiled
def exponential(key: Any, job: int, purpose: int, attempt: int) -> float:
    return -math.log(uniform(key, job, purpose, attempt))


@entry
def normal_quantile(p: float) -> float:
    """The standard normal's quantile. Source: M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r + 45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r + 133.14166789178437745) * r + 3.387132872796366608  # noqa: E501  # fmt: skip
        low = ((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r + 21213.794301586595867) * r + 5394.1960214247511077) * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1.0  # noqa: E501  # fmt: skip
        return q * top / low
    r = math.sqrt(-math.log(p if q < 0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        top = ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734  # noqa: E501  # fmt: skip
        low = ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r + 0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0  # noqa: E501  # fmt: skip
    else:
        r -= 5.0
        top = ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772  # noqa: E501  # fmt: skip
        low = ((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r + 0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0  # noqa: E501  # fmt: skip
    return -top / low if q < 0 else top / low


@compiled
def gamma(key: Any, job: int, purpose: int, shape: float) -> float:
    """Of mean `shape`. Source: Marsaglia, Tsang, A simple method for generating gamma variables, ACM TOMS 26 (2000)."""
    raised = shape if shape >= 1.0 else shape + 1.0
    d = raised - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    draw = d
    for trial in range(1, 4000):
        x = normal_quantile(uniform(key, job, purpose, 2 * trial))
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if math.log(uniform(key, job, purpose, 2 * trial + 1)) < 0.5 * x * x + d - d * v + d * math.log(v):
            draw = d * v
            break
    if shape < 1.0:
        draw *= uniform(key, job, purpose, 0) ** (1.0 / shape)
    return draw


@compiled
def service_s(m: Any, job: int, output_tokens: float) -> float:
    if m.service_kind == EXPONENTIAL:
        return m.service_a * exponential(m.key, job, U_SERVICE, 0)
    return other_service_s(m, job, output_tokens)


@compiled
def other_service_s(m: Any, job: int, output_tokens: float) -> float:
    kind = m.service_kind
    if kind == DETERMINISTIC:
        return m.service_a
    if kind == LOGNORMAL:
        return math.exp(m.service_a + m.service_b * normal_quantile(uniform(m.key, job, U_SERVICE, 0)))
    if kind == GAMMA:
        return m.service_b * gamma(m.key, job, U_SERVICE_MORE, m.service_a)
    if kind == TOKENS:
        return m.service_a + m.service_b * output_tokens
    if kind == DRAWN:
        return recorded(m.trace, int(uniform(m.key, job, U_SERVICE, 0) * m.drawn)).duration
    if kind == RECORDED:
        return recorded(m.trace, job).duration
    raise NotImplementedError("add the service distribution to other_service_s in simulator/kernel/draws.py")


@compiled
def next_arrival(m: Any, job: int) -> float:
    if m.arrival_kind == POISSON:
        return m.arrival + m.gap * exponential(m.key, job, U_GAP, 0)
    return other_arrival(m, job)


@compiled
def other_arrival(m: Any, job: int) -> float:
    """All but the usual kind; `m.cumulated` is the cumulated intensity of a rate that changes."""
    kind = m.arrival_kind
    if kind == REGULAR:
        return job / m.rate
    if kind == GAMMA_GAPS:
        return m.arrival + m.arrival_b * gamma(m.key, job, U_GAP_MORE, m.arrival_a)
    if kind in (BURSTS, DAILY):
        m.cumulated += exponential(m.key, job, U_GAP, 0)
        if kind == BURSTS:
            return burst_instant(m, m.cumulated)
        return daily_instant(m, m.cumulated, m.arrival)
    if kind == TRACE:
        return recorded(m.trace, job).arrival / m.arrival_a
    raise NotImplementedError("add the arrival process to other_arrival in simulator/kernel/draws.py")


@compiled
def burst_instant(m: Any, cumulated: float) -> float:
    """When the intensity of a rate with one peak in the middle of every cycle has cumulated to this.

    `arrival_a`: peak to mean, `arrival_b`: length of the peak, `arrival_c`: of the cycle.
    """
    rate, high, peak, cycle = m.rate, m.arrival_a, m.arrival_b, m.arrival_c
    low = (cycle - high * peak) / (cycle - peak)
    quiet = (cycle - peak) / 2.0
    whole = np.floor(cumulated / (rate * cycle))  # math.floor makes an int64, which overflows where the rate is tiny
    rest = cumulated / rate - whole * cycle
    if rest < quiet * low:
        into = rest / low
    elif rest < quiet * low + peak * high:
        into = quiet + (rest - quiet * low) / high
    else:
        into = cycle if low <= 0.0 else quiet + peak + (rest - quiet * low - peak * high) / low
    return whole * cycle + min(into, cycle)


@compiled
def daily_instant(m: Any, cumulated: float, since: float) -> float:
    """When the intensity of rate x (1 - (`arrival_a` - 1) cos(2 pi t / day)) has cumulated to this: it is lowest at 0. Bisection, then Newton."""
    rate, swing = m.rate, m.arrival_a - 1.0
    turn = 2.0 * math.pi / DAY_S
    target = cumulated / rate
    low, high = max(since, target - swing / turn), target + swing / turn + 1e-9
    t = min(max(target, low), high)
    for _ in range(60):
        value = t - swing * math.sin(turn * t) / turn - target
        if value > 0.0:
            high = t
        else:
            low = t
        slope = 1.0 - swing * math.cos(turn * t)
        step = t - value / slope if slope > 1e-9 else low - 1.0
        t_next = step if low < step < high else (low + high) / 2.0
        if abs(t_next - t) <= 1e-9:
            t = t_next
            break
        t = t_next
    return max(t, since)


@compiled
def backoff_s(m: Any, draw: float, attempt: int, before: float) -> float:
    """The pause after failed attempt `attempt` (0 first), `draw` uniform in (0, 1); `before` (decorrelated) is the pause before it, 0 if none.

    Source: Exponential backoff and jitter, AWS Architecture Blog, 2015.
    """
    kind = m.jitter
    base, cap = m.base, m.cap
    if kind == LISTED:
        return m.pauses[attempt]
    if kind == JITTER_DECORRELATED:
        return min(cap, base + (3.0 * max(base, before) - base) * draw)
    limit = min(cap, base * 2.0 ** min(attempt, 60))
    if kind == JITTER_NONE:
        return limit
    if kind == JITTER_EQUAL:
        return limit * (0.5 + 0.5 * draw)
    if kind == JITTER_FULL:
        return limit * draw
    raise NotImplementedError("add the jitter to backoff_s in simulator/kernel/draws.py")
