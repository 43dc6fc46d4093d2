"""Results and recommendations to write reports about: small, whole, and true to the conservation equation."""

import json
import math
from typing import Any

from advisor.advice.contract import Recommendation
from simulator.result import ClassResult, Costs, DesignResult, LiveReport, Quantiles, Result, StarvedClass
from simulator.scenario import Scenario

NO_QUANTILES = dict.fromkeys(("mean", "p50", "p90", "p95", "p99", "max"))


def scenario(**changes: Any) -> Scenario:
    data = {
        "seed": 7,
        "jobs": 3000,
        "deadline_s": 120,
        "arrivals": {"process": "bursts", "rate_per_s": 1, "peak_to_mean": 5, "peak_s": 300, "every_s": 3600},
        "service": {"distribution": "lognormal", "p50_s": 8, "p95_s": 20},
        "provider": {"outages": [{"start_s": 3000, "length_s": 300}]},
        "synchronous": {"workers": 20, "backlog": 100, "client_timeout_s": 30},
        "event_driven": {"consumers": 20},
    }
    return Scenario.parse(data | changes)


def quantiles(scale: float) -> dict[str, float | None]:
    return {"mean": scale, "p50": 0.8 * scale, "p90": 2 * scale, "p95": 3 * scale, "p99": 6 * scale, "max": 9 * scale}


BURST_S = (1650.0, 1950.0)


def series(peak: float, drains_s: float) -> dict[str, list[float]]:
    """An hour in bins of 10 s: a queue that fills in the burst in its middle and is empty `drains_s` after it."""
    times = [10.0 * place for place in range(360)]
    begins, ends = BURST_S

    def depth(at_s: float) -> float:
        if at_s <= ends:
            return max(0.0, round(peak * (at_s - begins) / (ends - begins)))
        return max(0.0, round(peak * (1 - (at_s - ends) / drains_s)))

    return {
        "t_s": times,
        "arrivals": [50.0 if begins <= time < ends else 6.0 for time in times],
        "completed": [20.0 if begins <= time < ends + drains_s else 6.0 for time in times],
        "queue_depth": [depth(time + 10) for time in times],
        "in_flight": [20.0 if begins <= time < ends + drains_s else 6.0 for time in times],
        "lag_s": [depth(time + 10) / 2 for time in times],
    }


OUTAGE_S = 3000.0


def call_rate(herd: float) -> dict[str, Any]:
    """The hour's busiest seconds, 4 s each, up to 40 s before its end; from the outage on `herd` times as many calls a second."""
    return {"width_s": 4, "per_s": [20.0 if 4 * place < OUTAGE_S else 20.0 * herd for place in range(890)]}


def curve(scale: float, completed: float) -> dict[str, list[float]]:
    """An exponential latency of mean `scale`, cut at the completed share."""
    places = [place / 100 for place in range(1, 100)]
    return {
        "latency_s": [-scale * math.log(1 - place) for place in places],
        "share": [completed * place for place in places],
    }


def design(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "offered": 60_000,
        "accepted": 60_000,
        "completed": 59_400,
        "good": 58_800,
        "late": 600,
        "failed": 0,
        "timed_out": 0,
        "rejected": 0,
        "dead_lettered": 600,
        "undelivered": 0,
        "lost": 0,
        "in_system": 0,
        "stable": True,
        "growth_per_min": None,
        "wait_s": quantiles(12),
        "latency_s": quantiles(22),
        "queue_depth": {"mean": 31.0, "max": 212.0},
        "lag_s": {"max": 106.0},
        "utilisation": 0.62,
        "attempts_per_job": 1.02,
        "wasted_s": 120.0,
        "provider_calls": 61_200,
        "provider_429": 0,
        "delivery_calls": 180_000,
        "intervals": {"latency_p95_s": [64.0, 68.0], "latency_mean_s": [21.4, 22.6], "good_share": [0.976, 0.984]},
        "series": series(212, 360),
        "call_rate": call_rate(1.1),
        "curve": curve(22, 0.99),
    }
    return data | changes


def synchronous(**changes: Any) -> dict[str, Any]:
    worse = design(
        accepted=48_000,
        completed=42_000,
        good=42_000,
        late=0,
        failed=600,
        timed_out=5_400,
        rejected=12_000,
        dead_lettered=0,
        wait_s=quantiles(9),
        latency_s=quantiles(18) | {"p90": None, "p95": None, "p99": None, "max": None, "mean": None},
        queue_depth={"mean": 14.0, "max": 100.0},
        wasted_s=98_000.0,
        intervals={"good_share": [0.69, 0.71]},
        series=series(100, 120),
        call_rate=call_rate(3),
        curve=curve(14, 0.70),
    )
    return worse | changes


def unstable(**changes: Any) -> dict[str, Any]:
    growing = design(
        stable=False,
        growth_per_min=12.5,
        good=30_000,
        late=20_000,
        completed=50_000,
        dead_lettered=0,
        in_system=10_000,
        wait_s=NO_QUANTILES,
        latency_s=NO_QUANTILES,
        intervals={},
    )
    return growing | changes


def result(**changes: Any) -> Result:
    data: dict[str, Any] = {
        "engine": "kernel",
        "seed": 7,
        "replications": 20,
        "synchronous": synchronous(),
        "event_driven": design(),
        "difference": {"good_share": {"mean": 0.28, "low": 0.27, "high": 0.29}},
        "verdict": "event_driven",
        "inequalities": ["event_driven: delivery polling every 2 s"],
    }
    return Result.parse(data | changes)


def live_result(**changes: Any) -> Result:
    """Measured as `result`, predicted with a herd of its own."""
    predicted = design_result(call_rate=call_rate(5))
    live: dict[str, Any] = {
        "speed": 10,
        "window": "the whole workload",
        "window_s": 3600,
        "scenario": scenario(),
        "jobs": 100,
        "real_s": 60,
        "costs": Costs(accept_s=0.01, dispatch_s=0.01, synchronous_s=0.01, retry_tick_s=0.01),
        "predicted_synchronous": predicted,
        "predicted_event_driven": predicted,
        "figures": (),
        "lateness": {},
    }
    return result().model_copy(update={"engine": "live", "live": LiveReport(**live | changes)})


def design_result(**changes: Any) -> DesignResult:
    return DesignResult.parse(design(**changes))


def starving_scenario() -> Scenario:
    queues = {"consumers": 20, "queues": {"urgent": 20.0, "batch": 80.0}}
    return scenario(event_driven=queues, deadline_s={"urgent": 10.0, "batch": 600.0})


def class_times(worst_s: float) -> Quantiles:
    return Quantiles(mean=worst_s / 9, p50=worst_s / 10, p95=worst_s / 3, p99=worst_s / 2, max=worst_s)


def of_class(offered: int, good: int, worst_s: float, **more: Any) -> ClassResult:
    return ClassResult(
        **({"offered": offered, "completed": offered, "good": good, "late": offered - good} | more),
        wait_s=class_times(worst_s),
        latency_s=class_times(worst_s + 20),
        intervals={"good_share": (good / offered - 0.001, min(1.0, good / offered + 0.001))},
    )


def starving(**changes: Any) -> Result:
    """In strict order the batch waits for 41 minutes."""
    event_driven = {"urgent": of_class(12_000, 11_990, 0.3), "batch": of_class(48_000, 29_760, 2460)}
    synchronous = {"urgent": of_class(12_000, 9600, 95), "batch": of_class(48_000, 48_000, 95)}
    both = {
        "synchronous": design_result().model_copy(update={"classes": synchronous}),
        "event_driven": design_result().model_copy(update={"classes": event_driven}),
        "class_verdicts": {"urgent": "event_driven", "batch": "synchronous"},
        "starved": (
            StarvedClass(
                design="event_driven",
                queue="batch",
                good_share=0.62,
                deadline_s=600,
                worst_wait_s=2460,
                others_worst_wait_s=0.3,
                others_meet=True,
            ),
        ),
        "verdict": "neither",
    }
    return result().model_copy(update=both | changes)


def recommendation(**changes: Any) -> Recommendation:
    data: dict[str, Any] = {
        "style": "event_driven",
        "strength": "clear",
        "score": 0.72,
        "feasible": True,
        "infeasible": {"synchronous": ["p99 34 s is past the 30 s limit of gunicorn"]},
        "probability": None,
        "settle": None,
        "inline_wait_s": None,
        "delivery": {
            "method": "webhook",
            "why": "The caller is a partner that takes calls.",
            "why_not": {"polling": "It would call in vain."},
            "parameters": {"schedule_s": [0, 5, 300], "timeout_s": 15, "signed": True},
            "fallback": "polling",
        },
        "reasons": [
            {
                "rule": "hop_limit",
                "favours": "event_driven",
                "weight": 0.9,
                "evidence": "p99 34 s, past the 30 s limit of gunicorn.",
                "source": "https://docs.gunicorn.org/en/stable/settings.html#timeout",
            },
            {
                "rule": "burst",
                "favours": "event_driven",
                "weight": 0.6,
                "evidence": "Peaks of 5 /s against a capacity of 2.1 /s.",
                "source": "Event-Driven Architecture for AI Workloads, Ajay Prajapat, 2025",
            },
            {
                "rule": "single_consumer",
                "favours": "synchronous",
                "weight": 0.2,
                "evidence": "One subscriber.",
                "source": "Event-Driven Architecture for AI Workloads, Ajay Prajapat, 2025",
            },
        ],
        "flips": [
            {
                "field": "processing.p95_s",
                "from": 20,
                "to": 1.9,
                "becomes": {"style": "synchronous", "strength": "lean", "delivery": "inline"},
            }
        ],
        "queues": [
            {
                "name": "urgent",
                "share_percent": 10,
                "consumers": 4,
                "max_wait_s": 5,
                "alarm_depth": 12,
                "alarm_lag_s": 2.5,
            }
        ],
        "concurrency": {"useful": 20, "bound_by": "max_concurrency"},
        "retries": {"max": 4, "base_s": 1, "cap_s": 60, "jitter": "full", "all_fail_probability": 3.2e-9},
        "dead_letter": True,
        "monitors": [{"metric": "queue_depth", "threshold": "12", "text": "Depth beyond it means missed waits."}],
        "warnings": [{"code": "outage", "text": "Four retries span 15 s; the outage lasts 15 min."}],
    }
    return Recommendation.model_validate_json(json.dumps(data | changes))
