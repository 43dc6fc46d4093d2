"""Who else reacts, and how results get back."""

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.branches import a_service_waits, has_class, others_react, someone_waits, streams
from advisor.advice.questionnaire.shape import DAYS, HOURS, MILLISECONDS, MINUTES, Question, Section
from advisor.advice.words import count, percent

ORDERINGS = (("none", "No order"), ("per_key", "In order for each key"), ("global", "All in one order"))


def _coupling_state(answers: Answers) -> str:
    subscribers = answers.subscribers
    apart = ", released on their own" if subscribers.independent_releases else ""
    classes = ", ".join(
        f"{name} {percent(priority.share_percent)}" for name, priority in answers.priorities.shares().items()
    )
    return f"{count(subscribers.count, 'subscriber')}{apart}; {classes}"


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
            "subscribers.handling_p95_s",
            "How long does such a service take with a result, at most?",
            "In line it adds to the answer.",
            "s",
            "0.2",
            others_react,
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
            "0.8",
            streams,
            converters=(MILLISECONDS,),
        ),
        Question(
            "caller.accepts_webhooks",
            "Can the caller be called back?",
            "If it has an address, results can go there; if not, it asks.",
            applies=a_service_waits,
        ),
        Question(
            "caller.wants_live_updates",
            "Does somebody watch the progress?",
            "An open connection (SSE) shows it, unless a webhook can tell.",
            applies=a_service_waits,
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
            "They get a queue of their own, served first. 0: there is no such class.",
            "%",
            "10",
        ),
        Question(
            "priorities.urgent.max_wait_s",
            "How long may an urgent request wait?",
            "It sets the consumers of that queue and where its alarm sounds.",
            "s",
            "5",
            has_class("urgent"),
            converters=(MILLISECONDS, MINUTES),
        ),
        Question(
            "priorities.standard.share_percent",
            "How many requests are ordinary?",
            "They get a queue of their own, behind the urgent one. 0: there is no such class.",
            "%",
            "70",
        ),
        Question(
            "priorities.standard.max_wait_s",
            "How long may an ordinary request wait?",
            "It sets the consumers of that queue and where its alarm sounds.",
            "s",
            "60",
            has_class("standard"),
            converters=(MINUTES, HOURS),
        ),
        Question(
            "priorities.batch.share_percent",
            "How many requests are bulk work?",
            "They get a queue of their own, behind both others. 0: there is no such class.",
            "%",
            "20",
        ),
        Question(
            "priorities.batch.max_wait_s",
            "How long may bulk work wait?",
            "It sets the consumers of that queue and where its alarm sounds.",
            "s",
            "3600",
            has_class("batch"),
            converters=(MINUTES, HOURS),
        ),
        Question(
            "resilience.result_retention_h",
            "How long is a result kept?",
            "Whoever asks later finds nothing; shorter than the polling interval, nobody finds it.",
            "h",
            "24",
            someone_waits,
            converters=(MINUTES, DAYS),
        ),
    ),
    _coupling_state,
)
