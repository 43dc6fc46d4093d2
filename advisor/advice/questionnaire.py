"""The questionnaire: every answer as a plain question, in the order in which an architect knows the answers.

Bounds, choices and whether a field may be empty come from the Answers schema; the words, and when a question applies, are here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from advisor.advice import library
from advisor.advice.answers import LEAVES, Answers
from advisor.advice.words import count, duration, number, percent, rate, times

Kind = Literal["number", "integer", "choice", "flag", "text", "hops", "profile"]


def always(_: Answers) -> bool:
    """For a question that everybody is asked."""
    return True


def someone_waits(answers: Answers) -> bool:
    """Somebody wants the result back."""
    return answers.caller.kind != "nobody"


def streams(answers: Answers) -> bool:
    """The answer is streamed to whoever waits."""
    return someone_waits(answers) and answers.caller.streams_response


def peaks(answers: Answers) -> bool:
    """There are peaks at all, and no recording that holds them."""
    return answers.volume.trace is None and answers.volume.peak_to_mean > 1


def rate_matters(answers: Answers) -> bool:
    """No recording says when requests arrive."""
    return answers.volume.trace is None


def retries(answers: Answers) -> bool:
    """Failed attempts are tried again."""
    return answers.failures.max_retries > 0


@dataclass(frozen=True)
class Converter:
    """Another unit in which the answer may be known: value in the field's unit = value x `factor`."""

    unit: str
    factor: float


@dataclass(frozen=True)
class Question:
    """One answer, asked plainly."""

    path: str
    label: str
    help: str
    """What the answer changes in the advice."""
    unit: str = ""
    example: str = ""
    applies: Callable[[Answers], bool] = always
    labels: tuple[tuple[str, str], ...] = ()
    converters: tuple[Converter, ...] = ()

    @cached_property
    def kind(self) -> Kind:
        """How it is answered."""
        if self.path == "synchronous.hops":
            return "hops"
        if self.path == "provider.profile":
            return "profile"
        kind = LEAVES[self.path].kind
        if kind == "list":
            raise TypeError(f"{self.path} has no kind of question")
        return kind

    @property
    def low(self) -> float | None:
        """The smallest value the schema allows."""
        return LEAVES[self.path].low

    @property
    def high(self) -> float | None:
        """The largest value the schema allows."""
        return LEAVES[self.path].high

    @property
    def optional(self) -> bool:
        """Whether it may be left empty."""
        return LEAVES[self.path].nullable

    @property
    def uncertain(self) -> bool:
        """Whether a range or "don't know" is an answer."""
        return LEAVES[self.path].numeric

    @cached_property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """What may be chosen, each with its words."""
        if self.kind == "hops":
            return tuple((fact.name, f"{fact.title}, {duration(fact.limit_s)}") for fact in library.hops().values())
        if self.kind == "profile":
            return tuple((profile.name, profile.title) for profile in library.profiles().values())
        words = dict(self.labels)
        return tuple((value, words[value]) for value in LEAVES[self.path].choices)


@dataclass(frozen=True)
class Section:
    """Questions that belong together, with a sentence that says their state where they are folded away."""

    id: str
    title: str
    questions: tuple[Question, ...]
    sentence: Callable[[Answers], str]

    def state(self, answers: Answers) -> str:
        """The section's answers in a short sentence."""
        return self.sentence(answers)


CALLERS = (
    ("end_user", "A person"),
    ("internal", "One of our own services"),
    ("partner", "A partner's service"),
    ("nobody", "Nobody"),
)
ORDERINGS = (("none", "No order"), ("per_key", "In order for each key"), ("global", "All in one order"))
JITTERS = (("none", "None"), ("full", "Full"), ("equal", "Equal"), ("decorrelated", "Decorrelated"))

PER_MINUTE, PER_HOUR, PER_DAY = (
    Converter("per minute", 1 / 60),
    Converter("per hour", 1 / 3600),
    Converter("per day", 1 / 86_400),
)
MINUTES, HOURS = Converter("min", 60), Converter("h", 3600)


def _caller_state(answers: Answers) -> str:
    caller = answers.caller
    who = dict(CALLERS)[caller.kind]
    waits = f"{who} waits" if someone_waits(answers) else "Nobody waits"
    return f"{waits}; {'no deadline' if caller.deadline_s is None else f'deadline {duration(caller.deadline_s)}'}"


def _load_state(answers: Answers) -> str:
    volume, time = answers.volume, answers.processing
    load = "a recorded trace" if volume.trace else rate(volume.mean_rate_per_s)
    bursts = f", peaks of {times(volume.peak_to_mean)}" if volume.trace is None and volume.peaks else ""
    return f"{load}{bursts}; p50 {duration(time.p50_s)}, p95 {duration(time.p95_s)}"


def _limits_state(answers: Answers) -> str:
    provider, server = answers.provider, answers.synchronous
    calls = (
        "unlimited calls at once"
        if provider.max_concurrency is None
        else f"{number(provider.max_concurrency)} calls at once"
    )
    quota = "" if provider.requests_per_minute is None else f", {number(provider.requests_per_minute)} /min"
    return f"{calls}{quota}; {count(server.workers, 'worker')}"


def _failure_state(answers: Answers) -> str:
    failures = answers.failures
    letters = "dead letters kept" if failures.dead_letter else "no dead letters"
    return f"{percent(failures.transient_percent)} of calls fail; {count(failures.max_retries, 'retry', 'retries')}; {letters}"


def _coupling_state(answers: Answers) -> str:
    subscribers = answers.subscribers
    apart = ", released on their own" if subscribers.independent_releases else ""
    classes = ", ".join(
        f"{name} {percent(priority.share_percent)}" for name, priority in answers.priorities.shares().items()
    )
    return f"{count(subscribers.count, 'subscriber')}{apart}; {classes}"


def _operations_state(answers: Answers) -> str:
    operations = answers.operations
    broker = "a broker runs today" if operations.runs_a_broker_today else "no broker yet"
    return f"{broker}; {operations.min_workers} to {count(operations.max_workers, 'worker')}"


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

LOAD = Section(
    "load",
    "Load and time",
    (
        Question(
            "volume.mean_rate_per_s",
            "How many requests arrive, on average?",
            "With the processing time it gives the number of requests in progress. The peaks are included in it.",
            "/s",
            "0.5",
            rate_matters,
            converters=(PER_MINUTE, PER_HOUR, PER_DAY),
        ),
        Question(
            "volume.peak_to_mean",
            "How many times the average is a peak?",
            "A peak past capacity is what a queue is for; a steady load needs none.",
            "x",
            "8",
            rate_matters,
        ),
        Question(
            "volume.peak_minutes",
            "How long does a peak last?",
            "What gathers in a peak must be served before the deadline.",
            "min",
            "15",
            peaks,
            converters=(Converter("h", 60),),
        ),
        Question(
            "volume.peaks_per_day",
            "How many peaks are there in a day?",
            "It says how much time there is to recover between two of them. One a month is 0.033.",
            "a day",
            "1",
            peaks,
        ),
        Question(
            "volume.interarrival_cv",
            "How uneven are the gaps between requests, outside the peaks?",
            "1 is what many independent senders make; clumps make waits longer by the square of it.",
            "",
            "1",
            rate_matters,
        ),
        Question(
            "volume.trace",
            "Is there a recording of arrivals?",
            "A simulation replays it instead of the rate and the peaks above.",
            "",
            "",
        ),
        Question(
            "processing.p50_s",
            "How long does processing take, typically?",
            "Half of the requests take no longer. It is the scale of every other time.",
            "s",
            "8",
            converters=(Converter("ms", 0.001), MINUTES),
        ),
        Question(
            "processing.p95_s",
            "And the slowest one in twenty?",
            "Under 2 s speaks for a synchronous answer, past 10 s for events; in between it does not weigh.",
            "s",
            "20",
            converters=(Converter("ms", 0.001), MINUTES),
        ),
        Question(
            "processing.p99_s",
            "And the slowest one in a hundred?",
            "It is held against every time limit on the way. Empty: worked out from the two above.",
            "s",
            "35",
            converters=(Converter("ms", 0.001), MINUTES),
        ),
        Question(
            "processing.input_tokens",
            "How many tokens does a request send to the model?",
            "It counts against the quota of input tokens.",
            "tokens",
            "3000",
        ),
        Question(
            "processing.output_tokens",
            "How many tokens does the model answer?",
            "It counts against the quota of output tokens.",
            "tokens",
            "400",
        ),
    ),
    _load_state,
)

LIMITS = Section(
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
            "20",
        ),
        Question(
            "provider.requests_per_minute",
            "How many requests a minute are allowed?",
            "It bounds the throughput of both designs. Empty: unlimited.",
            "/min",
            "600",
        ),
        Question(
            "provider.input_tokens_per_minute",
            "How many input tokens a minute are allowed?",
            "It bounds the throughput where inputs are long. Empty: unlimited.",
            "tokens/min",
            "2000000",
        ),
        Question(
            "provider.output_tokens_per_minute",
            "How many output tokens a minute are allowed?",
            "It bounds the throughput where answers are long. Empty: unlimited.",
            "tokens/min",
            "400000",
        ),
        Question(
            "provider.share_percent",
            "What part of these quotas is this workload's?",
            "Other workloads use the rest of the quota.",
            "%",
            "100",
        ),
        Question(
            "synchronous.workers",
            "How many requests can a synchronous service process at once?",
            "A peak that needs more than this overflows; the event-driven design gets as many consumers.",
            "workers",
            "20",
        ),
        Question(
            "synchronous.backlog",
            "How many requests may wait for a worker?",
            "Whoever comes when it is full is refused with 503. Empty: unlimited.",
            "requests",
            "100",
        ),
        Question(
            "synchronous.client_timeout_s",
            "When does the client give up?",
            "An answer in line must come before, waiting and retries included. Empty: never.",
            "s",
            "30",
            someone_waits,
        ),
        Question(
            "synchronous.client_retries",
            "How often does the client try again by itself?",
            "Retries at two layers multiply.",
            "times",
            "0",
            someone_waits,
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
            "How long is the first pause, at most?",
            "Later pauses double.",
            "s",
            "1",
            retries,
        ),
        Question(
            "failures.backoff_cap_s",
            "How long may a pause become?",
            "With the number of retries it says how long an outage can be outlasted.",
            "s",
            "60",
            retries,
        ),
        Question(
            "failures.jitter",
            "How are the pauses spread?",
            "Without jitter everything that failed together comes back together.",
            applies=retries,
            labels=JITTERS,
        ),
        Question(
            "failures.dead_letter",
            "Must requests that failed for good be kept?",
            "A dead-letter queue keeps them; a synchronous service has no such place.",
        ),
        Question(
            "failures.idempotent",
            "May the same request be processed twice without harm?",
            "Retries and queues deliver at least once.",
        ),
        Question(
            "resilience.outage_minutes",
            "How long an outage of the model must be survived?",
            "What arrives meanwhile must be kept and served afterwards.",
            "min",
            "15",
        ),
        Question(
            "resilience.recover_within_minutes",
            "How soon after it must everything be served?",
            "It sets the number of consumers needed to recover.",
            "min",
            "60",
        ),
        Question(
            "resilience.max_lost_jobs",
            "How many requests may be lost in such an outage?",
            "None means that they must be stored before they are acknowledged.",
            "requests",
            "0",
        ),
    ),
    _failure_state,
)

COUPLING = Section(
    "coupling",
    "Coupling and delivery",
    (
        Question(
            "subscribers.count",
            "How many services react to each result?",
            "One, the caller included, speaks for a call; several speak for events.",
            "services",
            "1",
        ),
        Question(
            "subscribers.independent_releases",
            "Do they change and release independently?",
            "Events keep the two sides apart.",
        ),
        Question(
            "subscribers.ordering",
            "Must results keep their order?",
            "Order for each key limits parallel work to the keys; one order for all leaves one consumer.",
            labels=ORDERINGS,
        ),
        Question(
            "subscribers.handling_p95_s",
            "How long does such a service take with a result, at most?",
            "In line it adds to the answer.",
            "s",
            "0.2",
        ),
        Question(
            "caller.streams_response",
            "Is the answer streamed as it is made?",
            "A stream keeps idle limits from firing, so that long processing alone needs no queue.",
            applies=someone_waits,
        ),
        Question(
            "caller.first_token_s",
            "How soon does the first part come?",
            "It must come before the shortest idle limit on the way.",
            "s",
            "0.8",
            streams,
        ),
        Question(
            "caller.accepts_webhooks",
            "Can the caller be called back?",
            "If it has an address, results go there; if not, it asks.",
            applies=someone_waits,
        ),
        Question(
            "caller.wants_live_updates",
            "Does somebody watch the progress?",
            "An open connection (SSE) shows it.",
            applies=someone_waits,
        ),
        Question(
            "caller.bidirectional",
            "Does the caller send more while the work runs?",
            "That needs a WebSocket.",
            applies=someone_waits,
        ),
        Question(
            "priorities.urgent.share_percent",
            "How many requests are urgent?",
            "They get a queue of their own.",
            "%",
            "10",
        ),
        Question(
            "priorities.urgent.max_wait_s",
            "How long may an urgent one wait?",
            "It sets the consumers of that queue.",
            "s",
            "5",
        ),
        Question(
            "priorities.standard.share_percent", "How many are ordinary?", "They get a queue of their own.", "%", "70"
        ),
        Question(
            "priorities.standard.max_wait_s",
            "How long may an ordinary one wait?",
            "It sets the consumers of that queue.",
            "s",
            "60",
        ),
        Question(
            "priorities.batch.share_percent", "How many are bulk work?", "They get a queue of their own.", "%", "20"
        ),
        Question(
            "priorities.batch.max_wait_s",
            "How long may bulk work wait?",
            "It sets the consumers of that queue.",
            "s",
            "3600",
            converters=(MINUTES, HOURS),
        ),
        Question(
            "resilience.result_retention_h",
            "How long is a result kept?",
            "Whoever asks later finds nothing.",
            "h",
            "24",
            someone_waits,
        ),
    ),
    _coupling_state,
)

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
            "operations.min_workers", "How many workers stay up?", "The least that autoscaling keeps.", "workers", "1"
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

SECTIONS: tuple[Section, ...] = (CALLER, LOAD, LIMITS, FAILURE, COUPLING, OPERATIONS)
