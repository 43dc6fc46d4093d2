"""The figures of a Result that decide, in under 4 kB of JSON."""

from collections.abc import Mapping
from typing import Any

from core.values import rounded
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario

_FIGURES = (
    *("good_share", "latency_p50_s", "latency_p95_s", "latency_p99_s", "wait_p95_s", "queue_depth_max", "utilisation"),
    *("attempts_per_job", "growth_per_min"),
)
_WITHOUT_RESULT = ("failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost")
_DIGITS = 6
_DIFFERENCES = ("good_share", "latency_p95_s")


def brief_result(result: Result, scenario: Scenario) -> dict[str, Any]:
    """The keys are always the same; `classes` is empty without deadlines of queues, `remedies` if a deadline is met. Floats have 6 digits."""
    deadlines_s = dict(zip(scenario.event_driven.queues, scenario.deadlines_s, strict=True))
    brief = {
        "schema": "crossover/brief@1",
        "engine": result.engine,
        "seed": result.seed,
        "replications": result.replications,
        "deadline_s": None if isinstance(scenario.deadline_s, Mapping) else scenario.deadline_s,
        "tolerated_miss_percent": scenario.tolerated_miss_percent,
        "verdict": result.verdict,
        "designs": {name: _design(design) for name, design in result.designs.items()},
        "difference": {
            name: result.difference[name].model_dump() if name in result.difference else None for name in _DIFFERENCES
        },
        "classes": {queue: _class(result, queue, deadlines_s[queue]) for queue in result.class_verdicts},
        "remedies": _remedies(result),
    }
    return rounded(brief, _DIGITS)


def _design(design: DesignResult) -> dict[str, Any]:
    return {
        "conclusion": design.conclusion,
        "stable": design.stable,
        "offered": design.offered,
        "without_result": sum(getattr(design, name) for name in _WITHOUT_RESULT),
        **{name: design.figure(name) for name in _FIGURES},
        "good_share_interval": design.intervals.get("good_share"),
    }


def _class(result: Result, queue: str, deadline_s: float) -> dict[str, Any]:
    shares = {
        name: design.classes[queue].good_share for name, design in result.designs.items() if queue in design.classes
    }
    return {"deadline_s": deadline_s, "verdict": result.class_verdicts[queue], "good_share": shares}


def _remedies(result: Result) -> dict[str, dict[str, float]]:
    """Of each design, the first remedy: what each number would have to be."""
    return {
        name: {change.path: change.needed for change in of_design.remedies[0].changes}
        for name, of_design in (result.remedies or {}).items()
        if of_design.remedies
    }
