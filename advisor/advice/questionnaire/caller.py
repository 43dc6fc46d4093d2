"""Who waits, and how soon they want the result."""

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.branches import someone_waits
from advisor.advice.questionnaire.shape import HOURS, MINUTES, Question, Section, said
from advisor.advice.words import duration

CALLERS = (
    ("end_user", "A person"),
    ("internal", "One of our own services"),
    ("partner", "A partner's service"),
    ("nobody", "Nobody"),
)


def _caller_state(answers: Answers) -> str:
    caller = answers.caller
    who = dict(CALLERS)[caller.kind]
    waits = f"{who} waits" if someone_waits(answers) else "Nobody waits"
    deadline = (
        "no deadline" if caller.deadline_s is None else f"deadline {said(answers, 'caller.deadline_s', duration)}"
    )
    return f"{waits}; {deadline}"


CALLER = Section(
    "caller",
    "Who waits",
    (
        Question(
            "name",
            "What is this decision about?",
            "It is the title of the decision and of its report.",
            example="Invoice extraction",
        ),
        Question(
            "caller.kind",
            "Who waits for the result?",
            "It decides how the result gets back: in the response, by polling, by webhook or over an open connection.",
            labels=CALLERS,
        ),
        Question(
            "caller.needs_immediate_response",
            "Must the caller have the result before it can go on?",
            "It speaks for a synchronous answer, and makes a later one worth less.",
            applies=someone_waits,
        ),
        Question(
            "caller.deadline_s",
            "How soon must the result be there?",
            "A queue helps only if what it gathers can be served by then. Leave it empty if there is no deadline.",
            "s",
            "1800",
            converters=(MINUTES, HOURS),
        ),
        Question(
            "caller.tolerated_miss_percent",
            "How many results may be late or missing?",
            "It sets the number of retries, and what a simulated design must reach to win.",
            "%",
            "1",
        ),
    ),
    _caller_state,
)
