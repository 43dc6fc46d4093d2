"""What workers and their scheduler take of a job besides its own work."""

from dataclasses import dataclass

from advisor.advice import library
from advisor.advice.answers import Answers


@dataclass(frozen=True)
class WorkerCosts:
    accept_s: float
    dispatch_s: float
    retry_tick_s: float


def worker_costs(answers: Answers) -> WorkerCosts:
    operations = answers.operations
    kind = library.worker_kinds()[operations.worker_kind]

    def either(given: float | None, usual: float) -> float:
        return usual if given is None else given

    return WorkerCosts(
        either(operations.accept_s, kind.accept_s),
        either(operations.dispatch_s, kind.dispatch_s),
        either(operations.retry_tick_s, kind.retry_tick_s),
    )
