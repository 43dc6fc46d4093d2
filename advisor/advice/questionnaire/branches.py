"""When a question applies: what nobody is asked changes nothing."""

from collections.abc import Callable

from advisor.advice.answers import Answers


def someone_waits(answers: Answers) -> bool:
    return answers.caller.kind != "nobody"


def a_service_waits(answers: Answers) -> bool:
    return answers.caller.kind in ("internal", "partner")


def streams(answers: Answers) -> bool:
    return someone_waits(answers) and answers.caller.streams_response


def peaks(answers: Answers) -> bool:
    return answers.volume.trace is None and answers.volume.peak_to_mean > 1


def rate_matters(answers: Answers) -> bool:
    return answers.volume.trace is None


def has_quota(answers: Answers) -> bool:
    provider = answers.provider
    quotas = (provider.requests_per_minute, provider.input_tokens_per_minute, provider.output_tokens_per_minute)
    return any(quota is not None for quota in quotas)


def backlog_is_bounded(answers: Answers) -> bool:
    return answers.synchronous.backlog is not None


def retries(answers: Answers) -> bool:
    return answers.failures.max_retries > 0


def backs_off(answers: Answers) -> bool:
    return retries(answers) and answers.failures.retry_intervals_s is None


def anybody_backs_off(answers: Answers) -> bool:
    return backs_off(answers) or (someone_waits(answers) and answers.synchronous.client_retries > 0)


def others_react(answers: Answers) -> bool:
    return answers.subscribers.count > (1 if someone_waits(answers) else 0)


def outage(answers: Answers) -> bool:
    return answers.resilience.outage_minutes > 0


def has_class(name: str) -> Callable[[Answers], bool]:
    return lambda answers: name in answers.priorities.shares()
