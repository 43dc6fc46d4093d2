"""When a question applies: what nobody is asked changes nothing."""

from advisor.advice.answers import Answers


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
