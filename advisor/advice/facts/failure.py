"""How attempts fail, how often they are made, and how long that takes."""

from dataclasses import dataclass

import numpy as np

from advisor.advice.columns import INTERVAL_COLUMNS, Columns, Flags, Floats
from advisor.advice.facts.load import Load
from advisor.advice.facts.queueing import attempts_of


@dataclass(frozen=True)
class Failure:
    """Facts about failures and retries."""

    transient: Floats
    poison: Floats
    max_retries: Floats
    attempts: Floats
    """Mean attempts a job, poison included."""
    tries: Floats
    """Mean attempts of a job that is not poison."""
    retry_window_s: Floats
    """The longest time that the pauses between attempts span."""
    pauses_s: Floats
    """Mean time that a job spends in pauses (half of the longest each, as full jitter has it)."""
    pauses_variance: Floats
    dead_letter: Flags
    idempotent: Flags
    loses_in_outage: Flags
    """Whether more arrives in the stated outage than may be lost."""


def failure_of(c: Columns, load: Load) -> Failure:
    """The failures behind columns of answers."""
    transient, poison = c["failures.transient_percent"] / 100, c["failures.poison_percent"] / 100
    retries = c["failures.max_retries"]
    tries = attempts_of(transient, retries)
    backoff = _pauses(c["failures.backoff_base_s"], c["failures.backoff_cap_s"], transient, retries)
    longest, mean, variance = backoff
    if INTERVAL_COLUMNS[0] in c:
        listed = np.array([c[name] for name in INTERVAL_COLUMNS])
        given = ~np.isnan(listed[0])
        found = zip(_listed_pauses(listed, transient, retries), backoff, strict=True)
        longest, mean, variance = (np.where(given, of_list, usual) for of_list, usual in found)
    return Failure(
        transient=transient,
        poison=poison,
        max_retries=retries,
        attempts=(1 - poison) * tries + poison * (retries + 1),
        tries=tries,
        retry_window_s=longest,
        pauses_s=mean,
        pauses_variance=variance,
        dead_letter=c["failures.dead_letter"] > 0,
        idempotent=c["failures.idempotent"] > 0,
        loses_in_outage=load.arrives_in_outage > c["resilience.max_lost_jobs"],
    )


def _listed_pauses(listed: Floats, failure: Floats, retries: Floats) -> tuple[Floats, Floats, Floats]:
    """The same of pauses that are given one by one, a row each: of `count` pauses and r retries that are left, number max(count - r, 0) is next."""
    count = (~np.isnan(listed)).sum(axis=0)
    longest = mean = variance = np.zeros_like(failure * retries)
    for attempt in range(int(retries.max())):
        place = np.clip(count - (retries - attempt), 0, len(listed) - 1).astype(np.int64)
        pause = np.where(attempt < retries, np.take_along_axis(listed, place[np.newaxis], axis=0)[0], 0.0)
        chance = failure ** (attempt + 1)
        longest = longest + pause
        mean = mean + chance * pause
        variance = variance + chance * (1 - chance) * pause**2
    return longest, mean, variance


def _pauses(base_s: Floats, cap_s: Floats, failure: Floats, retries: Floats) -> tuple[Floats, Floats, Floats]:
    """Longest sum, mean and variance of a job's pauses: uniform up to min(cap, base 2^a) before retry a + 1, which p^(a+1) need."""
    longest = mean = variance = np.zeros_like(failure * retries * base_s * cap_s)
    for attempt in range(int(retries.max())):
        pause = np.where(attempt < retries, np.minimum(cap_s, base_s * 2.0**attempt), 0.0)
        chance = failure ** (attempt + 1)
        longest = longest + pause
        mean = mean + chance * pause / 2
        variance = variance + chance * (pause**2 / 3 - chance * pause**2 / 4)
    return longest, mean, variance
