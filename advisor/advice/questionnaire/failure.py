"""How calls fail, and what must survive it."""

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.branches import anybody_backs_off, backs_off, outage, retries
from advisor.advice.questionnaire.shape import DAYS, HOURS, MILLISECONDS, MINUTES, Question, Section, said
from advisor.advice.words import count, percent

JITTERS = (("none", "None"), ("full", "Full"), ("equal", "Equal"), ("decorrelated", "Decorrelated"))


def _failure_state(answers: Answers) -> str:
    failures = answers.failures
    letters = "dead letters kept" if failures.dead_letter else "no dead letters"
    retried = said(answers, "failures.max_retries", lambda most: count(most, "retry", "retries"))
    return f"{said(answers, 'failures.transient_percent', percent)} of calls fail; {retried}; {letters}"


FAILURE = Section(
    "failure",
    "Failure",
    (
        Question(
            "failures.transient_percent",
            "How many calls to the model fail and would work if tried again?",
            "It makes attempts and decides how many retries are needed.",
            "%",
            "2",
        ),
        Question(
            "failures.poison_percent",
            "How many requests never work?",
            "They use up every retry and end as dead letters.",
            "%",
            "0.1",
        ),
        Question(
            "failures.max_retries",
            "How many retries are needed at most?",
            "Retries with pauses are easy behind a queue; in line they hold a worker and the caller.",
            "retries",
            "4",
        ),
        Question(
            "failures.backoff_base_s",
            "How long is the first pause before a retry, at most?",
            "Later pauses double. In line every pause holds a worker and the caller.",
            "s",
            "1",
            anybody_backs_off,
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "failures.backoff_cap_s",
            "How long may a pause between retries become?",
            "With the number of retries it says how long an outage can be outlasted.",
            "s",
            "60",
            backs_off,
            converters=(MINUTES, HOURS),
        ),
        Question(
            "failures.jitter",
            "How are the pauses between retries spread?",
            "Without jitter everything that failed together comes back together.",
            applies=backs_off,
            labels=JITTERS,
        ),
        Question(
            "failures.retry_intervals_s",
            "Or is there a list of pauses?",
            "As rq's Retry takes one, for the last retries: with fewer pauses than retries the first comes several times. It replaces first "
            "pause, cap and jitter. Empty: there is no list.",
            "s",
            "2, 5, 10",
            retries,
        ),
        Question(
            "failures.dead_letter",
            "Must requests that failed for good be kept?",
            "A dead-letter queue keeps them; a synchronous service has no such place.",
        ),
        Question(
            "failures.idempotent",
            "May the same request be processed twice without harm?",
            "Retries and queues deliver at least once: if not, the advice warns.",
        ),
        Question(
            "resilience.outage_minutes",
            "How long an outage of the model must be survived?",
            "What arrives meanwhile must be kept and served afterwards.",
            "min",
            "15",
            converters=(HOURS, DAYS),
        ),
        Question(
            "resilience.recover_within_minutes",
            "How soon after an outage must everything be served?",
            "It sets the number of consumers needed to recover.",
            "min",
            "60",
            outage,
            converters=(HOURS, DAYS),
        ),
        Question(
            "resilience.max_lost_jobs",
            "How many requests may be lost in such an outage?",
            "None means that they must be stored before they are acknowledged.",
            "requests",
            "0",
            outage,
        ),
    ),
    _failure_state,
)
