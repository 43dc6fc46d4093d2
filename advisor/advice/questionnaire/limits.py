"""What the provider and the synchronous design allow."""

from advisor.advice.answers import Answers
from advisor.advice.questionnaire.branches import backlog_is_bounded, has_quota, someone_waits
from advisor.advice.questionnaire.shape import MINUTES, PER_SECOND, Question, Section
from advisor.advice.words import count, number


def _limits_state(answers: Answers) -> str:
    provider, server = answers.provider, answers.synchronous
    calls = (
        "unlimited calls at once"
        if provider.max_concurrency is None
        else f"{count(provider.max_concurrency, 'call')} at once"
    )
    quota = "" if provider.requests_per_minute is None else f", {number(provider.requests_per_minute)} /min"
    return f"{calls}{quota}; {count(server.workers, 'worker')}"


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
            converters=(PER_SECOND,),
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
            "The rest of the quota is other workloads': it bounds the throughput further.",
            "%",
            "100",
            has_quota,
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
            "A longer backlog turns fewer requests away in a peak, and makes them wait longer. Empty: unlimited.",
            "requests",
            "100",
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
            "30",
            someone_waits,
            converters=(MINUTES,),
        ),
        Question(
            "synchronous.client_retries",
            "How often does the client try again by itself?",
            "Retries at two layers multiply: the advice warns with the product.",
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
