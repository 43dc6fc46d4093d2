"""From what the processes wrote down to the figures of a run, with the definitions of `simulate`'s result."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.stock_rq.records import read
from benchmarks.stock_rq.workloads import DEADLINE_S, RETRY_INTERVALS_S, Workload

Records = Iterable[dict[str, Any]]
OUTCOMES = ("completed", "failed", "dead_lettered", "timed_out", "rejected", "connection_error", "in_system")


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job, in seconds of the system clock; `taken_at` is None if no worker took it."""

    queued_at: float
    taken_at: float | None
    ended_at: float | None
    service_s: float | None
    """What the work took, without rq's or gunicorn's own."""


@dataclass(frozen=True)
class Job:
    """A job as its sender sees it; `ended_at` is when its result, or its end without one, was there."""

    arrived_at: float
    outcome: str
    ended_at: float | None
    attempts: tuple[Attempt, ...]

    @property
    def latency_s(self) -> float:
        """From the arrival to the result; infinite without one."""
        done = self.ended_at if self.outcome == "completed" else None
        return math.inf if done is None else done - self.arrived_at

    @property
    def wait_s(self) -> float | None:
        """In the queue, over all attempts; None if no attempt started before the job ended."""
        waits = [
            attempt.taken_at - attempt.queued_at
            for attempt in self.attempts
            if attempt.taken_at is not None and (self.ended_at is None or attempt.taken_at <= self.ended_at)
        ]
        return sum(waits) if waits else None


def queue_jobs(arrivals: Records, attempts: Records) -> list[Job]:
    """The jobs of the queue, from the producer's and the workers' records."""
    attempts_by_job = defaultdict(list)
    for row in sorted(attempts, key=lambda row: row["started_at"]):
        attempts_by_job[row["job"]].append(row)
    return [_queue_job(row["arrived_at"], attempts_by_job[row["job"]]) for row in arrivals]


def _queue_job(arrived_at: float, rows: Sequence[dict[str, Any]]) -> Job:
    outcome, ended_at = "in_system", None
    if rows and (rows[-1]["succeeded"] or len(rows) > len(RETRY_INTERVALS_S)):
        outcome, ended_at = "completed" if rows[-1]["succeeded"] else "dead_lettered", rows[-1]["ended_at"]
    return Job(arrived_at, outcome, ended_at, tuple(map(_attempt, rows)))


def _attempt(row: dict[str, Any]) -> Attempt:
    return Attempt(row["queued_at"], row["taken_at"], row["ended_at"], row["ended_at"] - row["started_at"])


def service_jobs(calls: Records, served: Records) -> list[Job]:
    """The jobs of the service, from the callers' and the service's records; one is queued once it is connected."""
    served_by_job = {row["job"]: row for row in served}
    jobs = []
    for row in sorted(calls, key=lambda row: row["job"]):  # written down in the order of their ends
        work, connected_at = served_by_job.get(row["job"]), row["connected_at"]
        attempts: tuple[Attempt, ...] = ()
        if work is not None:
            attempts = (
                _attempt({"queued_at": connected_at or row["arrived_at"], "taken_at": work["started_at"], **work}),
            )
        elif connected_at is not None:
            attempts = (Attempt(connected_at, None, None, None),)
        jobs.append(Job(row["arrived_at"], row["outcome"], row["ended_at"], attempts))
    return jobs


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def last_work_at(jobs: Iterable[Job], begin_at: float) -> float:
    attempts = (attempt for job in jobs for attempt in job.attempts)
    return max(
        (at for attempt in attempts for at in (attempt.taken_at, attempt.ended_at) if at is not None), default=begin_at
    )


def depth(jobs: Sequence[Job], begin_at: float) -> tuple[float, int]:
    """The queue's mean depth over time, from `begin_at` to the end of the last work, and its largest."""
    attempts = [attempt for job in jobs for attempt in job.attempts]
    end_at = last_work_at(jobs, begin_at)
    changes = [(attempt.queued_at, 1) for attempt in attempts]
    changes += [(end_at if attempt.taken_at is None else attempt.taken_at, -1) for attempt in attempts]
    area, largest, now, waiting = 0.0, 0, begin_at, 0
    for at, by in sorted(changes):
        area += waiting * (at - now)
        now, waiting = at, waiting + by
        largest = max(largest, waiting)
    return (area / (end_at - begin_at) if end_at > begin_at else 0.0), largest


@dataclass(frozen=True)
class Dispatch:
    """What rq itself takes for a job, measured with jobs that do nothing."""

    pick_up_s: float
    """Median from the queue to an idle worker's hand."""
    start_s: float
    """Median from there to the job's first line."""
    a_job_s: float
    """What a job takes of a worker that has the next one waiting."""


@dataclass(frozen=True)
class Run:
    """A workload, measured; `begin_at` is the instant that its arrivals count from."""

    workload: Workload
    begin_at: float
    queue: list[Job]
    service: list[Job]
    backlog: list[tuple[float, int]]
    """Instants, and how many connections the operating system says wait to be accepted; empty if it does not."""
    dispatch_s: float | None
    """What rq itself took of a worker for each job, in the mean of those after which another one was waiting."""
    in_failed_registry: int
    lateness_s: list[float]
    """By how much each sender was behind its schedule."""


def read_dispatch(folder: Path) -> Dispatch:
    idle = read(folder / "idle.jsonl")
    return Dispatch(
        median(row["taken_at"] - row["queued_at"] for row in idle),
        median(row["started_at"] - row["taken_at"] for row in idle),
        median(later["taken_at"] - row["taken_at"] for row, later in pairwise(read(folder / "busy.jsonl"))),
    )


def read_run(workload: Workload, folder: Path) -> Run:
    arrivals, calls = read(folder / "arrivals.jsonl"), read(folder / "calls.jsonl")
    attempts = read(folder / "attempts.jsonl")
    begun, ended = read(folder / "run.jsonl")
    return Run(
        workload,
        begun["begin_at"],
        queue_jobs(arrivals, attempts),
        service_jobs(calls, read(folder / "served.jsonl")),
        [(row["at"], row["waiting"]) for row in read(folder / "backlog.jsonl")],
        busy_dispatch_s(attempts),
        ended["in_failed_registry"],
        [row["arrived_at"] - row["due_at"] for row in (*arrivals, *calls)],
    )


def busy_dispatch_s(attempts: Records) -> float | None:
    """A worker's time from one job to the next without the work itself, if the next was queued before the work ended; the mean."""
    by_worker = defaultdict(list)
    for row in sorted(attempts, key=lambda row: row["taken_at"]):
        by_worker[row["worker"]].append(row)
    own_s = [
        later["taken_at"] - row["taken_at"] - (row["ended_at"] - row["started_at"])
        for rows in by_worker.values()
        for row, later in pairwise(rows)
        if later["queued_at"] <= row["ended_at"]
    ]
    return mean(own_s) if own_s else None


def sampled_depth(samples: Sequence[tuple[float, int]], begin_at: float, end_at: float) -> tuple[float, int]:
    """The mean from `begin_at` to `end_at` and the largest, where nothing waits outside of the samples."""
    within = [(at, waiting) for at, waiting in samples if begin_at <= at <= end_at]
    area = sum(waiting * (later - at) for (at, waiting), (later, _) in pairwise(within))
    return area / (end_at - begin_at), max((waiting for _, waiting in within), default=0)


def measure(jobs: Sequence[Job], begin_at: float, samples: Sequence[tuple[float, int]] = ()) -> dict[str, float]:
    """The figures of a run; shares are of all jobs, and a latency is infinite if fewer jobs than that have a result.

    The queue's depth is that of `samples`, if there are any."""
    waits = [wait for job in jobs if (wait := job.wait_s) is not None] or [0.0]
    latencies = [job.latency_s for job in jobs]
    end_at = last_work_at(jobs, begin_at)
    mean_depth, max_depth = sampled_depth(samples, begin_at, end_at) if samples else depth(jobs, begin_at)
    shares = {outcome: sum(job.outcome == outcome for job in jobs) / len(jobs) for outcome in OUTCOMES}
    return shares | {
        "good": sum(latency <= DEADLINE_S for latency in latencies) / len(jobs),
        "wait_mean_s": sum(waits) / len(waits),
        "wait_p95_s": percentile(waits, 0.95),
        "latency_p50_s": percentile(latencies, 0.5),
        "latency_p95_s": percentile(latencies, 0.95),
        "depth_mean": mean_depth,
        "depth_max": max_depth,
    }


def retry_lateness_s(jobs: Iterable[Job]) -> list[float]:
    """By how much each retry was queued later than its interval after the failure asks for; negative: earlier."""
    return [
        later.queued_at - (earlier.ended_at or earlier.queued_at) - interval_s
        for job in jobs
        for earlier, later, interval_s in zip(job.attempts, job.attempts[1:], RETRY_INTERVALS_S, strict=False)
    ]
