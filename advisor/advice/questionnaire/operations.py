"""What the team runs today."""

from advisor.advice import library
from advisor.advice.answers import Answers
from advisor.advice.questionnaire.branches import retries
from advisor.advice.questionnaire.shape import MILLISECONDS, Question, Section
from advisor.advice.words import count


def _operations_state(answers: Answers) -> str:
    operations = answers.operations
    broker = "a broker runs today" if operations.runs_a_broker_today else "no broker yet"
    return f"{broker}; {operations.min_workers} to {count(operations.max_workers, 'worker')}"


OPERATIONS = Section(
    "operations",
    "Operations",
    (
        Question(
            "operations.runs_a_broker_today",
            "Does the team run a message broker today?",
            "A first broker has a cost: queues, consumers and dead letters to watch.",
        ),
        Question(
            "operations.min_workers",
            "How many workers stay up?",
            "The least that autoscaling keeps. The advice does not weigh it.",
            "workers",
            "1",
        ),
        Question(
            "operations.max_workers",
            "How many workers may there be at most?",
            "It bounds the throughput where the model does not.",
            "workers",
            "20",
        ),
        Question(
            "operations.worker_kind",
            "What kind of workers take jobs from the queue?",
            "It says what a job costs besides its own work; the handbook has the figures. It hardly matters for jobs of seconds; for 50 ms it does.",
            labels=tuple((kind.name, kind.title) for kind in library.worker_kinds().values()),
        ),
        Question(
            "operations.accept_s",
            "How long does it take to put a job on the queue?",
            "It delays every job in a simulation. Empty: as the kind of worker has it; measure_rq measures yours.",
            "s",
            "0.001",
            converters=(MILLISECONDS,),
        ),
        Question(
            "operations.dispatch_s",
            "How long does a worker take for a job besides the job itself?",
            "It holds a worker in a simulation, and the queue plan counts it. Empty: as the kind of worker has it; measure_rq measures yours.",
            "s",
            "0.02",
            converters=(MILLISECONDS,),
        ),
        Question(
            "operations.retry_tick_s",
            "How often does the scheduler look for retries that are due?",
            "In a simulation a retry comes up to this much too early or too late. Empty: as the kind of worker has it.",
            "s",
            "1",
            retries,
            converters=(MILLISECONDS,),
        ),
    ),
    _operations_state,
)
