"""What the team runs today."""

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.shape import Question, Section
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
    ),
    _operations_state,
)
