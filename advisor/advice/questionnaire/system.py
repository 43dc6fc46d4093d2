"""Questions about limits, failures and operations."""

from advisor.advice import library
from advisor.advice.answers import Answers
from advisor.advice.questionnaire.question import (
    DAYS,
    HOURS,
    MILLISECONDS,
    MINUTES,
    PER_SECOND,
    Question,
    QuestionSection,
    backlog_is_bounded,
    backs_off,
    crashes,
    delivers_again,
    either_side_backs_off,
    has_lease,
    has_limit,
    has_quota,
    has_retries,
    number_words,
    outage,
    refuses_calls,
    runs_a_broker,
    someone_waits,
)
from core.numbers import count, number, percent


def _limits_state(answers: Answers) -> str:
    provider, server = answers.provider, answers.synchronous
    calls = (
        "unlimited calls at once"
        if provider.max_concurrency is None
        else f"{count(provider.max_concurrency, 'call')} at once"
    )
    quota = "" if provider.requests_per_minute is None else f", {number(provider.requests_per_minute)} /min"
    return f"{calls}{quota}; {count(server.workers, 'worker')}"


LIMITS_SECTION = QuestionSection(
    "limits",
    "Limits",
    (
        Question(
            "provider.profile",
            "Whose model is it?",
            "It fills in the limits below, as read on the date shown; change them to yours.",
        ),
        Question(
            "provider.max_concurrency",
            "How many calls does the model take at once?",
            "It bounds the useful number of consumers, whatever the machines. Empty: unlimited.",
            "calls",
        ),
        Question(
            "provider.requests_per_minute",
            "How many requests a minute are allowed?",
            "It bounds the throughput of both designs. Empty: unlimited.",
            "/min",
            converters=(PER_SECOND,),
        ),
        Question(
            "provider.input_tokens_per_minute",
            "How many input tokens a minute are allowed?",
            "It bounds the throughput where inputs are long. Empty: unlimited.",
            "tokens/min",
            example="2000000",
        ),
        Question(
            "provider.output_tokens_per_minute",
            "How many output tokens a minute are allowed?",
            "It bounds the throughput where answers are long. Empty: unlimited.",
            "tokens/min",
            example="400000",
        ),
        Question(
            "provider.share_percent",
            "What part of these quotas is this workload's?",
            "The rest of the quota is other workloads': it bounds the throughput further.",
            "%",
            applies=has_quota,
        ),
        Question(
            "provider.requests_per_day",
            "How many requests a day are allowed?",
            "What comes after the day's last one waits until the next day. Empty: unlimited.",
            "a day",
            example="1000",
        ),
        Question(
            "provider.pacing",
            "What do callers do at these limits?",
            "Callers that hold calls back lose none. Refused calls (429) use up retries, and return together.",
            applies=has_limit,
            labels=(
                ("paced", "hold calls back until they are allowed"),
                ("none", "call anyway, and are refused with 429"),
            ),
        ),
        Question(
            "provider.retry_after",
            "Does a refused caller wait as long as the refusal asks?",
            "A retry that comes sooner is refused again.",
            applies=refuses_calls,
            labels=(("honoured", "yes, for retry-after"), ("ignored", "no, it backs off as after any failure")),
        ),
        Question(
            "provider.call_timeout_s",
            "When does your own code give up a call to the model?",
            "A call that hangs holds its worker or consumer until then. Empty: never.",
            "s",
            example="60",
            converters=(MINUTES,),
        ),
        Question(
            "synchronous.workers",
            "How many requests can a synchronous service process at once?",
            "A peak that needs more than this overflows; the event-driven design gets as many consumers.",
            "workers",
        ),
        Question(
            "synchronous.backlog",
            "How many requests may wait for a worker?",
            "A longer backlog turns fewer requests away in a peak, and makes them wait longer. Empty: unlimited.",
            "requests",
        ),
        Question(
            "synchronous.overflow",
            "What happens to a request when the backlog is full?",
            "A bare application server's listen backlog drops: the client's TCP tries again after 1, 3, 7 s and so on, so callers wait longer, "
            "and time out, instead of being refused at once.",
            applies=backlog_is_bounded,
            labels=(
                ("refuse", "refused with 503"),
                ("drop", "the connection is dropped and tried again by TCP"),
            ),
        ),
        Question(
            "synchronous.client_timeout_s",
            "When does the client give up?",
            "An answer in line must come before, waiting and retries included. Empty: never.",
            "s",
            applies=someone_waits,
            converters=(MINUTES,),
        ),
        Question(
            "synchronous.client_retries",
            "How often does the client try again by itself?",
            "Retries at two layers multiply: the advice warns with the product.",
            "times",
            applies=someone_waits,
        ),
        Question(
            "synchronous.hops",
            "Which gateways, proxies and servers are on the way?",
            "Each has a time limit that an answer in line must keep, whatever the caller accepts.",
            applies=someone_waits,
        ),
    ),
    _limits_state,
)


JITTERS = (("none", "None"), ("full", "Full"), ("equal", "Equal"), ("decorrelated", "Decorrelated"))


def _failure_state(answers: Answers) -> str:
    failures = answers.failures
    letters = "dead letters kept" if failures.dead_letter else "no dead letters"
    retried = number_words(answers, "failures.max_retries", lambda most: count(most, "retry", "retries"))
    return f"{number_words(answers, 'failures.transient_percent', percent)} of calls fail; {retried}; {letters}"


FAILURE_SECTION = QuestionSection(
    "failure",
    "Failure",
    (
        Question(
            "failures.transient_percent",
            "How many calls to the model fail and would work if tried again?",
            "It makes attempts and decides how many retries are needed.",
            "%",
        ),
        Question(
            "failures.poison_percent",
            "How many requests never work?",
            "They use up every retry and end as dead letters.",
            "%",
        ),
        Question(
            "failures.failure_s",
            "How long does a failing call take to fail?",
            "It holds its worker or consumer until then. Empty: as long as a call that succeeds.",
            "s",
            example="5",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "failures.max_retries",
            "How many retries are needed at most?",
            "Retries with pauses are easy behind a queue; in line they hold a worker and the caller.",
            "retries",
        ),
        Question(
            "failures.backoff_base_s",
            "How long is the first pause before a retry, at most?",
            "Later pauses double. In line every pause holds a worker and the caller.",
            "s",
            applies=either_side_backs_off,
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "failures.backoff_cap_s",
            "How long may a pause between retries become?",
            "With the number of retries it says how long an outage can be outlasted.",
            "s",
            applies=backs_off,
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
            example="2, 5, 10",
            applies=has_retries,
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
            converters=(HOURS, DAYS),
        ),
        Question(
            "resilience.outage_mode",
            "What do calls do in such an outage?",
            "Calls that hang fill every worker of a synchronous service; calls that fail at once leave them free.",
            applies=outage,
            labels=(("refuse", "fail at once"), ("hang", "hang until they are given up")),
        ),
        Question(
            "resilience.recover_within_minutes",
            "How soon after an outage must everything be served?",
            "It sets the number of consumers needed to recover.",
            "min",
            applies=outage,
            converters=(HOURS, DAYS),
        ),
        Question(
            "resilience.max_lost_jobs",
            "How many requests may be lost in such an outage?",
            "None means that they must be stored before they are acknowledged.",
            "requests",
            applies=outage,
        ),
    ),
    _failure_state,
)


def _operations_state(answers: Answers) -> str:
    operations = answers.operations
    broker = "a broker runs today" if operations.runs_a_broker_today else "no broker yet"
    return f"{broker}; {operations.min_workers} to {count(operations.max_workers, 'worker')}"


OPERATIONS_SECTION = QuestionSection(
    "operations",
    "Operations",
    (
        Question(
            "operations.runs_a_broker_today",
            "Does the team run a message broker today?",
            "A first broker has a cost: queues, consumers and dead letters to watch.",
        ),
        Question(
            "operations.broker",
            "Which one?",
            "What a team knows weighs most in the choice of a broker.",
            applies=runs_a_broker,
            labels=(
                ("unknown", "Another one"),
                *((broker.name, broker.title) for broker in library.brokers().values()),
            ),
        ),
        Question(
            "operations.min_workers",
            "How many workers stay up?",
            "The least that autoscaling keeps. The advice does not weigh it.",
            "workers",
        ),
        Question(
            "operations.max_workers",
            "How many workers may there be at most?",
            "It bounds the throughput where the model does not.",
            "workers",
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
            example="0.001",
            converters=(MILLISECONDS,),
        ),
        Question(
            "operations.dispatch_s",
            "How long does a worker take for a job besides the job itself?",
            "It holds a worker in a simulation, and the queue plan counts it. Empty: as the kind of worker has it; measure_rq measures yours.",
            "s",
            example="0.02",
            converters=(MILLISECONDS,),
        ),
        Question(
            "operations.retry_tick_s",
            "How often does the scheduler look for retries that are due?",
            "In a simulation a retry comes up to this much too early or too late. Empty: as the kind of worker has it.",
            "s",
            example="1",
            applies=has_retries,
            converters=(MILLISECONDS,),
        ),
        Question(
            "operations.lease_s",
            "How long may a consumer keep a job before the broker delivers it again?",
            "Visibility timeout, acknowledgement deadline, poll interval or job timeout: work that takes longer is delivered again. Empty: no limit.",
            "s",
            example="30",
            converters=(MINUTES, HOURS),
        ),
        Question(
            "operations.lease_ends",
            "What becomes of the work when that time is over?",
            "With the second and the third, work that takes longer is never finished.",
            applies=has_lease,
            labels=(
                ("redelivers", "it goes on, and the first result counts (SQS, Pub/Sub)"),
                ("discards", "it goes on, and its result is refused (Kafka)"),
                ("stops", "it is stopped (rq, Celery's hard limit)"),
            ),
        ),
        Question(
            "operations.crashes_per_hour",
            "How often does a consumer crash at work?",
            "The job in its hands is delivered again, or lost. Deployments and evictions count.",
            "an hour",
            example="0.01",
        ),
        Question(
            "operations.acknowledges",
            "When does a consumer acknowledge a job?",
            "What is acknowledged before it is done is lost in a crash.",
            applies=crashes,
            labels=(("late", "when it is done"), ("early", "when it is taken")),
        ),
        Question(
            "operations.max_deliveries",
            "After how many deliveries is a job given up?",
            "It becomes a dead letter. Empty: it is delivered again without end.",
            "deliveries",
            example="5",
            applies=delivers_again,
        ),
    ),
    _operations_state,
)
