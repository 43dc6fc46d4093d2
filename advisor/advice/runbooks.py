"""What to do when an alarm sounds: first what to look at, then what to do, in a sentence each."""

from collections.abc import Callable, Iterable, Mapping

from advisor.advice import sizing
from advisor.advice.contract import Monitor
from advisor.advice.facts import PointFacts
from core.numbers import count, duration


def _more(point: PointFacts, what: str) -> str:
    """Up to how many are of use."""
    useful = sizing.concurrency(point)
    if useful.bound_by in ("order", "workers"):
        return f"add {what}s, up to {count(useful.useful, what)}"
    return f"add {what}s, up to {count(useful.useful, what)} (more bring nothing: {useful.bound_by})"


def _queue(point: PointFacts) -> str:
    return (
        "Look whether all consumers run and how long their calls take; restart those that do not, and if all do, "
        f"{_more(point, 'consumer')}, or hold back the least urgent queue."
    )


def _drain(point: PointFacts) -> str:
    return (
        "Look at how many consumers run and how many jobs still arrive; bring the consumers back to their planned number, and hold back "
        "bulk work until the urgent queue is empty."
    )


def _dead_letters(point: PointFacts) -> str:
    return (
        "Look at the errors of the newest ten; if the input or our own code is at fault, stop its sender or roll back, and if the provider was away, "
        "send them again a few at a time once it answers."
    )


def _in_line(point: PointFacts) -> str:
    return (
        f"Look whether waiting or processing (usually {duration(point.work.p95_s)} at p95) has grown; if waiting, {_more(point, 'worker')}, and if "
        "processing, look at the provider's status and at the length of inputs."
    )


def _busy(point: PointFacts) -> str:
    return f"Look whether more requests arrive or each takes longer; {_more(point, 'worker')}, and refuse the least important callers until then."


def _refused(point: PointFacts) -> str:
    return (
        "Look at the p99 of the in-line answer and at who calls again; slow down callers that retry without pauses first, then "
        f"{_more(point, 'worker')}."
    )


def _provider(point: PointFacts) -> str:
    return (
        "Look which workload makes the calls and whether they are retries; hold back bulk work and lengthen the pauses, then ask for a "
        "larger quota; more workers make it worse."
    )


RUNBOOKS: Mapping[str, Callable[[PointFacts], str]] = {
    "queue depth and consumer lag": _queue,
    "time to drain": _drain,
    "dead letters": _dead_letters,
    "p99 of the in-line answer": _in_line,
    "busy workers": _busy,
    "refused requests": _refused,
    "dropped connections": _refused,
    "calls to the model provider": _provider,
}
"""By how the name of the metric begins."""


def with_runbooks(monitors: Iterable[Monitor], point: PointFacts) -> tuple[Monitor, ...]:
    return tuple(monitor.model_copy(update={"runbook": _runbook(monitor.metric, point)}) for monitor in monitors)


def _runbook(metric: str, point: PointFacts) -> str:
    return next((runbook(point) for start, runbook in RUNBOOKS.items() if metric.startswith(start)), "")
