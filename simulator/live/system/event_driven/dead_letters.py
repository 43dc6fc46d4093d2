"""The dead letters of a run under way: read, requeued and emptied in rq's registry of failed jobs."""

from dataclasses import dataclass
from datetime import datetime

from rq.exceptions import InvalidJobOperation, NoSuchJobError

from simulator.live.system.event_driven.queues import RunQueues, attempt_number, job_number, rq_id


@dataclass(frozen=True)
class DeadLetter:
    job: int
    queue: str
    attempts: int
    reason: str
    ended_at: datetime | None


def read_dead_letters(queues: RunQueues, retries: int) -> tuple[DeadLetter, ...]:
    letters = []
    for registry in queues.dead_letters():
        for rq_job in queues.fetch(registry.get_job_ids()):
            result = rq_job.latest_result()
            error = (result.exc_string if result is not None else None) or "unknown"
            reason = error.strip().splitlines()[-1].rpartition("AttemptFailed: ")[2]
            attempts = attempt_number(rq_job, retries)
            letters.append(DeadLetter(job_number(rq_job.id), registry.name, attempts, reason, rq_job.ended_at))
    return tuple(sorted(letters, key=lambda letter: letter.job))


def requeue(queues: RunQueues, job: int) -> bool:
    """Let rq requeue a dead letter for one more attempt; False if it is none (any more)."""
    for registry in queues.dead_letters():
        try:
            registry.requeue(rq_id(job))
            return True
        except (InvalidJobOperation, NoSuchJobError):
            continue
    return False


def empty(queues: RunQueues) -> int:
    """Delete all dead letters; how many there were."""
    removed = 0
    for registry in queues.dead_letters():
        for rq_job in queues.fetch(registry.get_job_ids()):
            registry.remove(rq_job, delete_job=True)
            removed += 1
    return removed
