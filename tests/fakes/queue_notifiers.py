"""Queue notifiers without a broker."""

from uuid import UUID

from advisor.decisions.jobs.queue_notifier import job_id


class FakeNotifier:
    def __init__(self) -> None:
        self.notified: list[str] = []
        self.queue: list[tuple[UUID, str]] = []

    def notify(self, run_id: UUID, attempt: int) -> None:
        self.notified.append(job_id(run_id, attempt))
        self.queue.append((run_id, job_id(run_id, attempt)))

    def waiting(self) -> set[str]:
        return {job for _, job in self.queue}

    def take(self) -> UUID | None:
        return self.queue.pop(0)[0] if self.queue else None

    def lose_everything(self) -> None:
        self.queue.clear()


class BrokenNotifier:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or ConnectionError("connection refused")
        self.tries = 0

    def notify(self, run_id: UUID, attempt: int) -> None:
        self.tries += 1
        raise self.error

    def waiting(self) -> set[str]:
        raise self.error
