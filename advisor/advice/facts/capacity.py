"""How much can be served, and how demand stands to it."""

from dataclasses import dataclass

import numpy as np

from advisor.advice.columns import Columns, Flags, Floats, chosen
from advisor.advice.facts.failure import Failure
from advisor.advice.facts.load import Load
from advisor.advice.facts.work import Work


@dataclass(frozen=True)
class Capacity:
    """Facts about capacity: jobs a second, attempts counted."""

    workers: Floats
    consumers: Floats
    """The most that operations allow: of consumers, and of workers too."""
    concurrency: Floats
    servers: Floats
    """Workers of the synchronous design that operations allow and that can call at once."""
    quotas: Floats
    """What the quotas together allow."""
    requests_cap: Floats
    input_cap: Floats
    output_cap: Floats
    """What each quota allows."""
    sync_cap: Floats
    """What the synchronous design can do."""
    cap: Floats
    """What as many workers or consumers as are allowed can do."""
    peak_load: Floats
    """Peak demand as a part of the synchronous capacity."""
    long_run_load: Floats
    """Mean demand as a part of the most that is allowed."""
    gathers_s: Floats
    """What a peak gathers beyond the capacity, as the time that it takes to serve it."""
    ordered_globally: Flags
    """One order for all results leaves one at a time."""


def capacity_of(c: Columns, load: Load, work: Work, failure: Failure) -> Capacity:
    """The capacity behind columns of answers: the least of servers / S, and of our share of each quota over the attempts a job takes."""
    share = c["provider.share_percent"] / 100

    def quota(name: str, each: Floats) -> Floats:
        taken = 60 * each * failure.attempts
        return np.where(taken > 0, c[f"provider.{name}_per_minute"] * share / np.where(taken > 0, taken, 1.0), np.inf)

    requests_cap = quota("requests", np.ones_like(share))
    input_cap = quota("input_tokens", c["processing.input_tokens"])
    output_cap = quota("output_tokens", c["processing.output_tokens"])
    quotas = np.minimum(np.minimum(requests_cap, input_cap), output_cap)
    workers, consumers, concurrency = (
        c["synchronous.workers"],
        c["operations.max_workers"],
        c["provider.max_concurrency"],
    )
    ordered = chosen(c, "subscribers.ordering", "global")
    at_once = np.where(ordered, 1.0, concurrency)
    held_s = work.mean_s * failure.attempts
    servers = np.minimum(np.minimum(workers, consumers), at_once)
    sync_cap = np.minimum(servers / held_s, quotas)
    cap = np.minimum(np.minimum(consumers, at_once) / held_s, quotas)
    return Capacity(
        workers=workers,
        consumers=consumers,
        concurrency=concurrency,
        servers=servers,
        quotas=quotas,
        requests_cap=requests_cap,
        input_cap=input_cap,
        output_cap=output_cap,
        sync_cap=sync_cap,
        cap=cap,
        peak_load=load.peak_rate / sync_cap,
        long_run_load=load.rate / cap,
        gathers_s=np.maximum(0.0, load.peak_rate / cap - 1) * load.peak_s,
        ordered_globally=ordered,
    )
