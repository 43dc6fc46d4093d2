"""The measurement as a page of Markdown."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from statistics import mean, median, stdev
from typing import Literal

from benchmarks.stock_rq.analysis import Dispatch, Run, measure, percentile, retry_lateness_s
from benchmarks.stock_rq.prediction import ALONE, REPLAYED, Predicted, Prediction
from benchmarks.stock_rq.workloads import (
    BACKLOG,
    CLIENT_TIMEOUT_S,
    DEADLINE_S,
    FAILURE_PERCENT,
    P50_S,
    P95_S,
    RETRY_INTERVALS_S,
    WORKERS,
)

Unit = Literal["s", "share", "jobs"]
COMMAND = ".venv/bin/python -m benchmarks.stock_rq"
FAR_PERCENT = 15
FIRST_SYN_RETRY_S = 0.9
"""A connection that takes longer was not made at the first try: TCP tries again after 1 s."""

COMMON: dict[str, tuple[str, Unit]] = {
    "wait_mean_s": ("wait, mean", "s"),
    "wait_p95_s": ("wait, p95", "s"),
    "latency_p50_s": ("latency, p50", "s"),
    "latency_p95_s": ("latency, p95", "s"),
    "depth_mean": ("queue depth, mean", "jobs"),
    "depth_max": ("queue depth, largest", "jobs"),
    "good": (f"result within {DEADLINE_S:g} s", "share"),
}
ROWS: dict[str, dict[str, tuple[str, Unit]]] = {
    "event_driven": {**COMMON, "dead_lettered": ("dead letters", "share"), "in_system": ("without an end", "share")},
    "synchronous": {
        **{name: row for name, row in COMMON.items() if name != "latency_p95_s"},
        "depth_mean": ("backlog, mean", "jobs"),
        "depth_max": ("backlog, largest", "jobs"),
        "failed": ("failed", "share"),
        "rejected": ("refused", "share"),
        "timed_out": ("timed out", "share"),
    },
}


@dataclass(frozen=True)
class Comparison:
    """A measured run, and what was predicted from the description (a) and for the recorded jobs of each design (b)."""

    run: Run
    dispatch_s: float
    alone: Mapping[str, Prediction]
    replayed: Mapping[str, Prediction]


@dataclass(frozen=True)
class Conditions:
    minutes: float
    seed: int
    date: str
    machine: str
    syn_linear_timeouts: int
    load_before: float
    load_after: float
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    workload: str
    title: str
    unit: Unit
    measured: float
    alone: Predicted
    replayed: Predicted

    def markdown(self) -> str:
        spread = "" if self.alone.deviation is None else f" ± {written(self.alone.deviation, self.unit)}"
        cells = (
            self.workload, self.title, written(self.measured, self.unit),
            written(self.alone.value, self.unit) + spread, error(self.measured, self.alone.value, self.unit),
            written(self.replayed.value, self.unit), error(self.measured, self.replayed.value, self.unit),
        )  # fmt: skip
        return "| " + " | ".join(cells) + " |"


def page(comparisons: Iterable[Comparison], conditions: Conditions, dispatch: Dispatch, *, drops: bool) -> str:
    comparisons = list(comparisons)
    queue, service = (rows_of(comparisons, design) for design in ROWS)
    late_syns_s = syn_retries_s(conditions.syn_linear_timeouts)
    return "\n".join((
        "# Compared with a system that is not ours", "", *_introduction(comparisons, conditions, dispatch), "",
        "## rq", "", *_table(queue), "", *_queue_findings(comparisons, queue), "",
        "## gunicorn", "", *_table(service), "", *_service_findings(comparisons, service, late_syns_s, drops=drops), "",
    ))  # fmt: skip


def rows_of(comparisons: Iterable[Comparison], design: str) -> list[Row]:
    rows = []
    for comparison in comparisons:
        run, first = comparison.run, True
        of_queue = design == "event_driven"
        measured = measure(run.queue, run.begin_at) if of_queue else measure(run.service, run.begin_at, run.backlog)
        for name, (title, unit) in ROWS[design].items():
            workload = f"{run.workload.name}, {len(run.queue):,} jobs" if first else ""
            alone, replayed = comparison.alone[design][name], comparison.replayed[design][name]
            rows.append(Row(workload, title, unit, measured[name], alone, replayed))
            first = False
    return rows


def written(value: float, unit: Unit) -> str:
    if math.isinf(value):
        return "not reached"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "jobs":
        return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def error(measured: float, predicted: float, unit: Unit) -> str:
    """The prediction's error: in percentage points for a share, else in percent of what was measured."""
    if unit == "share":
        return f"{100 * (predicted - measured):+.1f} points"
    percent = error_percent(measured, predicted)
    return "" if percent is None else f"{percent:+.0f} %"


def error_percent(measured: float, predicted: float) -> float | None:
    """None if one of the two is not reached, or nothing was measured that it could be a part of."""
    return None if math.isinf(measured) or math.isinf(predicted) or measured == 0 else 100 * (predicted / measured - 1)


def _introduction(comparisons: Iterable[Comparison], conditions: Conditions, dispatch: Dispatch) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in conditions.versions.items())
    dispatches = ", ".join(f"{comparison.dispatch_s:.3f}" for comparison in comparisons)
    intervals = ", ".join(map(str, RETRY_INTERVALS_S))
    return [
        "This page is written by a command. It takes ten minutes, and one for the predictions, needs the `benchmark` requirements of"
        " `pyproject.toml` and a Redis or Valkey server, and listens on the loopback address alone:",
        "",
        f"    {COMMAND} --minutes 10",
        "",
        f"It sends the same Poisson arrivals, in real time, to `rq worker-pool` with {WORKERS} of rq's own forking workers"
        f" (retries after {intervals} s by rq's scheduler), and to gunicorn with {WORKERS} sync workers, a listen backlog of {BACKLOG} (which"
        f" holds {BACKLOG + 1}), and callers who give up after {CLIENT_TIMEOUT_S:.0f} s and do not try again. Each calls a server"
        f" of its own that sleeps (lognormal, median {P50_S} s, p95 {P95_S} s) and fails {FAILURE_PERCENT:.0f} % of its calls. No code of"
        " the simulator or of the live run takes part; `manage.py simulate` is asked as anyone would ask it, with a file:",
        "",
        f"- **(a)** from the description alone: Poisson, lognormal, no dispatch cost, {ALONE} replications; ± is one standard deviation"
        " of a single run;",
        f"- **(b)** the recorded arrivals and durations replayed as a trace, {REPLAYED} replications, with what rq itself took of a worker"
        f" for each job of that run (`dispatch_s`: {dispatches}); the failures are drawn by the simulator.",
        "",
        f"rq itself, with jobs that do nothing and idle workers: {written(dispatch.pick_up_s, 's')} from the queue to a worker's hand and"
        f" {written(dispatch.start_s, 's')} from there to the job's first line (medians); in a row on one worker, each takes"
        f" {written(dispatch.a_job_s, 's')} of it. In the runs it is the mean of the jobs after which another one was waiting.",
        "",
        f"Measured on {conditions.date}, {conditions.machine}, load average {conditions.load_before:.1f} before and"
        f" {conditions.load_after:.1f} after; {versions}.",
    ]


def _table(rows: Iterable[Row]) -> list[str]:
    return [
        "| workload | figure | measured | (a) description alone | error | (b) recorded jobs and dispatch | error |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(row.markdown() for row in rows),
    ]


def _agreement(rows: Iterable[Row]) -> str:
    errors = []
    workload = ""
    for row in rows:
        workload = row.workload.partition(",")[0] or workload
        percent = None if row.unit == "share" else error_percent(row.measured, row.replayed.value)
        if percent is not None:
            errors.append((abs(percent), f"{workload}: {row.title} ({percent:+.0f} %)"))
    far = [words for size, words in sorted(errors, reverse=True) if size > FAR_PERCENT]
    middle = (
        f"The replayed prediction (b) is off by {median(size for size, _ in errors):.0f} % in the median of {len(errors)} durations"
        " and depths"
    )
    return f"{middle}; by more than {FAR_PERCENT} %: {'; '.join(far) or 'none'}."


def _queue_findings(comparisons: Iterable[Comparison], rows: Iterable[Row]) -> list[str]:
    runs = [comparison.run for comparison in comparisons]
    late = [late_s for run in runs for late_s in retry_lateness_s(run.queue)]
    senders = [late_s for run in runs for late_s in run.lateness_s]
    dead = sum(job.outcome == "dead_lettered" for run in runs for job in run.queue)
    findings = [_agreement(rows), ""]
    if len(late) > 1:
        findings += [
            "rq cuts the due time of a retry down to whole seconds and looks once a second:"
            f" the pauses before {plural(len(late), 'retry', 'retries')} were {min(late):+.2f} to {max(late):+.2f} s longer than asked"
            f" (mean {mean(late):+.2f}, standard deviation {stdev(late):.2f}). Both predictions have `retry_tick_s: 1`: -1 to +1 s longer,"
            " 0 on average, with a standard deviation of 0.29 in a run whose looks keep their phase, and of 0.41 over all phases.",
            "",
        ]
    return [
        *findings,
        f"{plural(dead, 'job', 'jobs')} had used up all retries, and rq's failed registry holds"
        f" {sum(run.in_failed_registry for run in runs)}. The senders were {written(median(senders), 's')} behind their schedule in the"
        f" median, {written(percentile(senders, 0.99), 's')} at the 99th percentile.",
    ]


def _service_findings(
    comparisons: Iterable[Comparison], rows: Iterable[Row], late_syns_s: list[int], *, drops: bool
) -> list[str]:
    jobs = [job for comparison in comparisons for job in comparison.run.service]
    refused, timed_out, broken = (
        sum(job.outcome == outcome for job in jobs) for outcome in ("rejected", "timed_out", "connection_error")
    )
    late = sum(bool(job.attempts) and job.attempts[0].queued_at - job.arrived_at > FIRST_SYN_RETRY_S for job in jobs)
    modelled = (
        "`simulate` models this as `synchronous.overflow: drop`, which both predictions use."
        if drops
        else "`simulate` does not model this yet: its backlog refuses with 503, so the rows of a burst that fills it cannot agree."
    )
    return [
        _agreement(rows),
        "",
        "A full listen backlog refuses nobody: the operating system drops the connection silently, and the caller's TCP tries again"
        f" after {', '.join(map(str, late_syns_s))} s. Of {plural(len(jobs), 'call', 'calls')}: refused {refused}, connected at such"
        f" a later try {late}, timed out {timed_out}, with a broken connection {broken}. {modelled}",
        "",
        "The backlog is what the operating system reports, 40 times a second. A wait is from the caller's connection to the application's"
        " first line, of calls that started while their caller was there. A caller can be connected a little before the full backlog has"
        " room for it, so such a wait can be longer than the time in the backlog; what passes before the connection is in the latency alone.",
    ]


def syn_retries_s(linear: int) -> list[int]:
    """When TCP tries again to connect, while the caller waits: `linear` times after 1 s, then after 1, 2, 4 s and so on."""
    pauses_s = [1] * linear + [2**doubling for doubling in range(6)]
    return [at for at in accumulate(pauses_s) if at < CLIENT_TIMEOUT_S]


def plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
