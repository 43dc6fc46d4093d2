"""Questions about the caller, the load and who reacts to results."""

from advisor.advice import library
from advisor.advice.answers import Answers
from advisor.advice.questionnaire.question import (
    DAYS,
    HOURS,
    MILLISECONDS,
    MINUTES,
    PER_DAY,
    PER_HOUR,
    PER_MINUTE,
    Question,
    QuestionSection,
    a_service_waits,
    class_differs,
    has_class,
    has_clients,
    has_no_trace,
    number_words,
    orders_by_key,
    others_react,
    peaks,
    rate_matters,
    sender_acknowledged,
    slows_down,
    someone_waits,
    streams,
)
from advisor.advice.words import times
from core.numbers import count, duration, percent, rate

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
        "no deadline"
        if caller.deadline_s is None
        else f"deadline {number_words(answers, 'caller.deadline_s', duration)}"
    )
    return f"{waits}; {deadline}"


CALLER_SECTION = QuestionSection(
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
            converters=(MINUTES, HOURS),
        ),
        Question(
            "caller.tolerated_miss_percent",
            "How many results may be late or missing?",
            "It sets the number of retries, and what a simulated design must reach to win.",
            "%",
        ),
    ),
    _caller_state,
)


def _load_state(answers: Answers) -> str:
    volume = answers.volume
    if volume.trace:
        load = "a recording"
    elif volume.clients is not None:
        load = number_words(answers, "volume.clients", lambda clients: count(clients, "client"))
    else:
        load = number_words(answers, "volume.mean_rate_per_s", rate)
    peaks = volume.trace is None and volume.peaks
    bursts = f", peaks of {number_words(answers, 'volume.peak_to_mean', times)}" if peaks else ""
    p50, p95 = (number_words(answers, f"processing.{name}", duration) for name in ("p50_s", "p95_s"))
    return f"{load}{bursts}; p50 {p50}, p95 {p95}"


LOAD_SECTION = QuestionSection(
    "load",
    "Load and time",
    (
        Question(
            "volume.mean_rate_per_s",
            "How many requests arrive, on average?",
            "With the processing time it gives the number of requests in progress. The peaks are included in it.",
            "/s",
            applies=rate_matters,
            converters=(PER_MINUTE, PER_HOUR, PER_DAY),
        ),
        Question(
            "volume.peak_to_mean",
            "How many times the average is a peak?",
            "A peak past capacity is what a queue is for; a steady load needs none.",
            "x",
            applies=rate_matters,
        ),
        Question(
            "volume.peak_minutes",
            "How long does a peak last?",
            "What gathers in a peak must be served before the deadline.",
            "min",
            applies=peaks,
            converters=(HOURS,),
        ),
        Question(
            "volume.peaks_per_day",
            "How many peaks are there in a day?",
            "It says how much time there is to recover between two of them. One a month is 0.033.",
            "a day",
            applies=peaks,
        ),
        Question(
            "volume.interarrival_cv",
            "How uneven are the gaps between requests, in peaks and between them?",
            "1 is what many independent senders make; clumps make waits longer by the square of it.",
            "",
            applies=rate_matters,
        ),
        Question(
            "volume.trace",
            "Is there a recording of arrivals?",
            "A simulation replays it instead of the rate and the peaks above.",
            "",
        ),
        Question(
            "volume.clients",
            "Or is there a fixed number of clients, such as agents or test clients?",
            "Each has one request at a time, so the load follows from how soon it is answered. It replaces rate and peaks. Empty: there is none.",
            "clients",
            example="40",
            applies=has_no_trace,
        ),
        Question(
            "volume.think_s",
            "How long does a client wait from a result until its next request?",
            "With the processing time it gives the rate at which so many clients send.",
            "s",
            applies=has_clients,
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "volume.backlog_jobs",
            "How many requests are there already at the start?",
            "A simulation begins with them: a nightly list, or dead letters that are fed again.",
            "requests",
        ),
        Question(
            "processing.p50_s",
            "How long does processing take, typically?",
            "Half of the requests take no longer. It is the scale of every other time.",
            "s",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.p95_s",
            "How long does the slowest one in twenty take?",
            "Under 2 s speaks for a synchronous answer, past 10 s for events; in between it does not weigh.",
            "s",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.p99_s",
            "How long does the slowest one in a hundred take?",
            "It is held against every time limit on the way. Empty: worked out from the two above.",
            "s",
            example="35",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.high_mean_s",
            "How long does a call take, on average, when the model is busy?",
            "A self-hosted model that batches slows down as calls are added, and its capacity is less than one call's time says. "
            "Empty: the times above hold for any number of calls.",
            "s",
            example="5.8",
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "processing.high_in_flight",
            "With how many calls at once was that measured?",
            "The time in between and beyond follows a straight line through both measurements.",
            "calls",
            applies=slows_down,
        ),
        Question(
            "processing.measured_in_flight",
            "And with how many calls at once were the times above measured?",
            "It is the first point of that line.",
            "calls",
            applies=slows_down,
        ),
        Question(
            "processing.input_tokens",
            "How many tokens does a request send to the model?",
            "It counts against the quota of input tokens.",
            "tokens",
        ),
        Question(
            "processing.output_tokens",
            "How many tokens does the model answer?",
            "It counts against the quota of output tokens.",
            "tokens",
        ),
        Question(
            "processing.request_kb",
            "How large is a request, with its documents, pictures or sound?",
            "A broker takes messages up to a size; larger inputs are kept elsewhere. Empty: as long as its text.",
            "kB",
            example="200",
        ),
    ),
    _load_state,
)


SENDERS = ", ".join(
    f"{sender['title']} after {duration(sender['acknowledge_within_s'])}"
    for sender in library.delivery_standards()["senders"]
)
ORDERINGS = (("none", "No order"), ("per_key", "In order for each key"), ("global", "All in one order"))


def _coupling_state(answers: Answers) -> str:
    subscribers = answers.subscribers
    apart = ", released on their own" if subscribers.independent_releases else ""
    classes = ", ".join(
        f"{name} {percent(priority.share_percent)}" for name, priority in answers.priorities.shares().items()
    )
    return f"{count(subscribers.count, 'subscriber')}{apart}; {classes}"


def _questions_of_class(
    name: str, are_such: str, served: str, one: str, examples: tuple[str, str]
) -> tuple[Question, ...]:
    path = f"priorities.{name}"
    return (
        Question(
            f"{path}.share_percent",
            f"How many requests {are_such}?",
            f"They get a queue of their own, {served}. 0: there is no such class.",
            "%",
        ),
        Question(
            f"{path}.max_wait_s",
            f"How long may {one} wait?",
            "It sets the consumers of that queue and where its alarm sounds.",
            "s",
            applies=has_class(name),
            converters=(MILLISECONDS, MINUTES) if name == "urgent" else (MINUTES, HOURS),
        ),
        Question(
            f"{path}.p50_s",
            f"How long does {one} take to process, typically?",
            "Long work holds up short work that shares its consumers. Empty: as long as any other.",
            "s",
            example=examples[0],
            applies=has_class(name),
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            f"{path}.p95_s",
            "And the slowest one in twenty of them?",
            "Empty: as many times the typical one as with all requests.",
            "s",
            example=examples[1],
            applies=class_differs(name),
            converters=(MILLISECONDS, MINUTES),
        ),
    )


COUPLING_SECTION = QuestionSection(
    "coupling",
    "Coupling and delivery",
    (
        Question(
            "subscribers.count",
            "How many services react to each result?",
            "One, the caller included, speaks for a call; several speak for events.",
            "services",
        ),
        Question(
            "subscribers.independent_releases",
            "Do these services change and release independently?",
            "Then events, which keep the two sides apart, gain weight.",
        ),
        Question(
            "subscribers.ordering",
            "Must results keep their order?",
            "Order for each key limits parallel work to the keys; one order for all leaves one consumer.",
            labels=ORDERINGS,
        ),
        Question(
            "subscribers.keys",
            "How many keys are there?",
            "A key's requests are served one at a time, so there is never more work at once than there are keys. Empty: more than consumers.",
            "keys",
            example="200",
            applies=orders_by_key,
        ),
        Question(
            "subscribers.replays",
            "Must past results be read again, by a new service or after a fault?",
            "Only a log that keeps its events can give them again; most queues delete what is done.",
        ),
        Question(
            "subscribers.handling_p95_s",
            "How long does such a service take with a result, at most?",
            "In line it adds to the answer.",
            "s",
            applies=others_react,
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "caller.streams_response",
            "Is the answer streamed as it is made?",
            "A stream keeps idle limits from firing, so that long processing alone needs no queue.",
            applies=someone_waits,
        ),
        Question(
            "caller.first_token_s",
            "How soon does the first part of a streamed answer come?",
            "It must come before the shortest idle limit on the way.",
            "s",
            example="0.8",
            applies=streams,
            converters=(MILLISECONDS,),
        ),
        Question(
            "caller.accepts_webhooks",
            "Can the caller be called back?",
            "If it has an address, results can go there; if not, it asks.",
            applies=a_service_waits,
        ),
        Question(
            "caller.acknowledge_within_s",
            "How soon must the sender have its acknowledgement (2xx)?",
            f"A sender that wants no result in the response still waits for that, and sends again if it comes too late: {SENDERS}. Empty: no limit.",
            "s",
            example="10",
            applies=sender_acknowledged,
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "caller.wants_live_updates",
            "Do people watch the progress?",
            "An open connection (SSE) shows it, unless a webhook can tell.",
            applies=a_service_waits,
        ),
        Question(
            "caller.bidirectional",
            "Does the caller send more while the work runs?",
            "That needs a WebSocket.",
            applies=someone_waits,
        ),
        *_questions_of_class("urgent", "are urgent", "served first", "an urgent request", ("2", "6")),
        *_questions_of_class("standard", "are ordinary", "behind the urgent one", "an ordinary request", ("8", "20")),
        *_questions_of_class("batch", "are bulk work", "behind both others", "bulk work", ("60", "240")),
        Question(
            "resilience.result_retention_h",
            "How long is a result kept?",
            "Whoever asks later finds nothing; shorter than the polling interval, nobody finds it.",
            "h",
            applies=someone_waits,
            converters=(MINUTES, DAYS),
        ),
    ),
    _coupling_state,
)
