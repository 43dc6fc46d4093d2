"""Answers as vectors of numbers, so that one pass of arithmetic decides thousands of variations of them at once."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.advice import library
from advisor.advice.answers import CLASSES, LEAVES, Answers
from simulator.scenario import Hop

NumberVector = NDArray[np.float64]
FlagVector = NDArray[np.bool_]
AnswerVectors = Mapping[str, NumberVector]
"""Each answer by its path, one row a variation. Null is infinity where it means "no limit", else NaN; a flag is 0 or 1, a choice its place."""

UNLIMITED = (
    "caller.deadline_s",
    "caller.acknowledge_within_s",
    "provider.max_concurrency",
    "provider.requests_per_minute",
    "provider.input_tokens_per_minute",
    "provider.output_tokens_per_minute",
    "synchronous.backlog",
    "synchronous.client_timeout_s",
    "provider.requests_per_day",
    "provider.call_timeout_s",
    "subscribers.keys",
    "operations.lease_s",
    "operations.max_deliveries",
)
"""Fields whose null means that there is no limit."""

WITHOUT = frozenset(
    {
        "volume.clients",
        "processing.high_mean_s",
        "processing.request_kb",
        *(f"priorities.{name}.{quantile}_s" for name in CLASSES for quantile in ("p50", "p95")),
    }
)
"""Fields whose null means that the workload has nothing of the kind; no number is near to that."""

SIMULATED_ONLY = frozenset(
    {
        "volume.backlog_jobs",
        "provider.pacing",
        "provider.retry_after",
        "provider.call_timeout_s",
        "failures.failure_s",
        "resilience.outage_mode",
        "operations.lease_s",
        "operations.lease_ends",
        "operations.max_deliveries",
        "operations.crashes_per_hour",
        "operations.acknowledges",
    }
)
"""Answers that a simulation and the warnings take into account, but no rule: they flip nothing."""

OF_THE_BROKER = frozenset({"processing.request_kb", "subscribers.replays", "operations.broker"})
"""Answers that only the choice of a broker takes into account: they flip nothing."""

HOP_VECTORS = (
    "hops.total_s",
    "hops.streaming_total_s",
    "hops.idle_s",
    "hops.fixed_total_s",
    "hops.fixed_streaming_total_s",
    "hops.fixed_idle_s",
)
"""The tightest limit of each kind (total, total for a streamed response, idle), and the tightest that no setting changes."""


INTERVAL_VECTORS = tuple(f"failures.retry_intervals_s.{place}" for place in range(20))
"""A list of pauses, NaN past its end; there are none of these vectors if no list is given."""


def resolved_hops(hops: Iterable[str | Hop], streams: bool) -> tuple[Hop, ...]:
    return tuple(_resolved(hop, streams) for hop in hops)


def _resolved(hop: str | Hop, streams: bool) -> Hop:
    if isinstance(hop, Hop):
        return hop
    fact = library.hop_named(hop)
    if fact is None:
        raise LookupError(f"there is no hop named {hop!r}")
    return fact.hop(streams)


def is_choice(vectors: AnswerVectors, path: str, value: str) -> FlagVector:
    return np.equal(vectors[path], LEAVES[path].choices.index(value))


def encoded(path: str, value: Any) -> float:
    leaf = LEAVES[path]
    if value is None:
        return np.inf if path in UNLIMITED else np.nan
    if leaf.kind == "choice":
        return float(leaf.choices.index(value))
    return float(value)


def hop_limits(hops: Sequence[str | Hop]) -> dict[str, float]:
    def tightest(on_the_way: tuple[Hop, ...], kind: str) -> float:
        return min((hop.limit_s for hop in on_the_way if hop.kind == kind), default=np.inf)

    whole, streamed = resolved_hops(hops, False), resolved_hops(hops, True)
    fixed, fixed_streamed = (tuple(hop for hop in each if not hop.adjustable) for each in (whole, streamed))
    limits = [
        limit
        for plain, streams in ((whole, streamed), (fixed, fixed_streamed))
        for limit in (tightest(plain, "total"), tightest(streams, "total"), tightest(plain, "idle"))
    ]
    return dict(zip(HOP_VECTORS, limits, strict=True))


def intervals(pauses: Sequence[float] | None) -> dict[str, float]:
    if pauses is None:
        return {}
    return {name: pauses[place] if place < len(pauses) else np.nan for place, name in enumerate(INTERVAL_VECTORS)}


ENCODED = tuple(
    path
    for path, leaf in LEAVES.items()
    if leaf.numeric or leaf.kind == "flag" or (leaf.kind == "choice" and path != "schema")
)
"""The answers that have a vector."""


_VALUES = {path: attrgetter(path) for path in ENCODED}


def vectors_of(answers: Answers) -> dict[str, NumberVector]:
    vectors = {path: encoded(path, value(answers)) for path, value in _VALUES.items()} | hop_limits(
        answers.synchronous.hops
    )
    vectors |= intervals(answers.failures.retry_intervals_s)
    if not answers.volume.is_closed:
        vectors["volume.clients"] = np.nan
    return {path: np.array([value], dtype=np.float64) for path, value in vectors.items()}
