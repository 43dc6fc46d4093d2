# mypy: disable-error-code="no-any-return"
"""Random numbers that belong to a job: a hash (splitmix64) of the key, the job, the purpose and the attempt.

Both designs get the same ones, in whatever order they ask.
Source of the mixer: Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014; constants of Stafford's variant 13.
"""

import math
from typing import Any

import numpy as np

from simulator.kernel.compiled import compiled, entry

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


def key_of(seed: int, replication: int) -> np.uint64:
    """Return the key of a replication's random numbers."""
    mask, golden = 2**64 - 1, int(GOLDEN)
    state = int(mixed(np.uint64((seed * golden + 0x632BE59BD9B4E019) & mask)))
    return np.uint64(mixed(np.uint64((state + (replication + 1) * golden) & mask)))


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
