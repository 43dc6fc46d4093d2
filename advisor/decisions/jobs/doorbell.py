"""The bell that tells a worker of a run. It may ring twice or not at all: the Run row decides, and the reconciler rings again."""

from functools import lru_cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from advisor.decisions.models import Run

BACKSTOP_S = 30
"""rq's own timeout comes this much after ours, for a run that neither we nor the supervisor could end."""
FAILURE_TTL_S = 86_400
RUN_SIMULATION = "advisor.decisions.jobs.run_simulation"
RUN_PART = "advisor.decisions.jobs.run_part"


class Doorbell(Protocol):
    """What carries word of a run to a worker."""

    def ring(self, run_id: UUID, attempt: int) -> None:
        """Tells some worker of the run. May raise whatever keeps it from doing so."""

    def waiting(self) -> set[str]:
        """The job ids that some worker will still be told of."""


class RqDoorbell:
    """One rq queue; a job is but the id of a row: of a run, or of a part of a sweep."""

    def __init__(self, function: str = RUN_SIMULATION, queue: str = settings.SIMULATIONS_QUEUE) -> None:
        self.function = function
        self.queue = queue

    def ring(self, run_id: UUID, attempt: int) -> None:
        """Puts a job into the queue; the id comes from the run and its attempt, so that ringing twice makes one job, not two.

        Raises:
            redis.RedisError: within seconds, if the broker is gone or hangs.
        """
        _queue(self.queue).enqueue_call(
            self.function,
            args=(str(run_id),),
            job_id=job_id(run_id, attempt),
            timeout=settings.CONFIGURATION.run_time_limit_s + BACKSTOP_S,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
        )

    def waiting(self) -> set[str]:
        """The ids in the queue. One that a worker has taken out is not among them: should that worker die before it claims
        the run, the bell must ring again, and if it does not, ringing again does no harm."""
        return set(_queue(self.queue).get_job_ids())


def job_id(run_id: UUID, attempt: int) -> str:
    """The rq job of a run that has been claimed `attempt` times."""
    return f"{run_id}-{attempt}"


def ring(run_id: UUID) -> None:
    """Rings for the run, whatever its state.

    Raises:
        redis.RedisError: if the broker is gone or hangs.
    """
    RqDoorbell().ring(run_id, Run.objects.values_list("attempt", flat=True).get(pk=run_id))


def _queue(name: str) -> Queue:
    return Queue(name, connection=_connection(settings.CONFIGURATION.broker_url), serializer=JSONSerializer)


@lru_cache(maxsize=4)
def _connection(url: str) -> Redis:
    """Tries once, for as long as the URL says: the client's own retries would make a user wait for a broker that hangs."""
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0))
