"""Cross-checks of time limits, of what people stand, and of what has not been checked."""

import math

from advisor.advice import library
from advisor.advice.cautions.shape import Case, Check
from advisor.advice.facts import ATTENTION_S
from advisor.advice.polling import polling_interval_s
from advisor.advice.words import apart, duration, past, times


def _unchecked(case: Case) -> list[str]:
    facts = [library.hop_named(hop) for hop in case.answers.synchronous.hops if isinstance(hop, str)]
    profile = library.profiles().get(case.answers.provider.profile or "")
    waits = not case.point.caller.nobody
    return [fact.title for fact in facts if fact and fact.unchecked and waits] + (
        [profile.title] if profile and profile.unchecked else []
    )


def _no_immediate_answer(case: Case) -> str:
    p = case.point
    silence_s = min(p.inline.hop_idle_s, p.inline.client_timeout_s)
    at_p99 = f"{duration(p.inline.answer_p99_s)} at p99"
    if p.caller.streams and p.caller.first_token_s + p.inline.wait_s > silence_s:
        begins, beyond, silence = past(p.caller.first_token_s + p.inline.wait_s, silence_s)
        why = f"the stream begins after {begins}, {beyond} the {silence} of silence that the way allows"
    elif p.inline.answer_p50_s > p.inline.patience_s:
        takes, beyond, patience = past(p.inline.answer_p50_s, p.inline.patience_s)
        why = f"it takes {takes} at the median, {beyond} the {patience} that attention lasts, and {at_p99}"
    else:
        why = f"it takes {duration(p.inline.answer_p50_s)} at the median and {at_p99}, and no answer in line outlives "
        f"{duration(p.inline.hybrid_wait_s)}"
    return (
        f"The caller wants its answer at once, but {why}: answer with 202 and show progress, or make the work shorter."
    )


def _swings(case: Case) -> str:
    p = case.point
    peak = (
        f"its busiest {duration(p.load.peak_s)} ({times(p.load.peak_to_mean)} the mean)"
        if p.load.peak_s > 0
        else "no peak"
    )
    return (
        f"The advice takes {peak} from the recording, and the consumers come from formulas for steady arrivals. What swings slower or faster "
        "than that waits longer: simulate the recording before you size queues by it."
    )


def _gives_up(case: Case) -> str:
    slowest, timeout = apart(case.point.work.p99_s, case.point.inline.client_timeout_s)
    return f"In line the client gives up after {timeout}, before the slowest one in a hundred ({slowest}) is processed: the work goes on for nobody."


def _past_attention(case: Case) -> str:
    waits, beyond, attention = past(case.point.inline.inline_p99_s, ATTENTION_S)
    return f"A person waits {waits} at p99, {beyond} the {attention} that attention lasts: stream the answer, or show progress."


def _gone_before_asked(case: Case) -> str:
    kept, interval = apart(case.point.coupling.retention_s, polling_interval_s(case.point))
    return (
        f"Results are kept for {kept}, shorter than the polling interval of {interval}: a caller may miss its result."
    )


LIMITS: tuple[Check, ...] = (
    Check(
        "immediate_answer_impossible",
        "No answer in line can be immediate",
        "The caller wants its answer at once, but even the typical answer does not fit into the limits on the way.",
        lambda c: bool(c.point.caller.immediate) and c.style == "event_driven",
        _no_immediate_answer,
    ),
    Check(
        "timeout_under_p99",
        "The client gives up before the slowest answers",
        "A client timeout below p99 of processing: the work goes on for nobody.",
        lambda c: not c.point.caller.streams and c.point.inline.client_timeout_s < c.point.work.p99_s,
        _gives_up,
    ),
    Check(
        "past_attention",
        "A person waits longer than attention lasts",
        f"An answer in line that takes a person past {ATTENTION_S:g} s, and nothing that shows progress.",
        lambda c: (
            bool(c.point.caller.end_user)
            and c.style == "synchronous"
            and not c.point.caller.streams
            and c.point.inline.inline_p99_s > ATTENTION_S
        ),
        _past_attention,
    ),
    Check(
        "first_token_unknown",
        "The first token's time is not known",
        "A streamed answer must begin before the idle limits on the way, so its first token has to be measured.",
        lambda c: bool(c.point.caller.streams) and math.isnan(c.point.caller.first_token_s),
        lambda c: (
            "The answer streams, but nothing says when its first part comes: measure it, for the idle limits on the way count from the start."
        ),
    ),
    Check(
        "retention_too_short",
        "A result may be gone before it is asked for",
        "Results that are kept for a shorter time than the polling interval: a caller may miss its own.",
        lambda c: c.method == "polling" and c.point.coupling.retention_s < polling_interval_s(c.point),
        _gone_before_asked,
    ),
    Check(
        "recording_is_not_stationary",
        "Formulas miss how a recording swings",
        "The advice takes a recording's rate, its one peak and the unevenness of its gaps. Arrivals that swing in between wait longer than "
        "the formulas behind limits and consumers say: simulate the recording.",
        lambda c: c.answers.volume.trace is not None,
        _swings,
    ),
    Check(
        "unchecked_fact",
        "A limit has not been seen at its source",
        "A hop or a profile whose figures were not read in a first-hand source.",
        lambda c: bool(_unchecked(c)),
        lambda c: f"Not yet checked at the source: {', '.join(_unchecked(c))}. Check it before you rely on it.",
    ),
)
